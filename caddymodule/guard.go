package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

func init() { caddy.RegisterModule(new(Guard)) }

// Guard admits requests of signed-in users and refuses the rest. It removes every identity header a client sends, on
// admitted, anonymous and unmatched requests alike, and sets them for the upstream.
//
// An admitted request has the placeholders {http.auth.user.id}, .email, .username, .name, .roles and .session_id.
//
// It is a handler of its own and no provider of http.authentication: that interface drops response headers, so a session
// could not be renewed in place, and it turns every technical error into 401, so that an outage would log people out.
type Guard struct {
	GuardSettings

	app     *App
	match   caddyhttp.MatcherSets
	headers []sanitize.IdentityHeader
	extra   []extraHeader
	login   string                 // login_url, or the portal's page on this host
	portal  string                 // prefix of the portal on this site; "" for none
	keep    []string               // as Go writes them
	utf8    bool                   // identity headers are not percent-encoded
	user    accesstoken.UserField  // what a user header holds
	fastCGI bool                   // a FastCGI service behind is told the user
	alone   bool                   // no portal on the site sees requests before
	first   bool                   // nor anything else of ours
	names   func(host string) bool // the site is there for it
	policy  access.Policy
}

// CaddyModule returns the module's description.
func (*Guard) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gatehouse_guard", New: func() caddy.Module { return new(Guard) }}
}

// Provision checks the settings and prepares everything that requests need.
func (g *Guard) Provision(ctx caddy.Context) (err error) {
	if err := g.GuardSettings.check(); err != nil {
		return fmt.Errorf("gatehouse_guard: %w", err)
	}
	if g.app, err = appOf(ctx); err != nil {
		return err
	}
	if err := g.limitStaleness(); err != nil {
		return err
	}
	if err := g.checkPeers(ctx); err != nil {
		return err
	}
	if g.app.sites.guards.Load() == 0 { // all guards are still as they were written
		if err := checkHandovers(ctx); err != nil {
			return err
		}
	}
	if err := g.checkLogin(ctx); err != nil {
		return err
	}
	if err := g.loadMatcher(ctx); err != nil {
		return fmt.Errorf("gatehouse_guard: load matcher: %w", err)
	}
	g.fastCGI = tellFastCGI(ctx)
	if err := g.joinSite(ctx); err != nil {
		return fmt.Errorf("gatehouse_guard: %w", err)
	}
	g.utf8, g.user = g.HeaderEncoding == "utf8", accesstoken.UserField(g.app.cfg.remoteUser)
	if g.headers, err = sanitize.IdentityHeaders(g.GuardSettings.Headers); err != nil {
		return fmt.Errorf("gatehouse_guard: %w", err)
	}
	for _, h := range g.Header {
		g.extra = append(g.extra, extraHeader{name: http.CanonicalHeaderKey(h.Name), template: h.Value})
	}
	for _, name := range g.Keep {
		g.keep = append(g.keep, http.CanonicalHeaderKey(name))
	}
	g.policy.Optional = g.Optional
	for _, r := range g.Require {
		g.policy.Rules = append(g.policy.Rules, r.policy())
	}
	return nil
}

// loadMatcher loads the guard's own matcher, and warns where it sees another path than services do.
func (g *Guard) loadMatcher(ctx caddy.Context) error {
	if len(g.MatcherSetsRaw) == 0 {
		return nil
	}
	readsPath, behind := g.readsPath(), g.handlersBehind(ctx) // while the matcher is as it was written
	sets, err := ctx.LoadModule(&g.GuardSettings, "MatcherSetsRaw")
	if err != nil {
		return err
	}
	if err := g.match.FromInterface(sets); err != nil {
		return err
	}
	if readsPath {
		g.warnOfRewrites(ctx, behind, nil)
	}
	return nil
}

// joinSite makes the guard one of its site's.
func (g *Guard) joinSite(ctx caddy.Context) error {
	at, err := siteOf(ctx)
	if err != nil {
		return err
	}
	var headers []string
	for _, h := range g.Header {
		headers = append(headers, h.Name)
	}
	g.app.sites.addGuard(at, g.app.cfg.issuer, headers, g.Keep)
	g.warnOfEverybody(ctx, at)
	g.warnOfErrorsOnly(ctx, at)
	prefix, hasPortal := at.portal()
	g.alone, g.portal, g.login, g.names = !hasPortal, prefix, g.LoginURL, at.names()
	g.first = !hasPortal && !at.inBlock
	if g.login == "" {
		if !hasPortal {
			return errors.New("login_url is required: this site has no `gatehouse` directive outside its blocks that sees every request")
		}
		g.login = prefix + "/login"
	}
	if !at.putFronts(ctx, g.app, hasPortal || !at.inBlock) {
		ctx.Slogger().Warn("gatehouse_guard is in a named route of a site without an address and without a gatehouse directive: " +
			"requests that its other blocks answer keep the identity headers that clients send, and Gatehouse's cookies; put " +
			"the guard, with a matcher, before the blocks")
	}
	if strings.HasPrefix(g.login, "/") {
		return nil
	}
	hosts := at.hosts()
	if len(hosts) == 0 && !boundToLoopback(at.srv.Listen) {
		ctx.Slogger().Warn("gatehouse_guard: login_url is on another host, and this site answers to any host name: sign-ins are " +
			"handed over only to hosts that the configuration names; add the host to the site's address")
	}
	for _, host := range hosts {
		if unreturnable(host) {
			ctx.Slogger().Warn("gatehouse_guard: login_url is on another host, and sign-in cannot lead back to this site's host " +
				host + ", whose names are unknown at start; write the name itself ({$NAME} works, because it is replaced while the file is read), or use " +
				"asterisks for labels before its domain")
		}
	}
	return nil
}

