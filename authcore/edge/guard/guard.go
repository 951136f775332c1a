package guard

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// Guard admits requests of signed-in users and refuses the rest. It removes every identity header a client sends, on
// admitted, anonymous and unmatched requests alike, and sets them for the services behind. It is not changed while it serves.
type Guard struct {
	*Edge
	Policy       access.Policy
	Identity     []sanitize.IdentityHeader
	User         accesstoken.UserField // what a user's header holds
	UTF8         bool                  // identity headers are not percent-encoded
	ForwardToken bool                  // services get the bearer token
	Keep         []string              // headers of a gateway in front that are kept, as Go writes them
	Login        string                // the sign-in page
	Portal       string                // prefix of the portal on this site; "" for none
	Alone        bool                  // no portal on the site sees requests before
	First        bool                  // nor anything else of ours
	ServesHost   func(host string) bool
	Shadow       *Shadow // nil: the guard refuses
	Accept       httpauth.Accept

	// Matches reports whether the guard is for a request; nil is for all.
	Matches func(r *http.Request) (bool, error)
	// Prepare is called with a request before it is matched, and Tell with one that is admitted, for what the server passes on
	// besides headers; nil is nothing.
	Prepare func(r *http.Request)
	Tell    func(r *http.Request, of *accesstoken.Verified)
}

// Counts is told of every decision.
type Counts struct {
	Admitted, Renewed, Anonymous interface{ Inc() }
	Refused                      func(error)
	Shadowed                     func(error) // what a guard with Shadow would have refused
}

// Serve is the path of every guarded request. Nothing on it does I/O but the renewal, which only a browser whose
// access token is no longer good reaches.
func (g *Guard) Serve(w http.ResponseWriter, r *http.Request, next Next) error {
	https := g.HTTPS(r)
	p := g.passage(r)
	if p != nil {
		if p.enter(r); p.admitted.Verified != nil {
			return g.again(p, w, r, next, https)
		}
	}
	g.strip.Load().Strip(r) // first: whatever follows, no identity made by a client goes on
	if g.Alone {
		next = g.CloseAfterResponse(w, r, next)
		if err := sanitize.CheckForm(w, r, false); err != nil {
			return g.malformed(p, w, r, next, err, https)
		}
	}
	if err := sanitize.CheckTarget(w, r); err != nil {
		return g.malformed(p, w, r, next, err, https)
	}
	if r.Method == http.MethodOptions || strings.HasPrefix(r.URL.Path, httpauth.HostPrefix) {
		if done, err := g.host(w, r, https); done {
			return err
		}
	}
	guarded, err := g.takes(r)
	if err != nil || !guarded {
		return g.goOn(p, w, r, next, httpauth.Result{}, err, https)
	}
	who, err := g.identify(w, r, https)
	asked := access.Request{Who: who, Err: err, Stale: err == nil && g.Stale(), Now: g.at()}
	decided := access.Decide(asked, &g.Policy)
	switch {
	case decided.Err != nil && g.Shadow != nil:
		return g.pass(p, w, r, next, decided.Err, https)
	case access.Lacks(decided.Err):
		return g.askForMore(w, r, asked, https)
	case decided.Err != nil:
		return g.refuse(w, r, decided.Err, decided.User, https)
	case decided.User == nil:
		g.Counts.Anonymous.Inc()
		return g.goOn(p, w, r, next, httpauth.Result{}, nil, https)
	case who.Renewed:
		g.Counts.Renewed.Inc()
	default:
		g.Counts.Admitted.Inc()
	}
	return g.goOn(p, w, r, next, who, nil, https)
}

// takes prepares a request for what stands behind, and reports whether the guard takes it.
func (g *Guard) takes(r *http.Request) (bool, error) {
	if g.Prepare != nil {
		g.Prepare(r)
	}
	guarded, err := g.matches(r)
	if guarded && len(g.Keep) > 0 {
		g.putBack(r)
	}
	return guarded, err
}

// matches reports whether the request is one of those that need a user. Where a matcher decides it, what has more
// than one reading is guarded whatever the matcher says.
func (g *Guard) matches(r *http.Request) (bool, error) {
	if g.Matches == nil || sanitize.Ambiguous(r) {
		return true, nil
	}
	return g.Matches(r)
}

// identify finds out who the request is made by. Whoever brings nothing is told so before the node has started.
func (g *Guard) identify(w http.ResponseWriter, r *http.Request, https bool) (httpauth.Result, error) {
	jar, s := g.Jar(https), g.started.Load()
	given, err := g.credentials(r, jar, s)
	if err != nil {
		return httpauth.Result{}, err
	}
	if s == nil {
		if s, err = g.Await(r.Context()); err != nil {
			return httpauth.Result{}, err
		}
		if given, err = g.credentials(r, jar, s); err != nil {
			return httpauth.Result{}, err
		}
	}
	if len(r.Header["Origin"]) > 0 { // it is held against the host that the browser knows
		r = g.AsBrowsersSee(r, https)
	}
	who, err := s.Auth.AuthenticateRequest(w, r, given, g.requestInfo)
	if who.ClearCookies {
		s.Auth.ClearDeadCookies(w.Header(), r, jar)
	}
	return who, err
}

