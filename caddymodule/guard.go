package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/guard"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

func init() { caddy.RegisterModule(new(Guard)) }

// Guard admits requests of signed-in users and refuses the rest. It removes every identity header a client sends, on
// admitted, anonymous and unmatched requests alike, and sets them for the upstream.
//
// An admitted request has the placeholders {http.auth.user.id}, .email, .username, .name, .roles,
// .session_id, .acr, .amr and .auth_time, and .fields.<name> for each `user_field` with `claim`.
//
// It is a handler of its own and no provider of http.authentication: that interface drops response headers, so a session
// could not be renewed in place, and it turns every technical error into 401, so that an outage would log people out.
type Guard struct {
	GuardSettings

	app   *App
	match caddyhttp.MatcherSets
	extra []extraHeader
	way   guard.Guard // without Caddy
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
	if g.app.edge.Guards() == 0 { // all guards are still as they were written
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
	g.way.Edge = g.app.edge
	if tellFastCGI(ctx) {
		g.way.Prepare = tellUser
	}
	if err := g.joinSite(ctx); err != nil {
		return fmt.Errorf("gatehouse_guard: %w", err)
	}
	g.way.UTF8, g.way.User = g.HeaderEncoding == "utf8", accesstoken.UserField(g.app.cfg.remoteUser)
	if len(g.Accept) > 0 {
		g.way.Accept = httpauth.Accept{NoCookie: !slices.Contains(g.Accept, "cookie"), NoBearer: !slices.Contains(g.Accept, "bearer"),
			Dialect: slices.Contains(g.Accept, "dialect"), Schemes: g.app.dialects.Schemes}
	}
	g.way.ForwardToken, g.way.Tell = g.ForwardToken, g.tell
	if g.way.Identity, err = sanitize.IdentityHeaders(g.GuardSettings.Headers); err != nil {
		return fmt.Errorf("gatehouse_guard: %w", err)
	}
	if err := checkOwnFields(g.Header, g.app.cfg.userFields); err != nil {
		return fmt.Errorf("gatehouse_guard: %w", err)
	}
	for _, h := range g.Header {
		g.extra = append(g.extra, extraHeader{name: http.CanonicalHeaderKey(h.Name), template: h.Value})
	}
	for _, name := range g.Keep {
		g.way.Keep = append(g.way.Keep, http.CanonicalHeaderKey(name))
	}
	g.way.Policy.Optional = g.Optional
	if g.Shadow {
		g.way.Shadow = &guard.Shadow{Where: g.place(), Logger: g.app.logger}
		g.app.sites.addShadow(g.place())
		g.app.cfg.warnings = append(g.app.cfg.warnings, g.place()+" has shadow: it refuses nobody, and requests that it would refuse go on without identity headers")
	}
	for _, r := range g.Require {
		r.apply(&g.way.Policy)
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
	if len(g.match) > 0 {
		g.way.Matches = g.matches
	}
	if readsPath {
		g.warnOfRewrites(ctx, behind, nil)
	}
	return nil
}

// place names the guard in messages.
func (g *Guard) place() string {
	if g.At == "" {
		return "gatehouse_guard"
	}
	return "gatehouse_guard at " + shortPlace(g.At)
}

// shortPlace is a file:line without the folder of the file.
func shortPlace(at string) string { return filepath.Base(at) }

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
	g.app.sites.addGuard(at, g.app.cfg.issuer)
	g.app.edge.AddGuard(headers, g.Keep)
	g.warnOfEverybody(ctx, at)
	g.warnOfErrorsOnly(ctx, at)
	g.warnOfRelated(ctx, at)
	prefix, hasPortal := at.portal()
	w := &g.way
	w.Alone, w.Portal, w.Login, w.ServesHost = !hasPortal, prefix, g.LoginURL, at.names()
	w.First = !hasPortal && !at.inBlock
	if w.Login == "" {
		if !hasPortal {
			return errors.New("login_url is required: this site has no `gatehouse` directive outside its blocks that sees every request")
		}
		w.Login = prefix + "/login"
	}
	if !at.putFronts(ctx, g.app, hasPortal || !at.inBlock) {
		ctx.Slogger().Warn("gatehouse_guard is in a named route of a site without an address and without a gatehouse directive: " +
			"requests that its other blocks answer keep the identity headers that clients send, and Gatehouse's cookies; put " +
			"the guard, with a matcher, before the blocks")
	}
	if strings.HasPrefix(w.Login, "/") {
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

// Interface guards
var (
	_ caddy.Provisioner           = (*Guard)(nil)
	_ caddyhttp.MiddlewareHandler = (*Guard)(nil)
)
