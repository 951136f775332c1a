package caddymodule

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

func init() { caddy.RegisterModule(new(Portal)) }

// Portal serves Gatehouse's API and pages under a prefix, and passes every other request on.
type Portal struct {
	PortalSettings

	app    *App
	strips bool                   // the site has a guard, or may have one
	baited *baited                // nil: there is no honey trap
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
	if len(p.app.cfg.trap.baits) > 0 {
		if err := p.app.checkBaits(p.prefix()); err != nil {
			return err
		}
		p.baited = &baited{p.app, at.srv, p.names}
	}
	if err := p.app.sites.addPortal(at, p.prefix(), p.app.cfg.issuer); err != nil {
		return err
	}
	at.srv.RegisterOnShutdown(func() { endStreams(p.app) }) // nor does a reload or the end of the process wait for them
	p.warnOfPasskeys(ctx, at)
	return nil
}

// ServeHTTP answers requests under the prefix. The path is taken as Caddy decoded it, and never cleaned: what is not
// exactly one of our paths is not ours to guess (P17).
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	e := p.app.edge
	on, ours := e.CloseAfterResponse(w, r, next), httpauth.HasPrefix(p.prefix(), r.URL.Path)
	begun := e.Enter(r, ours) // the site has another handler of ours before
	if err := sanitize.CheckForm(w, r, ours); err != nil {
		httpauth.SecureHeaders(w.Header(), e.HTTPS(r))
		w.Header().Set("Cache-Control", "no-store")
		httpauth.WriteError(w, r, p.app.logger, err)
		return nil
	}
	if ours || portal.InWellKnown(r.URL.Path) {
		if answered, err := p.answer(w, r, ours); err != nil {
			httpauth.WriteError(w, r, p.app.logger, err)
			return nil
		} else if answered {
			return nil
		}
	}
	if p.baited != nil && !ours {
		if taken, err := p.baited.take(w, r); taken {
			return err
		}
	}
	if p.strips && !begun && e.Guards() > 0 {
		return e.Front(w, r, on, false) // a guard may stand in a block of the site that this request never enters (P01)
	}
	return on.ServeHTTP(w, r)
}

// answer answers a request, and reports false for one that is the site's to answer. ours says that it is under the prefix.
func (p *Portal) answer(w http.ResponseWriter, r *http.Request, ours bool) (answered bool, err error) {
	c, err := p.app.await(r.Context())
	if err != nil {
		return false, err
	}
	e := p.app.edge
	in := e.RequestInfo(r, p.names)
	if p.baited != nil {
		in.IsProxy = p.baited.isProxy
	}
	in.Client.Portal = in.Client.Issuer + p.prefix()
	if !ours {
		return c.pages.WellKnown(w, r, p.prefix(), in), nil
	}
	r = e.AsBrowsersSee(r, in.HTTPS)
	c.handler(p.prefix(), r).ServeHTTP(w, r.WithContext(httpauth.WithRequestInfo(r.Context(), in)))
	return true, nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Portal)(nil)
	_ caddyhttp.MiddlewareHandler = (*Portal)(nil)
)
