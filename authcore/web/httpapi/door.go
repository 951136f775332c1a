package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// Door decides who makes a request, of the API and the pages as of guarded services: contract §3.1 to §3.5 in one place. It
// is safe for concurrent use.
type Door struct {
	verifier *accesstoken.Verifier
	sessions *session.Sessions
	origins  *Origins
	issuers  func() []string
	audience []string
	stale    func() bool
	unsure   func() bool // of what has expired
	trace    authcore.Trace
}

// NewDoor returns the door of an API of cfg.
func NewDoor(cfg Config) *Door {
	d := &Door{verifier: cfg.Verifier, sessions: cfg.Sessions, origins: cfg.Origins, issuers: cfg.Issuers, audience: cfg.Audience,
		stale: cfg.Stale, unsure: cfg.ClockWrong, trace: cfg.Trace}
	if d.origins == nil {
		d.origins = &Origins{}
	}
	if d.stale == nil {
		d.stale = func() bool { return false }
	}
	if d.unsure == nil {
		d.unsure = func() bool { return false }
	}
	if d.trace == nil {
		d.trace = authcore.NoTrace
	}
	return d
}

// Presented is what a request brings to be let in by.
type Presented struct {
	token string // "" where only a refresh cookie is there
	mode  authcore.Mode
	jar   *Jar
	names func(host string) bool
}

// Present looks for a credential and does not judge it. names is what [Incoming.Names] is. Refusals: AuthenticationRequired
// where there is none, and those of [Credential].
func Present(r *http.Request, jar *Jar, names func(host string) bool) (Presented, error) {
	token, mode, err := Credential(r, jar)
	if err != nil {
		return Presented{}, err
	}
	if token == "" && ReadCookie(r, jar.refresh) == "" {
		return Presented{}, authcore.Refuse(authcore.AuthenticationRequired, "Sign in first.")
	}
	return Presented{token, mode, jar, names}, nil
}

// Visitor is who a request is made by.
type Visitor struct {
	*accesstoken.Verified
	Renewed bool // the database has just said so, and the browser has new cookies
	// Forget is true beside a refusal for which the browser's cookies are dead. Whoever passes the refusal on has the browser
	// forget them, by [Door.Forget]; where it goes on to get new ones they stay, for another tab may have them by now.
	Forget bool
}

// Admit returns who makes the request that brings given. It decides from memory alone, unless a browser's access cookie will
// not do and its refresh cookie may: then it renews both, and asks incoming for whom it does. Refusals: InvalidToken, which
// may come with Forget; CrossOrigin; and Unavailable where renewal would need a store that is away, or the clock
// is wrong by which a bearer token seems to have expired.
func (d *Door) Admit(w http.ResponseWriter, r *http.Request, given Presented, incoming func(*http.Request) Incoming) (Visitor, error) {
	if given.mode == authcore.ModeBearer {
		switch v, outcome := d.lookup(given.token, given.mode); {
		case outcome == accesstoken.Admitted && given.cameTo(r, v.Host()):
			return Visitor{Verified: v}, nil
		case outcome == accesstoken.Invalid && d.unsure():
			return Visitor{}, errUnsure // told 401, programs throw away tokens that may be perfectly good
		}
		return Visitor{}, errInvalidToken
	}
	// From here on a cookie speaks, and a browser may send cookies on another page's behalf, which must not even cause a
	// renewal (B04, B11).
	if NeedsOrigin(r) {
		if err := d.origins.Check(r, given.jar.https); err != nil {
			return Visitor{}, err
		}
	}
	if given.token != "" {
		switch v, outcome := d.lookup(given.token, given.mode); {
		case outcome == accesstoken.Admitted && given.cameTo(r, v.Host()):
			return Visitor{Verified: v}, nil
		case outcome == accesstoken.Revoked:
			// What is revoked is never renewed: no query needed to know.
			return Visitor{Forget: true}, errInvalidToken
		}
	}
	return d.renew(w, r, incoming(r))
}

