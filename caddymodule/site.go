package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// site is the site that a handler of ours stands in: a site block of a Caddyfile, or what is like one in a configuration of
// another make. It is the one answer to where a handler stands, and is good while that is provisioned.
//
// The adapter of Caddyfiles makes of a site block one route at the top of its server, which nothing follows and whose handler
// is a subroute with the site's routes. The only site of a server, if it answers to any name, has its routes there themselves.
type site struct {
	srv     *caddyhttp.Server
	routes  caddyhttp.RouteList // at the top of the server
	flat    bool                // the site has the server for itself
	apart   bool                // the handler stands in a named route, or one for errors: any of the server's sites may lead to it
	inBlock bool                // not every request of the site comes by the handler
}

// siteOf returns the site of the handler that is being provisioned. Caddy provisions a server's routes one after the other,
// and what it has provisioned is not there as raw JSON any more; named routes and those for errors come last.
func siteOf(ctx caddy.Context) (*site, error) {
	srv, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil, fmt.Errorf("find the site: the handler stands outside of an HTTP server")
	}
	depth := 0
	for _, mod := range ctx.Modules() {
		if _, ok := mod.(*caddyhttp.Subroute); ok {
			depth++
		}
	}
	routes := behindFront(srv.Routes)
	at := slices.IndexFunc(routes, isRaw)
	switch {
	case at < 0:
		return &site{srv: srv, routes: routes, apart: true, inBlock: true}, nil
	case wraps(routes[at]):
		return &site{srv: srv, routes: routes[at : at+1], inBlock: depth > 1}, nil
	}
	return &site{srv: srv, routes: routes, flat: true, inBlock: depth > 0 || conditional(routes[at])}, nil
}

// isRaw reports whether the handlers of a route are not all provisioned yet.
func isRaw(r caddyhttp.Route) bool { return r.HandlersRaw != nil }

// wraps reports whether a route at the top of a server is all of a site.
func wraps(r caddyhttp.Route) bool { return r.Terminal || len(matchedHosts(r)) > 0 }

// ours are the handlers of Gatehouse, by their names in JSON.
var ours = []string{"gatehouse", "gatehouse_dialect", "gatehouse_guard"}

func conditional(r caddyhttp.Route) bool { return len(r.MatcherSetsRaw)+len(r.MatcherSets) > 0 }

// portal returns the prefix of the portal that sees every request of the site before its guards do. Where several sites may
// lead to the handler, it is that of all of them.
func (s *site) portal() (prefix string, ok bool) {
	if s.apart {
		for i, one := range s.all() {
			found, has := one.portal()
			if !has || i > 0 && found != prefix {
				return "", false
			}
			prefix, ok = found, true
		}
		return prefix, ok
	}
	depth := 1
	if s.flat {
		depth = 0
	}
	for _, r := range s.routes {
		if s.flat && conditional(r) {
			continue
		}
		if prefix, ok = portalIn(r, depth); ok {
			return prefix, true
		}
	}
	return "", false
}

// hasPortal reports whether there is one.
func (s *site) hasPortal() bool {
	_, ok := s.portal()
	return ok
}

// all returns the sites of a server.
func (s *site) all() (sites []*site) {
	flat := false
	for i, r := range s.routes {
		if wraps(r) {
			sites = append(sites, &site{srv: s.srv, routes: s.routes[i : i+1]})
		} else {
			flat = true
		}
	}
	if flat {
		sites = append(sites, &site{srv: s.srv, routes: s.routes, flat: true})
	}
	return sites
}

// portalIn returns the prefix of a portal among the handlers of a route, or among those of its unconditional subroutes down
// to a depth.
func portalIn(route caddyhttp.Route, depth int) (prefix string, ok bool) {
	inner := func(routes caddyhttp.RouteList) bool {
		return depth > 0 && slices.ContainsFunc(routes, func(r caddyhttp.Route) bool {
			if conditional(r) {
				return false
			}
			prefix, ok = portalIn(r, depth-1)
			return ok
		})
	}
	for _, handler := range route.Handlers {
		switch h := handler.(type) {
		case *Portal:
			return h.prefix(), true
		case *caddyhttp.Subroute:
			if inner(h.Routes) {
				return prefix, true
			}
		}
	}
	for _, raw := range route.HandlersRaw {
		var h struct {
			Handler string              `json:"handler"`
			Routes  caddyhttp.RouteList `json:"routes"`
			PortalSettings
		}
		if json.Unmarshal(raw, &h) != nil {
			continue // its own provisioning says what is wrong
		}
		switch h.Handler {
		case "gatehouse":
			return h.prefix(), true
		case "subroute":
			if inner(h.Routes) {
				return prefix, true
			}
		}
	}
	return "", false
}

// hasGuard reports whether a guard stands, or may stand, anywhere in the site: in blocks, in named routes, among those for
// errors.
func (s *site) hasGuard() bool {
	routes := s.routes
	if s.srv.Errors != nil {
		routes = append(slices.Clone(routes), s.srv.Errors.Routes...)
	}
	return s.apart || slices.ContainsFunc(routes, func(r caddyhttp.Route) bool { return leadsTo(s.srv, r, []string{"gatehouse_guard"}) })
}

// leadsTo reports whether a route has a handler of one of the kinds somewhere inside, provisioned or not.
func leadsTo(srv *caddyhttp.Server, route caddyhttp.Route, kinds []string) bool {
	return (&search{srv: srv, kinds: kinds, seen: map[string]bool{}}).route(route)
}

// search looks for handlers of some kinds, by the names of their modules.
type search struct {
	srv   *caddyhttp.Server
	kinds []string
	seen  map[string]bool // named routes
}

