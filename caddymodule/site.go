package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// portalOrigins returns the origins under which the portals that are being provisioned now are reached, as the
// configuration names them. It is an error, if a portal answers to names that are not written out: then links and
// `iss` would have to come from a Host header, which anybody can send (R01).
func portalOrigins(ctx caddy.Context) (origins []string, err error) {
	eachSite(ctx, "gatehouse", func(srv *caddyhttp.Server, route caddyhttp.Route) {
		found, e := routeOrigins(srv, route)
		origins, err = append(origins, found...), errors.Join(err, e)
	})
	return origins, err
}

// guardedOrigins returns the origins of the sites with a guard that are being provisioned now, as far as the configuration
// names them: a browser may be sent back to these after a sign-in.
func guardedOrigins(ctx caddy.Context) (origins []string) {
	eachSite(ctx, "gatehouse_guard", func(srv *caddyhttp.Server, route caddyhttp.Route) {
		if found, err := routeOrigins(srv, route); err == nil {
			origins = append(origins, found...)
		}
	})
	return origins
}

// guardedNames returns the host names and wildcards of the sites with a guard that are being provisioned now.
func guardedNames(ctx caddy.Context) (names []string) {
	eachSite(ctx, "gatehouse_guard", func(_ *caddyhttp.Server, route caddyhttp.Route) {
		names = append(names, matchedHosts(route)...)
	})
	return names
}

// eachSite visits the top-level routes that hold a handler and are still to be provisioned. Routes that are provisioned
// have been visited for the handlers in them.
func eachSite(ctx caddy.Context, handler string, visit func(*caddyhttp.Server, caddyhttp.Route)) {
	app := httpApp(ctx)
	if app == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
		srv := app.Servers[name]
		for _, route := range srv.Routes {
			if slices.ContainsFunc(route.HandlersRaw, func(raw json.RawMessage) bool { return holds(raw, handler) }) {
				visit(srv, route)
			}
		}
	}
}

func httpApp(ctx caddy.Context) *caddyhttp.App {
	for _, mod := range ctx.Modules() {
		if app, ok := mod.(*caddyhttp.App); ok {
			return app
		}
	}
	return nil
}

// holds reports whether a raw handler is of the given kind or has one somewhere inside.
func holds(raw json.RawMessage, handler string) bool {
	if !bytes.Contains(raw, []byte(`"`+handler+`"`)) {
		return false
	}
	var v any
	return json.Unmarshal(raw, &v) == nil && contains(v, handler)
}

func contains(v any, handler string) bool {
	within := func(e any) bool { return contains(e, handler) }
	switch v := v.(type) {
	case map[string]any:
		return v["handler"] == handler || slices.ContainsFunc(slices.Collect(maps.Values(v)), within)
	case []any:
		return slices.ContainsFunc(v, within)
	}
	return false
}

func routeOrigins(srv *caddyhttp.Server, route caddyhttp.Route) ([]string, error) {
	hosts := matchedHosts(route)
	if len(hosts) == 0 {
		if !boundToLoopback(srv.Listen) {
			return nil, fmt.Errorf("option issuer: it is needed, since the site of a `gatehouse` directive (listening on %s) "+
				"answers to any host name; set `issuer https://…` in the global gatehouse block or name the site's host",
				strings.Join(srv.Listen, ", "))
		}
		hosts = []string{"localhost"}
	}
	var origins []string
	for _, host := range hosts {
		if strings.ContainsAny(host, "*{") {
			return nil, fmt.Errorf("option issuer: it is needed, since the site %s of a `gatehouse` directive is not one exact host; "+
				"set `issuer https://…` in the global gatehouse block", host)
		}
		for _, addr := range srv.Listen {
			origins = append(origins, originOf(host, addr, len(srv.TLSConnPolicies) > 0))
		}
	}
	return origins, nil
}

func matchedHosts(route caddyhttp.Route) []string {
	var hosts []string
	for _, set := range route.MatcherSets {
		for _, m := range set {
			switch m := any(m).(type) {
			case *caddyhttp.MatchHost:
				hosts = append(hosts, *m...)
			case caddyhttp.MatchHost:
				hosts = append(hosts, m...)
			}
		}
	}
	return hosts
}