func (d *Door) renew(w http.ResponseWriter, r *http.Request, in Incoming) (Visitor, error) {
	within, done := d.trace(r.Context(), "renewal")
	tokens, err := Renew(w, r.WithContext(WithIncoming(within, in)), in, d.sessions)
	done(err)
	switch {
	case err == nil:
		return Visitor{Verified: d.verifier.Admit(tokens.Principal), Renewed: true}, nil
	case isDeadRefresh(err):
		return Visitor{Forget: true}, errInvalidToken
	case errors.Is(err, session.ErrOtherHost): // where it came from it is good
		return Visitor{}, errInvalidToken
	case authcore.CodeOf(err) == authcore.AuthenticationRequired:
		return Visitor{}, errInvalidToken // there was an access token, and it did not do
	}
	return Visitor{}, err
}

// Enter is Present and Admit for an API call or a page, for which [ErrStale] is a refusal too. A browser whose cookies are dead
// is told to forget them.
func (d *Door) Enter(w http.ResponseWriter, r *http.Request, in Incoming) (*authcore.Principal, error) {
	given, err := Present(r, in.Cookies(), in.Names)
	if err != nil {
		return nil, err
	}
	v, err := d.Admit(w, r, given, func(*http.Request) Incoming { return in })
	if v.Forget {
		d.Forget(w.Header(), r, in.Cookies())
	}
	if err != nil {
		return nil, err
	}
	if !v.Renewed && d.stale() {
		return nil, ErrStale // whoever is admitted by a view of revocations that is too old
	}
	p := v.Principal()
	return &p, nil
}

// lookup is the verifier's outcome, with issuer and audience demanded, of cached tokens as well: configurations that share a
// verifier differ in what they accept (T11).
func (d *Door) lookup(raw string, mode authcore.Mode) (*accesstoken.Verified, accesstoken.Outcome) {
	v, outcome := d.verifier.Lookup(raw, mode)
	if v == nil {
		return nil, outcome
	}
	if !v.Accepts(d.accepted()) {
		return nil, accesstoken.Invalid
	}
	return v, outcome
}

// accepted are the issuers and audiences that a token may name.
func (d *Door) accepted() (issuers, audience []string) {
	issuers, audience = d.issuers(), d.audience
	if len(audience) == 0 {
		audience = issuers
	}
	return issuers, audience
}

// verify is lookup for whoever wants the principal.
func (d *Door) verify(raw string, mode authcore.Mode) (*authcore.Principal, accesstoken.Outcome) {
	v, outcome := d.lookup(raw, mode)
	if v == nil {
		return nil, outcome
	}
	p := v.Principal()
	return &p, outcome
}

// givesUp returns whose session a request gives up by an access token: one that has expired is as good for that as any, for
// its session may live on. Nil where there is none to end, because it has ended or the token is none of ours; known is
// false for the latter.
func (d *Door) givesUp(raw string, mode authcore.Mode) (p *authcore.Principal, known bool) {
	p, outcome := d.verify(raw, mode)
	if p != nil || outcome != accesstoken.Invalid {
		return p, true
	}
	if p = d.verifier.Issued(raw, mode); p == nil {
		return nil, false
	}
	if issuers, audience := d.accepted(); !accesstoken.Accepts(p, issuers, audience) {
		return nil, false
	}
	return p, true
}

// EndCookies ends every session that the cookies of a request hold a token of, everywhere if that is asked for, and clears
// both cookies. Tokens that are dead already are no error. The caller has checked where the request came from. When it
// fails the cookies stay.
func (d *Door) EndCookies(w http.ResponseWriter, r *http.Request, in Incoming, everywhere bool) error {
	end, endByRefresh := d.sessions.Ends(everywhere)
	if raw := ReadCookie(r, in.Cookies().access); raw != "" {
		if p, _ := d.givesUp(raw, authcore.ModeCookie); p != nil {
			if err := end(r.Context(), p, in.Client); err != nil {
				return err
			}
		}
	}
	if token := ReadCookie(r, in.Cookies().refresh); token != "" {
		if err := endByRefresh(r.Context(), token, in.Client); err != nil {
			return err
		}
	}
	in.Cookies().SignedOut(w.Header())
	return nil
}

// ErrStale is told to a client whose session may have been ended without this node knowing.
var ErrStale = authcore.Refuse(authcore.Unavailable,
	"The gateway cannot check right now whether your session is still valid. Try again soon.")

var errUnsure = authcore.RefuseFor(authcore.Unavailable,
	"The gateway cannot check right now whether your token has expired, because its clock is wrong. Try again soon.", 10*time.Second)

var errInvalidToken = authcore.Refuse(authcore.InvalidToken, "The access token is invalid or no longer accepted. Refresh it or sign in again.")