// requestInfo is what is known of a request to the guard's site.
func (g *Guard) requestInfo(r *http.Request) httpauth.RequestInfo {
	return g.app.requestInfo(r, g.names)
}

// ServeHTTP is the path of every guarded request. Nothing on it does I/O but the renewal, which only a browser whose
// access token is no longer good reaches.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	https := g.app.https(r)
	p := g.passage(r)
	if p != nil {
		if p.enter(r); p.admitted.Verified != nil {
			return g.again(p, w, r, next, https)
		}
	}
	g.app.sites.strip.Load().Strip(r) // first: whatever follows, no identity made by a client goes on
	if g.alone {
		next = closeAfterResponse(w, r, next)
		if err := sanitize.CheckForm(w, r, false); err != nil {
			return g.refuse(w, r, err, nil, https)
		}
	}
	if err := sanitize.CheckTarget(w, r); err != nil {
		return g.refuse(w, r, err, nil, https)
	}
	if done, err := g.host(w, r, https); done {
		return err
	}
	guarded, err := g.takes(r)
	if err != nil || !guarded {
		return g.onward(p, w, r, next, httpauth.Result{}, err)
	}
	who, err := g.identify(w, r, https)
	decided := access.Decide(access.Request{Who: who, Err: err, Stale: g.stale()}, &g.policy)
	switch {
	case decided.Err != nil:
		return g.refuse(w, r, decided.Err, decided.User, https)
	case decided.User == nil:
		guardOutcomes.count(guardAnonymous)
		return g.onward(p, w, r, next, httpauth.Result{}, nil)
	case who.Renewed:
		guardOutcomes.count(guardRenewed)
	default:
		guardAdmittedCount.Inc()
	}
	return g.onward(p, w, r, next, who, nil)
}

// identify finds out who the request is made by. Whoever brings nothing is told so before the node has started.
func (g *Guard) identify(w http.ResponseWriter, r *http.Request, https bool) (httpauth.Result, error) {
	given, err := httpauth.FindCredentials(r, g.app.jar(https), g.names)
	if err != nil {
		return httpauth.Result{}, err
	}
	c, err := g.app.await(r.Context())
	if err != nil {
		return httpauth.Result{}, err
	}
	if len(r.Header["Origin"]) > 0 { // it is held against the host that the browser knows
		r = g.app.seen(r, https)
	}
	who, err := c.auth.AuthenticateRequest(w, r, given, g.requestInfo)
	if who.ClearCookies {
		c.auth.ClearDeadCookies(w.Header(), r, g.app.jar(https))
	}
	return who, err
}

// stale reports whether this node has not learned of revocations for longer than this guard bears. A process that was
// suspended finds out here, at its first request, and not when its workers have caught up.
func (g *Guard) stale() bool {
	return g.policy.MaxStaleness > 0 && g.app.node.staleness.Exceeds(g.policy.MaxStaleness)
}

// passage returns the passage that the request is on; nil where no other handler of ours has begun one.
func (g *Guard) passage(r *http.Request) *passage {
	if g.first && !g.several() {
		return nil
	}
	return passageOf(r)
}

// several reports whether a request may come by another guard.
func (g *Guard) several() bool { return g.app.sites.guards.Load() > 1 }

// onward hands a request on to handlers that are not ours, unless an error keeps it from them. p is nil where no passage has
// begun; who is whom the guard lets in.
func (g *Guard) onward(p *passage, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, who httpauth.Result, err error) error {
	on := w
	if p == nil {
		p = g.app.newPassage(w, r)
		g.app.keepBack(p, r, who.Verified != nil && who.Credential() == authcore.BearerToken)
		if on = p; g.several() {
			caddyhttp.SetVar(r.Context(), passageVar, p)
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
	return p.finish(g.pass(p, r, who.Verified, next))
}

// pass hands an admitted request on, and keeps hold of it: it is cut when the session ends.
func (g *Guard) pass(p *passage, r *http.Request, who *accesstoken.Verified, next caddyhttp.Handler) error {
	on := p.Watch(g.app.node.connections, r, who.Holder(), g.policy.MaxStaleness)
	defer p.Release()
	err := next.ServeHTTP(p, on)
	if cut := p.Conclude(); cut != nil {
		p.head(http.StatusUnauthorized) // nothing of the service's stays on it
		return g.refuse(p.ResponseWriter, r, cut, nil, g.app.https(r))
	}
	return err
}

// again is the way through a guard of a request that another one has admitted: its own rules and headers apply as well.
func (g *Guard) again(p *passage, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, https bool) error {
	guarded, err := g.takes(r)
	if guarded && err == nil {
		if decided := access.Decide(access.Request{Who: p.admitted, Stale: g.stale()}, &g.policy); decided.Err != nil {
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

// takes prepares a request for what stands behind, and reports whether the guard takes it.
func (g *Guard) takes(r *http.Request) (bool, error) {
	if g.fastCGI {
		tellUser(r)
	}
	guarded, err := g.guards(r)
	if guarded {
		g.putBack(r)
	}
	return guarded, err
}

// guards reports whether the request is one of those that need a user. Where a matcher decides it, what has more
// than one reading is guarded whatever the matcher says.
func (g *Guard) guards(r *http.Request) (bool, error) {
	if len(g.match) == 0 || sanitize.Ambiguous(r) {
		return true, nil
	}
	if lower := strings.ToLower(r.Host); lower != r.Host { // only the matcher `host` itself does not see case
		given := r.Host
		r.Host = lower
		defer func() { r.Host = given }()
	}
	return g.match.AnyMatchWithError(r)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Guard)(nil)
	_ caddyhttp.MiddlewareHandler = (*Guard)(nil)
)
