package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
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
	headers []identityHeader
	extra   []extraHeader
	login   string // login_url, or the portal's page on this host
	portal  string // prefix of the portal on this site; "" for none
	rules   []rule
	keep    []string               // as Go writes them
	utf8    bool                   // identity headers are not percent-encoded
	user    accesstoken.UserField  // what a user header holds
	fastCGI bool                   // a FastCGI service behind is told the user
	alone   bool                   // no portal on the site sees requests before
	names   func(host string) bool // the site is there for it
	maxAge  time.Duration          // how old the view of revocations may be; 0 for any
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
	if err := g.settle(ctx); err != nil {
		return fmt.Errorf("gatehouse_guard: %w", err)
	}
	g.utf8, g.user = g.HeaderEncoding == "utf8", accesstoken.UserField(g.app.cfg.remoteUser)
	if g.headers, err = chosenHeaders(g.GuardSettings.Headers, g.user); err != nil {
		return fmt.Errorf("gatehouse_guard: %w", err)
	}
	for _, h := range g.Header {
		g.extra = append(g.extra, extraHeader{name: http.CanonicalHeaderKey(h.Name), template: h.Value})
	}
	for _, name := range g.Keep {
		g.keep = append(g.keep, http.CanonicalHeaderKey(name))
	}
	for _, r := range g.Require {
		g.rules = append(g.rules, ruleOf(r))
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

// settle makes the guard one of its site's.
func (g *Guard) settle(ctx caddy.Context) error {
	at, err := siteOf(ctx)
	if err != nil {
		return err
	}
	var headers []string
	for _, h := range g.Header {
		headers = append(headers, h.Name)
	}
	g.app.sites.addGuard(at, g.app.cfg.issuer, headers, g.Keep)
	prefix, hasPortal := at.portal()
	g.alone, g.portal, g.login, g.names = !hasPortal, prefix, g.LoginURL, at.names()
	if g.login == "" {
		if !hasPortal {
			return errors.New("login_url must be given, since this site has no `gatehouse` directive outside of its blocks, which sees every request")
		}
		g.login = prefix + "/login"
	}
	if !hasPortal && at.inBlock {
		ctx.Slogger().Warn("gatehouse_guard stands in a block of a site that has no gatehouse directive: requests which other " +
			"blocks answer keep the identity headers that their clients send; put the guard, with a matcher, before the blocks")
	}
	if strings.HasPrefix(g.login, "/") {
		return nil
	}
	hosts := at.hosts()
	if len(hosts) == 0 && !boundToLoopback(at.srv.Listen) {
		ctx.Slogger().Warn("gatehouse_guard: login_url is another host's page, and this site answers to any host name: a sign-in is " +
			"handed over only to hosts that the configuration names; write the site's host into its address")
	}
	for _, host := range hosts {
		if unreturnable(host) {
			ctx.Slogger().Warn("gatehouse_guard: login_url is another host's page, and no sign-in leads back to this site's host " +
				host + ", whose names are not known at start; write it out ({$NAME} is replaced while the file is read), or with " +
				"asterisks for labels before its domain")
		}
	}
	return nil
}

// incoming is what is known of a request to the guard's site.
func (g *Guard) incoming(r *http.Request) httpapi.Incoming { return g.app.incoming(r, g.names) }

// ServeHTTP is the path of every guarded request. Nothing on it does I/O but the renewal, which only a browser whose
// access token is no longer good reaches.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	several := g.app.sites.guards.Load() > 1
	if several {
		if who, ok := caddyhttp.GetVar(r.Context(), admittedVar).(httpapi.Visitor); ok {
			return g.again(w, r, next, who)
		}
		if lines, ok := caddyhttp.GetVar(r.Context(), cookiesVar).([]string); ok && len(lines) > 0 {
			r.Header["Cookie"] = lines
		}
	}
	g.app.sites.strip.Load().strip(r) // first: whatever follows, no identity made by a client goes on
	https := g.app.https(r)
	if g.alone {
		next = lastOnLink(w, r, next)
		if err := checkForm(w, r, false); err != nil {
			return g.refuse(w, r, err, https)
		}
	}
	if err := checkTarget(w, r); err != nil {
		return g.refuse(w, r, err, https)
	}
	if done, err := g.host(w, r, https); done {
		return err
	}
	if guarded, err := g.takes(r); err != nil {
		return err
	} else if !guarded {
		if several {
			caddyhttp.SetVar(r.Context(), cookiesVar, r.Header["Cookie"])
		}
		httpapi.StripOwnCookies(r.Header) // nobody behind us has a use for them, here neither
		return next.ServeHTTP(w, r)
	}
	who, err := g.identify(w, r, https)
	switch {
	case err == nil && g.stale(who):
		return g.refuse(w, r, httpapi.ErrStale, https)
	case err == nil:
	case g.Optional && authcore.IsAnonymous(err):
		guardOutcomes.count(guardAnonymous)
		httpapi.StripOwnCookies(r.Header)
		return next.ServeHTTP(w, r)
	default:
		return g.refuse(w, r, err, https)
	}
	if !g.allows(who.Verified) {
		return g.forbid(w, r, who.Verified, https)
	}
	g.forward(r, who.Verified)
	if several {
		caddyhttp.SetVar(r.Context(), admittedVar, who)
	}
	if who.Renewed {
		guardOutcomes.count(guardRenewed)
		w = &privateWriter{&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	} else {
		guardAdmittedCount.Inc()
	}
	return g.pass(w, r, who.Verified, next)
}

// admittedVar is where a guard leaves whom it has admitted for another guard on the request's way, which finds neither the
// credential nor identity headers of the client's any more.
const admittedVar = "gatehouse.admitted"

// cookiesVar is where a guard that leaves a request out keeps the cookies it strips, for a guard that does not.
const cookiesVar = "gatehouse.cookies"

// again is the way through a guard of a request that another one has admitted: its own rules and headers apply as well.
func (g *Guard) again(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, who httpapi.Visitor) error {
	guarded, err := g.takes(r)
	if err != nil {
		return err
	}
	if guarded {
		if g.stale(who) {
			return g.refuse(w, r, httpapi.ErrStale, g.app.https(r))
		}
		if !g.allows(who.Verified) {
			return g.forbid(w, r, who.Verified, g.app.https(r))
		}
		g.forward(r, who.Verified)
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
	if len(g.match) == 0 || ambiguous(r) {
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
