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

// checkLogin refuses a login_url that the guard itself guards, so that browsers would be sent there from there, again and
// again: a path on the site that is not the portal's, before a guard without a matcher that sees it for certain.
func (g *Guard) checkLogin(ctx caddy.Context) error {
	if len(g.MatcherSetsRaw) > 0 || !strings.HasPrefix(g.LoginURL, "/") {
		return nil
	}
	at, err := siteOf(ctx)
	if err != nil {
		return err
	}
	prefix, hasPortal := at.portal()
	to, err := url.Parse(g.LoginURL)
	if err != nil || !hasPortal || httpauth.HasPrefix(prefix, to.Path) || !at.allMeet(g.LoginURL) {
		return nil
	}
	source := ""
	if g.Source != "" {
		source = g.Source + ": "
	}
	return fmt.Errorf("%sgatehouse_guard: login_url: %s is covered by this guard itself, so browsers would be redirected there "+
		"again and again; remove login_url, because this site has its own sign-in page, %s/login, or give the guard a matcher that "+
		"excludes that page", source, shown(g.LoginURL), prefix)
}

// passing are handlers that pass every request on, under the path it has.
var passing = []string{"gatehouse", "gatehouse_guard", "vars", "map", "headers", "tracing", "log_append", "request_body", "encode"}

// allMeet reports whether every request for some host of the site, but those that its portal answers, meets the guard that is
// being provisioned and has this login_url. Where another handler may answer it before, or change its path, that is not known.
func (s *site) allMeet(login string) bool {
	own := s.hosts()
	for _, r := range s.srv.Routes {
		if r.HandlersRaw != nil {
			return onlyHosts(r) && loginWay(r.HandlersRaw, login) == meets
		}
		if !forOthers(matchedHosts(r), own) && slices.ContainsFunc(r.Handlers, mayAnswer) {
			return false
		}
	}
	return false
}

// forOthers reports whether a route for some hosts leaves hosts of the site to it; a site without any answers to all.
func forOthers(hosts, own []string) bool {
	if len(own) == 0 {
		return len(hosts) > 0
	}
	return len(hosts) > 0 && !slices.ContainsFunc(own, func(o string) bool { return hostCertainty(hosts, o) != never })
}

func mayAnswer(h caddyhttp.MiddlewareHandler) bool {
	m, ok := h.(caddy.Module)
	return !ok || !slices.Contains(passing, caddy.GetModuleName(m))
}

// encounter is what becomes of any request on its way through handlers, as far as that can be told from the configuration.
type encounter int

const (
	goesOn encounter = iota
	meets            // the guard
	unknown
)

// loginWay follows any request through handlers that are still as they were written.
func loginWay(handlers []json.RawMessage, login string) encounter {
	for _, raw := range handlers {
		var h rawHandler
		if json.Unmarshal(raw, &h) != nil {
			return unknown
		}
		switch {
		case h.Handler == "subroute":
			for _, route := range h.Routes {
				found := loginWay(route.Handle, login)
				switch sure := len(route.Match) == 0 && route.Group == "" && !route.Terminal; {
				case found != goesOn && sure:
					return found
				case found != goesOn || route.Terminal:
					return unknown
				}
			}
		case h.Handler == "gatehouse_guard" && len(h.MatcherSetsRaw) == 0 && !h.Optional:
			if h.LoginURL == login {
				return meets
			}
			return unknown
		case !slices.Contains(passing, h.Handler):
			return unknown
		}
	}
	return goesOn
}
