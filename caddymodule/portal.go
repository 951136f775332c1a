package caddymodule

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

func init() { caddy.RegisterModule(new(Portal)) }

// Portal serves Gatehouse's API and pages under a prefix, and passes every other request on.
type Portal struct {
	PortalSettings

	app    *App
	strips bool                   // the site has a guard, or may have one
	names  func(host string) bool // the site is there for it
}

// CaddyModule returns the module's description.
func (*Portal) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gatehouse", New: func() caddy.Module { return new(Portal) }}
}

// Provision finds the app and tells it under which origins this portal is reached.
func (p *Portal) Provision(ctx caddy.Context) (err error) {
	if err := p.PortalSettings.check(); err != nil {
		return err
	}
	if p.app, err = appOf(ctx); err != nil {
		return err
	}
	at, err := siteOf(ctx)
	if err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	at.raiseHeaderLimit()
	if p.strips, p.names = at.hasGuard(), at.names(); p.strips {
		at.putFronts(ctx, p.app, true)
	}
	return p.app.sites.addPortal(at, p.prefix(), p.app.cfg.issuer)
}

// ServeHTTP answers requests under the prefix. The path is taken as Caddy decoded it, and never cleaned: what is not
// exactly one of our paths is not ours to guess (P17).
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	next = closeAfterResponse(w, r, next)
	ours, way := httpauth.HasPrefix(p.prefix(), r.URL.Path), passageOf(r)
	if ours && way != nil { // the site has another handler of ours before
		way.enter(r)
	}
	if err := sanitize.CheckForm(w, r, ours); err != nil {
		httpauth.SecureHeaders(w.Header(), p.app.https(r))
		w.Header().Set("Cache-Control", "no-store")
		httpauth.WriteError(w, r, p.app.logger, err)
		return nil
	}
	if !ours {
		strip := p.app.sites.strip.Load()
		if !p.strips || strip == nil || way != nil {
			return next.ServeHTTP(w, r)
		}
		// A guard may stand in a block of the site that this request never enters (P01).
		strip.Strip(r)
		way = p.app.newPassage(w, r)
		p.app.keepBack(way, r, false)
		caddyhttp.SetVar(r.Context(), passageVar, way)
		return way.finish(next.ServeHTTP(way, r))
	}
	c, err := p.app.await(r.Context())
	if err != nil {
		httpauth.WriteError(w, r, p.app.logger, err)
		return nil
	}
	in := p.app.requestInfo(r, p.names)
	in.Client.Portal = in.Client.Issuer + p.prefix()
	r = p.app.seen(r, in.HTTPS)
	c.handler(p.prefix(), r).ServeHTTP(w, r.WithContext(httpauth.WithRequestInfo(r.Context(), in)))
	return nil
}

// requestInfo gathers what is known of a request, from Caddy's own findings and the configuration only. names is of the site.
func (a *App) requestInfo(r *http.Request, names func(host string) bool) httpauth.RequestInfo {
	https := a.https(r)
	in := httpauth.RequestInfo{HTTPS: https, ServesHost: names, Jar: a.jar(https), Client: authcore.Client{
		Addr: clientAddr(r.Context()), UserAgent: audit.UserAgent(authcore.Client{UserAgent: r.UserAgent()}), Issuer: a.issuerFor(r, https),
		Lang: httpauth.Language(r),
	}}
	if names(strings.ToLower((&url.URL{Host: r.Host}).Hostname())) {
		in.Client.Origin = httpauth.HostOf(r, https)
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		in.RequestID, _ = repl.GetString("http.request.uuid")
	}
	return in
}

// https says whether the browser speaks https with us.
func (a *App) https(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	issuer := ""
	if a.cfg.issuer != nil {
		issuer = a.issuers()[0] // the configured one, as text
	}
	return httpauth.IsHTTPS(r, trusted, issuer)
}

// jar is where our cookies are.
func (a *App) jar(https bool) *httpauth.Jar {
	if https {
		return a.cfg.jars[1]
	}
	return a.cfg.jars[0]
}

// owns reports whether a token is ours, see [httpauth.Authenticator.OwnsToken]. Before the node has started no key is known.
func (a *App) owns(token string) bool {
	if c := a.core.Load(); c != nil {
		return c.auth.OwnsToken(token)
	}
	return strings.HasPrefix(token, session.Prefix) || (*jwtkeys.KeySet)(nil).Names(token, a.issuers())
}

// clientAddr is the client's address as Caddy's trusted_proxies decide it: never a header that anybody can send (L15).
func clientAddr(ctx context.Context) netip.Addr {
	text, _ := caddyhttp.GetVar(ctx, caddyhttp.ClientIPVarKey).(string)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// issuerFor returns the issuer of tokens and links of a request: the configured one; else that of the origins named in
// the configuration which the request came to. The Host header only chooses among them (R01).
func (a *App) issuerFor(r *http.Request, https bool) string {
	origins := a.issuers()
	if len(origins) == 1 {
		return origins[0]
	}
	host, port := r.Host, ""
	if h, p, err := net.SplitHostPort(r.Host); err == nil {
		host, port = h, p
	}
	host = strings.Trim(strings.ToLower(strings.TrimSuffix(host, ".")), "[]")
	best, points := "", -1
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil {
			continue
		}
		p := 0
		if u.Hostname() == host {
			p += 4
		}
		if u.Port() == port {
			p += 2
		}
		if (u.Scheme == "https") == https {
			p++
		}
		if p > points {
			best, points = o, p
		}
	}
	return best
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Portal)(nil)
	_ caddyhttp.MiddlewareHandler = (*Portal)(nil)
)

// seen returns the request with the host that the browser knows in place of the one that arrived, whose port may be that of this
// process alone: what ends TLS in front may pass on where it connects to, or no port.
func (a *App) seen(r *http.Request, https bool) *http.Request {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	if !trusted && (r.TLS != nil || !https) {
		return r // nobody stands between
	}
	front := ""
	if a.cfg.issuer != nil && a.cfg.issuer.Scheme == "https" {
		front = a.cfg.issuer.Host
	}
	host := httpauth.BrowserHost(r, https, trusted, front)
	if host == r.Host {
		return r
	}
	known := *r
	known.Host = host
	return &known
}