func (s *search) route(r caddyhttp.Route) bool {
	for _, raw := range r.HandlersRaw {
		var v any
		if json.Unmarshal(raw, &v) == nil && s.raw(v) {
			return true
		}
	}
	for _, handler := range r.Handlers {
		if sub, ok := handler.(*caddyhttp.Subroute); ok && slices.ContainsFunc(sub.Routes, s.route) {
			return true
		}
		if invoke, ok := handler.(*caddyhttp.Invoke); ok && s.named(invoke.Name) {
			return true
		}
		if module, ok := handler.(caddy.Module); ok && s.wanted(caddy.GetModuleName(module)) {
			return true
		}
	}
	return false
}

// raw looks through a handler's JSON, whatever module it is of.
func (s *search) raw(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		handler, _ := v["handler"].(string)
		if name, _ := v["name"].(string); handler == "invoke" && s.named(name) || s.wanted(handler) {
			return true
		}
		for _, inner := range v {
			if s.raw(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, s.raw)
	}
	return false
}

func (s *search) wanted(handler string) bool { return slices.Contains(s.kinds, handler) }

// named goes on in a named route.
func (s *search) named(name string) bool {
	route := s.srv.NamedRoutes[name]
	if route == nil || s.seen[name] {
		return false
	}
	s.seen[name] = true
	return s.route(*route)
}

// hosts returns the host names and wildcards that the site answers to; none where it answers to any.
func (s *site) hosts() (names []string) {
	for _, r := range s.routes {
		found := matchedHosts(r)
		if len(found) == 0 {
			return nil
		}
		names = append(names, found...)
	}
	return names
}

// names tells of a host name, in lower case, whether the site is there for it: its address names it, or a wildcard in it does. A
// site that answers to any name is there for none, since whoever sends a request says which it is for: tokens of another host's
// child session would be good there, and codes for one (S04, C13). On a server for this machine alone it is there for this machine's names.
func (s *site) names() func(host string) bool {
	hosts, local := s.hosts(), boundToLoopback(s.srv.Listen)
	return func(host string) bool {
		if len(hosts) == 0 {
			return local && isLoopback(host)
		}
		return slices.Contains(hosts, host) || slices.ContainsFunc(hosts, func(pattern string) bool { return httpauth.MatchesHost(pattern, host) })
	}
}

// origins returns the origins under which the site is reached, as the configuration names them. It is an error if the site
// answers to names that are not written out: then links and `iss` would have to come from a Host header, which anybody can
// send (R01). Those that are written out are returned all the same.
func (s *site) origins() (origins []string, err error) {
	hosts := s.hosts()
	if len(hosts) == 0 {
		if !boundToLoopback(s.srv.Listen) {
			return nil, fmt.Errorf("option issuer: it is needed, since the site of a `gatehouse` directive (listening on %s) "+
				"answers to any host name; set `issuer https://…` in the global gatehouse block or name the site's host",
				strings.Join(s.srv.Listen, ", "))
		}
		hosts = []string{"localhost"}
	}
	for _, host := range hosts {
		if strings.ContainsAny(host, "*{") {
			err = fmt.Errorf("option issuer: it is needed, since the site %s of a `gatehouse` directive is not one exact host; "+
				"set `issuer https://…` in the global gatehouse block", host)
			continue
		}
		origins = append(origins, s.under(host)...)
	}
	return origins, err
}

// under returns the origins of the site for one of its hosts.
func (s *site) under(host string) (origins []string) {
	for _, addr := range s.srv.Listen {
		origins = append(origins, originOf(host, addr, len(s.srv.TLSConnPolicies) > 0))
	}
	return origins
}

// returns is where a sign-in may lead back to at the site, for [httpauth.HostAllowed]. Of a wildcard's names anybody may ask for
// one, so those of a site with TLS are for https alone; a site without may have a proxy in front that ends it. Where browsers
// reach the issuer they reach the site too: ports that a container or a proxy in front maps are in no site's address.
func (s *site) returns(issuer *url.URL) (hosts []string) {
	origins, _ := s.origins()
	for _, pattern := range s.hosts() {
		if strings.Contains(pattern, "*") && !unreturnable(pattern) {
			origins = append(origins, s.under(pattern)...)
		}
	}
	for _, origin := range origins {
		scheme, host, _ := strings.Cut(origin, "://")
		if strings.Contains(host, "*") && scheme == "https" {
			host = origin
		}
		hosts = append(hosts, host)
	}
	for _, name := range s.hosts() {
		if entry := inFront(name, issuer); entry != "" && !slices.Contains(hosts, strings.TrimPrefix(entry, "https://")) {
			hosts = append(hosts, entry)
		}
	}
	return hosts
}

// inFront is where browsers find one of the site's hosts if something in front has other ports than the site; "" for nowhere.
func inFront(name string, issuer *url.URL) string {
	if unreturnable(name) {
		return ""
	}
	name = strings.Trim(strings.ToLower(name), "[]")
	switch {
	case issuer != nil && issuer.Scheme == "https":
		return "https://" + httpauth.WithPort(name, issuer.Port())
	case issuer != nil && isLoopback(name):
		return httpauth.WithPort(name, issuer.Port())
	case issuer == nil && !isLoopback(name):
		return "https://" + httpauth.WithPort(name, "")
	}
	return ""
}

// unreturnable reports whether no sign-in leads back to a host that a site names. A placeholder Caddy reads anew at each
// request, so nobody can say before what it stands for; and a wildcard for the last label is any domain.
func unreturnable(host string) bool {
	return strings.Contains(host, "{") || host == "*" || strings.HasSuffix(host, ".*")
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
	return httpauth.IsLoopback(strings.TrimSuffix(strings.Trim(strings.ToLower(host), "[]"), "."))
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
	return httpauth.Origin(scheme, httpauth.WithPort(strings.Trim(host, "[]"), port))
}
