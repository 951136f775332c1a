package caddymodule

import (
	"context"
	"encoding/json"
	"os"
	"reflect"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// health is what the console shows of a running gateway: what the command doctor finds, without a file to read it from.
func (i inquiry) health(ctx context.Context) (portal.Health, error) {
	f, err := i.condition(ctx)
	if err != nil {
		return portal.Health{}, err
	}
	c, err := i.app.await(ctx)
	if err != nil {
		return portal.Health{}, err
	}
	f.configuration(i.app.provisioned(), i.app.cfg)
	// The list is mapped into memory: what counts is whether the next reload finds it.
	f.breachedFile(i.app.cfg, func(file string) error { _, err := os.Stat(file); return err })
	h := portal.Health{Parts: i.parts(c)}
	for _, x := range f.sorted().Findings {
		h.Findings = append(h.Findings, x.shown)
	}
	return h, nil
}

// parts are what the node depends on.
func (i inquiry) parts(c *core) []portal.Part {
	database := portal.Part{Name: "database", Detail: "SQLite", Fault: i.app.node.unstored()}
	if c.store.Dialect().Name == sqldb.Postgres {
		database.Detail = "PostgreSQL"
	}
	_, _, fault := c.notifier.Health()
	parts := []portal.Part{database, {Name: "mail", Fault: fault}}
	if _, fault, on := c.notifier.SMSHealth(); on {
		parts = append(parts, portal.Part{Name: "sms", Fault: fault})
	}
	if i.app.feed != nil {
		parts = append(parts, portal.Part{Name: "redis", Fault: i.app.feed.Cause()})
	}
	return parts
}

// provisioned returns the configuration that runs, as far as a doctor reads it: of what is provisioned Caddy keeps no JSON.
func (a *App) provisioned() (raw rawConfig) {
	raw.Apps.Gatehouse = &a.Settings
	raw.Admin.of(a.ctx)
	app, err := a.ctx.AppIfConfigured("http")
	sites, ok := app.(*caddyhttp.App)
	if err != nil || !ok {
		return raw
	}
	raw.Apps.HTTP.Servers = map[string]rawServer{}
	for name, srv := range sites.Servers {
		one := rawServer{Listen: srv.Listen, Routes: writtenRoutes(behindFront(srv.Routes)), TLS: make([]json.RawMessage, len(srv.TLSConnPolicies)), NamedRoutes: map[string]rawRoute{}}
		if trusts(srv) {
			one.TrustedProxies = json.RawMessage("true")
		}
		for name, route := range srv.NamedRoutes {
			one.NamedRoutes[name] = writtenRoutes(caddyhttp.RouteList{*route})[0]
		}
		raw.Apps.HTTP.Servers[name] = one
	}
	return raw
}

// writtenRoutes returns routes as the configuration has said them, as far as a doctor reads them.
func writtenRoutes(routes caddyhttp.RouteList) (list []rawRoute) {
	for _, route := range routes {
		one := rawRoute{Group: route.Group, Match: writtenOut(route.MatcherSets), Terminal: route.Terminal}
		for _, handler := range route.Handlers {
			module, ok := handler.(caddy.Module)
			if !ok {
				continue
			}
			h := struct {
				Handler string   `json:"handler"`
				Name    string   `json:"name,omitempty"`
				At      string   `json:"at,omitempty"`
				Shadow  bool     `json:"shadow,omitempty"`
				Accept  []string `json:"accept,omitempty"`
				Dialect struct {
					Name string `json:"name,omitempty"`
				} `json:"dialect"`
				Routes []rawRoute `json:"routes,omitempty"`
			}{Handler: caddy.GetModuleName(module)}
			switch m := handler.(type) {
			case *caddyhttp.Subroute:
				h.Routes = writtenRoutes(m.Routes)
			case *caddyhttp.Invoke:
				h.Name = m.Name
			case *Guard:
				h.At, h.Shadow, h.Accept = m.At, m.Shadow, m.Accept
			case *Dialect:
				h.At, h.Dialect.Name = m.At, m.is.Name
			}
			if text, err := json.Marshal(h); err == nil {
				one.Handle = append(one.Handle, text)
			}
		}
		list = append(list, one)
	}
	return list
}

// of reads the admin endpoint from the configuration that Caddy keeps to itself. Where it cannot be found nothing is said of it.
func (r *rawAdmin) of(ctx caddy.Context) {
	cfg := reflect.ValueOf(ctx).FieldByName("cfg")
	if !cfg.IsValid() || cfg.Kind() != reflect.Pointer || cfg.IsNil() {
		return
	}
	admin := cfg.Elem().FieldByName("Admin")
	if !admin.IsValid() || admin.Kind() != reflect.Pointer || admin.IsNil() {
		return
	}
	if disabled, listen := admin.Elem().FieldByName("Disabled"), admin.Elem().FieldByName("Listen"); disabled.IsValid() && listen.IsValid() {
		r.Disabled, r.Listen = disabled.Bool(), listen.String()
	}
}
