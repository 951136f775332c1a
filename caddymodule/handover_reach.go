package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// checkHandovers looks, before any guard is provisioned, for guards that send browsers to sign in at another host although
// the end of a hand-over from there, /.gatehouse/handover, cannot reach a guard that takes it: one in a block of the site that
// the path does not enter, or behind a guard that has its sign-in page here. Whoever signs in for such a guard never arrives.
//
// Where the site has a portal it is an error, for leaving login_url out would be right. Elsewhere it is a warning: a block
// that only programs use has to name a sign-in page as well. What depends on more of a request than is known is believed to
// work.
func checkHandovers(ctx caddy.Context) error {
	servers := serversOf(ctx)
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		for _, host := range guardedHosts(servers[name]) {
			w := handoverWay{host: host, groups: map[string]bool{}}
			w.server(servers[name].Routes)
			stuck := w.stuck()
			if stuck == nil {
				continue
			}
			if w.portal {
				return fmt.Errorf("%s; remove login_url, because this site has its own sign-in page, or put the guard, "+
					"with a matcher, before the blocks of the site", stuck.text(host))
			}
			ctx.Slogger().Warn(stuck.text(host) + "; if people sign in there, put the guard, with a matcher, before the blocks of the site")
		}
	}
	return nil
}

// text says of a guard that nobody can be handed over to it.
func (g *rawGuard) text(host string) string {
	at := ""
	if g.Source != "" {
		at = g.Source + ": "
	}
	return fmt.Sprintf("%sgatehouse_guard: login_url: %s is on another host than the site %s, but %s, which completes a hand-over from there, "+
		"does not reach this guard, because the guard is in a block or behind another guard", at, shown(g.LoginURL), host, httpauth.HandoverPath)
}

// serversOf returns the servers that are being provisioned.
func serversOf(ctx caddy.Context) map[string]*caddyhttp.Server {
	for _, mod := range ctx.Modules() {
		if app, ok := mod.(*caddyhttp.App); ok {
			return app.Servers
		}
	}
	return nil
}