func boundToLoopback(listen []string) bool {
	for _, l := range listen {
		addr, err := caddy.ParseNetworkAddress(l)
		if err != nil || !isLoopback(addr.Host) {
			return false
		}
	}
	return len(listen) > 0
}

// isLoopback reports whether a host name or address can only be this machine.
func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.Trim(strings.ToLower(host), "[]"), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func originOf(host, listen string, tls bool) string {
	port := ""
	if addr, err := caddy.ParseNetworkAddress(listen); err == nil {
		port = fmt.Sprint(addr.StartPort)
	}
	scheme := "http"
	if tls || port == "443" {
		scheme = "https"
	}
	host = strings.Trim(strings.ToLower(host), "[]")
	switch {
	case port == "" || (scheme == "http" && port == "80") || (scheme == "https" && port == "443"):
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + "://" + host
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// siteStripper returns what strips the requests of the site whose portal is being provisioned: the headers of all families
// and those that its guards set. Nil where it has no guard.
func siteStripper(ctx caddy.Context) *stripper {
	var names []string
	found := false
	for _, route := range siteRoutes(ctx) {
		for _, raw := range route.HandlersRaw {
			var v any
			if !bytes.Contains(raw, []byte(`"gatehouse_guard"`)) || json.Unmarshal(raw, &v) != nil {
				continue
			}
			found = true
			names = append(names, guardHeaders(v)...)
		}
	}
	if !found {
		return nil
	}
	return newStripper(names)
}

// guardHeaders returns the names of the `header` lines of all guards in a raw handler.
func guardHeaders(v any) (names []string) {
	switch v := v.(type) {
	case map[string]any:
		if v["handler"] == "gatehouse_guard" {
			lines, _ := v["header"].([]any)
			for _, line := range lines {
				if field, ok := line.(map[string]any); ok {
					if name, ok := field["name"].(string); ok && name != "" {
						names = append(names, name)
					}
				}
			}
			return names
		}
		for _, e := range v {
			names = append(names, guardHeaders(e)...)
		}
	case []any:
		for _, e := range v {
			names = append(names, guardHeaders(e)...)
		}
	}
	return names
}

// siteRoutes returns the routes among which the handler that is being provisioned stands. A site without a host matcher
// has no subroute of its own: its routes are the server's, and those of all servers are returned.
func siteRoutes(ctx caddy.Context) caddyhttp.RouteList {
	mods := ctx.Modules()
	for i := len(mods) - 1; i >= 0; i-- {
		if sub, ok := mods[i].(*caddyhttp.Subroute); ok {
			return sub.Routes
		}
	}
	var routes caddyhttp.RouteList
	if app := httpApp(ctx); app != nil {
		for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
			routes = append(routes, app.Servers[name].Routes...)
		}
	}
	return routes
}

// standsInBlock reports whether the handler that is being provisioned stands in a block (handle, route) of its site.
func standsInBlock(ctx caddy.Context) bool {
	depth := 0
	for _, mod := range ctx.Modules() {
		if _, ok := mod.(*caddyhttp.Subroute); ok {
			depth++
		}
	}
	return depth > 1
}

// siteHasPortal reports whether the site that is being provisioned has a portal, and its prefix.
func siteHasPortal(ctx caddy.Context) (prefix string, ok bool) {
	mods := ctx.Modules()
	for i := len(mods) - 1; i >= 0; i-- {
		if sub, isSub := mods[i].(*caddyhttp.Subroute); isSub {
			if prefix, ok = portalIn(sub.Routes); ok {
				return prefix, true
			}
		}
	}
	// A site without a host matcher has no subroute of its own: its routes are the server's.
	if app := httpApp(ctx); app != nil {
		for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
			if prefix, ok = portalIn(app.Servers[name].Routes); ok {
				return prefix, true
			}
		}
	}
	return "", false
}

func portalIn(routes caddyhttp.RouteList) (string, bool) {
	for _, r := range routes {
		for _, h := range r.Handlers {
			if p, ok := h.(*Portal); ok {
				return p.prefix(), true
			}
		}
		for _, raw := range r.HandlersRaw { // still there while the route is loaded
			var p struct {
				Handler string `json:"handler"`
				PortalSettings
			}
			if json.Unmarshal(raw, &p) == nil && p.Handler == "gatehouse" {
				return p.prefix(), true
			}
		}
	}
	return "", false
}