// credentials looks for what the guard accepts. Before the node has started, s is nil, that is anything that may be such.
func (g *Guard) credentials(r *http.Request, jar *httpauth.Jar, s *Started) (httpauth.Credentials, error) {
	if s == nil {
		if g.Accept.Dialect && len(r.Header["Authorization"]) == 1 {
			return httpauth.Credentials{}, nil
		}
		return httpauth.FindCredentials(r, jar, g.ServesHost)
	}
	return s.Auth.Find(r, jar, g.ServesHost, &g.Accept)
}

func (g *Guard) requestInfo(r *http.Request) httpauth.RequestInfo {
	return g.RequestInfo(r, g.ServesHost)
}

// at is the time of a request where the policy asks for it.
func (g *Guard) at() (now time.Time) {
	if g.Policy.Fresh > 0 {
		now = g.Now()
	}
	return now
}

// Stale reports whether this node has not learned of revocations for longer than this guard bears. A process that was
// suspended finds out here, at its first request, and not when its workers have caught up.
func (g *Guard) Stale() bool {
	return g.Policy.MaxStaleness > 0 && g.started.Load().Staleness.Exceeds(g.Policy.MaxStaleness)
}

// passage returns the passage that the request is on; nil where no other handler of ours has begun one.
func (g *Guard) passage(r *http.Request) *passage {
	if g.First && g.guards.Load() <= 1 {
		return nil
	}
	return g.passageOf(r)
}

// goOn hands a request on to handlers that are not ours, unless an error keeps it from them. p is nil where no passage has
// begun; who is whom the guard lets in.
func (g *Guard) goOn(p *passage, w http.ResponseWriter, r *http.Request, next Next, who httpauth.Result, err error, https bool) error {
	on := w
	if p == nil {
		p = g.newPassage(w, https)
		g.keepBack(p, r, who.Verified != nil && who.Credential() != authcore.SessionCookie)
		if on = p; g.guards.Load() > 1 { // it may come by another guard
			g.Server.Set(r, passageVar, p)
		}
	} else {
		p.leave(r)
	}
	p.admitted, p.renewed = who, who.Renewed
	if h := w.Header(); len(h["Set-Cookie"]) > 0 { // what we have set by now
		p.own = p.jar.Own(h)
	}
	if err != nil {
		return p.finish(err)
	}
	if who.Verified != nil {
		g.forward(p, r, who.Verified)
	}
	if begun, ok := on.(*passage); !ok || begun != p { // a handler between two of ours has wrapped the answer
		p = &passage{Answer: liveconn.Answer{ResponseWriter: w}, jar: p.jar, own: p.own, renewed: p.renewed}
	}
	if who.Verified == nil {
		return p.finish(next.ServeHTTP(p, r))
	}
	return p.finish(g.watch(p, r, who.Verified, next, https))
}

// forward prepares an admitted request for the services behind: the token stays here, unless it is to be forwarded, and headers
// say who the user is.
func (g *Guard) forward(p *passage, r *http.Request, v *accesstoken.Verified) {
	if v.Credential() != authcore.SessionCookie {
		if delete(r.Header, "Authorization"); g.ForwardToken {
			r.Header["Authorization"] = p.authorization
		}
	}
	id := g.IdentityOf(v)
	sanitize.SetIdentity(r.Header, g.Identity, &id, g.User)
	if g.Tell != nil {
		g.Tell(r, v)
	}
}

// IdentityOf returns who the token speaks for as headers carry it here.
func (g *Guard) IdentityOf(v *accesstoken.Verified) accesstoken.Identity {
	if g.UTF8 {
		return v.Text()
	}
	return v.Identity()
}

// watch hands an admitted request on, and keeps hold of it: it is cut when the session ends.
func (g *Guard) watch(p *passage, r *http.Request, who *accesstoken.Verified, next Next, https bool) error {
	on := p.Watch(g.started.Load().Connections, r, who.Holder(), g.Policy.MaxStaleness)
	defer p.Release()
	err := next.ServeHTTP(p, on)
	if cut := p.Conclude(); cut != nil {
		p.discard()
		return g.refuse(p.ResponseWriter, r, cut, nil, https)
	}
	return err
}

// again is the way through a guard of a request that another one has admitted: its own rules and headers apply as well.
func (g *Guard) again(p *passage, w http.ResponseWriter, r *http.Request, next Next, https bool) error {
	guarded, err := g.takes(r)
	if guarded && err == nil {
		asked := access.Request{Who: p.admitted, Stale: g.Stale(), Now: g.at()}
		if decided := access.Decide(asked, &g.Policy); decided.Err != nil && g.Shadow != nil {
			g.strip.Load().Strip(r) // what the guard before has said of the user
			return g.pass(p, w, r, next, decided.Err, https)
		} else if access.Lacks(decided.Err) {
			return g.askForMore(w, r, asked, https)
		} else if decided.Err != nil {
			return g.refuse(w, r, decided.Err, decided.User, https)
		}
		g.forward(p, r, p.admitted.Verified)
	}
	p.leave(r)
	if err != nil {
		return err
	}
	return next.ServeHTTP(w, r)
}