// guardedHosts returns the host names and wildcards of top-level routes with a guard.
func guardedHosts(srv *caddyhttp.Server) (hosts []string) {
	for _, route := range srv.Routes {
		if leadsTo(srv, route, []string{"gatehouse_guard"}) {
			hosts = append(hosts, matchedHosts(route)...)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// handoverWay is the way of GET /.gatehouse/handover through the routes of a server, for one host name or wildcard.
type handoverWay struct {
	host   string
	groups map[string]bool // of which a route has taken the request for certain
	all    []rawGuard      // every guard of the host
	first  []rawGuard      // those that may be the first to see the request
	portal bool            // the host has a portal that its guards find when they name none
	over   bool            // nothing that follows sees it
}

// rawGuard is a guard that is still to be provisioned.
type rawGuard struct{ GuardSettings }

// leadsAway reports whether the guard sends browsers to a host that the site is not there for.
func (g *rawGuard) leadsAway(host string) bool {
	u, err := url.Parse(g.LoginURL)
	return err == nil && u.Host != "" && !httpauth.MatchesHost(host, strings.ToLower(u.Hostname()))
}

// stuck returns a guard to which nobody can be handed over; nil if there is none.
func (w *handoverWay) stuck() *rawGuard {
	away := func(g rawGuard) bool { return g.leadsAway(w.host) }
	i := slices.IndexFunc(w.all, away)
	if i < 0 || slices.ContainsFunc(w.first, away) {
		return nil
	}
	return &w.all[i]
}

// rawRoute and rawHandler are what a configuration says of a route that is still to be provisioned.
type rawRoute struct {
	Group    string            `json:"group"`
	Match    []rawMatchers     `json:"match"`
	Handle   []json.RawMessage `json:"handle"`
	Terminal bool              `json:"terminal"`
}

type rawHandler struct {
	Handler string     `json:"handler"`
	Routes  []rawRoute `json:"routes"`
	GuardSettings
}

// server follows the routes of a server, whose matchers are loaded and whose handlers are not.
func (w *handoverWay) server(routes caddyhttp.RouteList) {
	for _, route := range routes {
		here := always
		if hosts := matchedHosts(route); len(hosts) > 0 {
			here = hostCertainty(hosts, w.host)
			if here == perhaps && !strings.Contains(strings.Join(hosts, ""), "{") {
				here = never // what a wildcard stands for and has a site of its own is looked at as that
			}
		}
		if here == never {
			continue
		}
		if here == always && !onlyHosts(route) {
			here = perhaps
		}
		if (&site{routes: caddyhttp.RouteList{route}, flat: !wraps(route)}).hasPortal() {
			w.portal = true
		}
		w.route(route.Group, here, route.Terminal, route.HandlersRaw)
		if here == always && route.Terminal {
			return // what follows is other sites'
		}
	}
}

// onlyHosts reports whether a route asks for nothing but hosts.
func onlyHosts(route caddyhttp.Route) bool {
	for _, set := range route.MatcherSets {
		for _, m := range set {
			switch any(m).(type) {
			case *caddyhttp.MatchHost, caddyhttp.MatchHost:
			default:
				return false
			}
		}
	}
	return true
}

// route follows a route that the request takes with the certainty given.
func (w *handoverWay) route(group string, taken certainty, terminal bool, handlers []json.RawMessage) {
	if w.over || group != "" && w.groups[group] {
		taken = never
	}
	for _, raw := range handlers {
		w.handler(raw, taken)
	}
	if taken == always {
		w.over = w.over || terminal
		if group != "" {
			w.groups[group] = true
		}
	}
}

func (w *handoverWay) handler(raw json.RawMessage, taken certainty) {
	var h rawHandler
	if json.Unmarshal(raw, &h) != nil {
		return // its own provisioning says what is wrong
	}
	switch h.Handler {
	case "gatehouse_guard":
		w.all = append(w.all, rawGuard{h.GuardSettings})
		if taken != never && !w.over {
			w.first = append(w.first, w.all[len(w.all)-1])
			w.over = taken == always
		}
	case "subroute":
		for _, route := range h.Routes {
			if hostsAmong(route.Match, w.host) == never {
				continue // it is for other hosts, whatever the path
			}
			w.route(route.Group, min(taken, anyOf(route.Match, w.host)), route.Terminal, route.Handle)
		}
	}
}

// certainty is whether a condition holds for the request, as far as that can be told from the configuration.
type certainty int

const (
	never certainty = iota
	perhaps
	always
)

func certain(is bool) certainty {
	if is {
		return always
	}
	return never
}

// rawMatchers is a set of matchers, all of which must hold.
type rawMatchers map[string]json.RawMessage

// anyOf is the certainty of alternatives, of which none at all means no condition.
func anyOf(sets []rawMatchers, host string) certainty {
	if len(sets) == 0 {
		return always
	}
	most := never
	for _, set := range sets {
		all := always
		for name, raw := range set {
			all = min(all, holdsFor(name, raw, host))
		}
		most = max(most, all)
	}
	return most
}

// holdsFor is the certainty of one matcher.
func holdsFor(name string, raw json.RawMessage, host string) certainty {
	var words []string
	switch name {
	case "path", "host", "method":
		if json.Unmarshal(raw, &words) != nil || strings.Contains(strings.Join(words, ""), "{") {
			return perhaps
		}
	}
	switch name {
	case "path":
		return pathCertainty(words)
	case "host":
		return hostCertainty(words, host)
	case "method":
		return certain(slices.Contains(words, "GET"))
	case "path_regexp":
		var by struct{ Pattern string }
		if json.Unmarshal(raw, &by) == nil {
			if pattern, err := regexp.Compile(by.Pattern); err == nil {
				return certain(pattern.MatchString(httpauth.HandoverPath))
			}
		}
	case "not":
		var sets []rawMatchers
		if json.Unmarshal(raw, &sets) == nil && len(sets) > 0 {
			return always - anyOf(sets, host)
		}
	}
	return perhaps
}

// hostsAmong is anyOf of the matchers for hosts alone.
func hostsAmong(sets []rawMatchers, host string) certainty {
	var hosts []rawMatchers
	for _, set := range sets {
		only := rawMatchers{}
		if raw, ok := set["host"]; ok {
			only["host"] = raw
		}
		hosts = append(hosts, only)
	}
	return anyOf(hosts, host)
}

func pathCertainty(patterns []string) certainty {
	path := caddyhttp.MatchPath(slices.Clone(patterns))
	if path.Provision(caddy.Context{}) != nil {
		return perhaps
	}
	ctx := context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, httpauth.HandoverPath, nil)
	if err != nil {
		return perhaps
	}
	matches, err := path.MatchWithError(r)
	if err != nil {
		return perhaps
	}
	return certain(matches)
}

// hostCertainty tells whether a request for a host name, or for any that a wildcard stands for, is one for any of the patterns.
func hostCertainty(patterns []string, host string) certainty {
	most := never
	for _, p := range patterns {
		switch {
		case httpauth.MatchesHost(p, strings.ToLower(host)):
			return always
		case strings.ContainsAny(p+host, "*{"):
			most = perhaps
		}
	}
	return most
}
