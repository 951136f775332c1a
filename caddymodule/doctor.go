package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/breachlist"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// finding is one thing that `gatehouse doctor` has found.
type finding struct {
	ID    string `json:"id"`
	Level string `json:"level"`
	Where string `json:"where"` // a site, an option, or a place as file:line
	What  string `json:"what"`
	Do    string `json:"do"`
	shown portal.Finding
}

// findings are what a doctor has found, the worst first.
type findings struct {
	Findings []finding `json:"findings"`
}

// add notes a finding. text is its id, and perhaps a word behind a dot that tells the texts of one id apart; params are name and value in
// turn of what the text has places for.
func (f *findings) add(text, level, where string, params ...any) {
	id, _, _ := strings.Cut(text, ".")
	x := finding{ID: id, Level: level, Where: where, shown: portal.Finding{ID: id, Level: level, Where: where, Text: text, Params: params}}
	x.What, x.Do = text, text
	if english, err := page.English(); err == nil { // a test reads the texts
		x.What, x.Do = x.shown.Words(english)
	}
	f.Findings = append(f.Findings, x)
}

// sorted returns them by level, those of a level as they were found.
func (f findings) sorted() findings {
	order := []string{portal.FindingError, portal.FindingWarning, portal.FindingInfo}
	list := append([]finding{}, f.Findings...)
	slices.SortStableFunc(list, func(a, b finding) int { return slices.Index(order, a.Level) - slices.Index(order, b.Level) })
	return findings{list}
}

// failed reports whether one of them is an error.
func (f findings) failed() bool {
	return slices.ContainsFunc(f.Findings, func(x finding) bool { return x.Level == portal.FindingError })
}

// rawConfig is what a doctor reads of a configuration.
type rawConfig struct {
	Admin rawAdmin `json:"admin"`
	Apps  struct {
		Gatehouse *Settings `json:"gatehouse"`
		HTTP      struct {
			Servers map[string]rawServer `json:"servers"`
		} `json:"http"`
	} `json:"apps"`
}

type rawAdmin struct {
	Disabled bool   `json:"disabled"`
	Listen   string `json:"listen"`
}

type rawServer struct {
	Listen         []string            `json:"listen"`
	Routes         []rawRoute          `json:"routes"`
	TrustedProxies json.RawMessage     `json:"trusted_proxies"`
	NamedRoutes    map[string]rawRoute `json:"named_routes"`
	TLS            []json.RawMessage   `json:"tls_connection_policies"`
}

// examine looks through a configuration, as JSON; resolved are its settings. It reads the files that they name, and asks nobody.
func examine(config []byte, cfg *resolved) (f findings, err error) {
	var raw rawConfig
	if err := json.Unmarshal(config, &raw); err != nil {
		return f, fmt.Errorf("read the configuration: %w", err)
	}
	if raw.Apps.Gatehouse == nil {
		raw.Apps.Gatehouse = new(Settings)
	}
	f.breachedFile(cfg, readsBreached)
	f.configuration(raw, cfg)
	return f, nil
}

// configuration looks through what a configuration says.
func (f *findings) configuration(raw rawConfig, cfg *resolved) {
	f.adminEndpoint(raw)
	f.settings(raw.Apps.Gatehouse, cfg)
	guarded, tokens := map[string]bool{}, dialectTokens{}
	for _, name := range slices.Sorted(maps.Keys(raw.Apps.HTTP.Servers)) {
		f.server(raw.Apps.HTTP.Servers[name], cfg, guarded, &tokens)
	}
	f.dialects(tokens)
	for _, host := range cfg.redirectHosts {
		if !guarded[hostOnly(host)] {
			f.add("redirect_host_unguarded", portal.FindingWarning, "redirect_hosts "+host, "Host", host)
		}
	}
}

func hostOnly(host string) string {
	host = strings.TrimPrefix(strings.TrimPrefix(host, "https://"), "http://")
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// adminEndpoint: whoever reaches it owns the server.
func (f *findings) adminEndpoint(raw rawConfig) {
	if raw.Admin.Disabled || raw.Admin.Listen == "" {
		return
	}
	addr, err := caddy.ParseNetworkAddress(raw.Admin.Listen)
	if err == nil && (addr.IsUnixNetwork() || addr.IsFdNetwork() || isLoopback(addr.Host)) {
		return
	}
	f.add("admin_endpoint_open", portal.FindingError, "admin "+raw.Admin.Listen)
}

// settings looks at the options of the global block.
func (f *findings) settings(s *Settings, cfg *resolved) {
	if u, err := url.Parse(s.Database); err == nil && u.User != nil {
		if password, set := u.User.Password(); set && password != "" && !hasPlaceholder(s.Database) {
			f.add("secret_in_caddyfile", portal.FindingWarning, "database")
		}
	}
	if len(cfg.secrets) == 0 {
		f.add("secret_beside_database", portal.FindingInfo, cfg.dataDir)
	}
	var off []string
	for _, name := range slices.Sorted(maps.Keys(s.RateLimit)) {
		if s.RateLimit[name] == "off" {
			off = append(off, name)
		}
	}
	if len(off) > 0 {
		f.add("limits_off", portal.FindingWarning, "rate_limit "+strings.Join(off, ", "))
	}
	if cfg.lockout.off {
		f.add("lockout_off", portal.FindingWarning, "lockout off")
	}
	if !cfg.mailSet {
		f.add("mail.unset", portal.FindingWarning, "mail")
	}
	if issuer := cfg.issuer; issuer != nil && issuer.Scheme == "http" && !isLoopback(issuer.Hostname()) {
		f.add("http_cookies.issuer", portal.FindingWarning, "issuer "+issuer.String())
	}
}

// breachedFile looks whether the list of breached passwords can be used.
func (f *findings) breachedFile(cfg *resolved, check func(file string) error) {
	if cfg.password.breached == "" {
		return
	}
	file, err := readPlaceholders(cfg.password.breached)
	if err == nil {
		err = check(file)
	}
	if err != nil {
		f.add("breached_file", portal.FindingError, "password breached", "Error", err.Error(), "File", cfg.password.breached)
	}
}

// readsBreached reads a list of breached passwords in whole.
func readsBreached(file string) error {
	list, err := breachlist.Open(file)
	if err == nil {
		err = list.Close()
	}
	return err
}

// server looks at the sites of a server. guarded learns the hosts that have a guard, tokens what dialects issue and guards accept.
func (f *findings) server(srv rawServer, cfg *resolved, guarded map[string]bool, tokens *dialectTokens) {
	for _, site := range srv.Routes {
		w := &siteReading{named: srv.NamedRoutes, seen: map[string]bool{}, tokens: tokens}
		hosts := hostsOf(site)
		where := strings.Join(hosts, ", ")
		if where == "" {
			where = strings.Join(srv.Listen, ", ")
		}
		w.handlers(site.Handle, false)
		for _, h := range hosts {
			guarded[h] = guarded[h] || w.guard
		}
		if w.guard && w.bare > 0 {
			f.add("unguarded_upstream", portal.FindingWarning, where)
		}
		if w.late {
			f.add("guard_after_proxy", portal.FindingError, where)
		}
		for _, at := range w.shadows {
			f.add("shadow_guard", portal.FindingWarning, at)
		}
		if w.portal {
			f.plain(srv, cfg, hosts, where)
		}
	}
}

// plain looks at a site with a portal that serves plain http.
func (f *findings) plain(srv rawServer, cfg *resolved, hosts []string, where string) {
	public := slices.DeleteFunc(slices.Clone(hosts), isLoopback)
	if len(srv.TLS) > 0 || len(public) == 0 || !slices.ContainsFunc(srv.Listen, func(l string) bool { return !strings.HasSuffix(l, ":443") }) {
		return
	}
	switch {
	case cfg.issuer == nil:
		f.add("http_cookies.site", portal.FindingWarning, where)
	case cfg.issuer.Scheme == "https" && len(srv.TrustedProxies) == 0:
		f.add("untrusted_proxies", portal.FindingWarning, where)
	}
}

func hostsOf(r rawRoute) (hosts []string) {
	for _, set := range r.Match {
		var words []string
		if json.Unmarshal(set["host"], &words) == nil {
			hosts = append(hosts, words...)
		}
	}
	return hosts
}

// siteReading is what is found in the routes of one site.
type siteReading struct {
	named               map[string]rawRoute
	seen                map[string]bool
	guard, portal, late bool
	bare                int // proxies that no guard stands before
	proxied             bool
	shadows             []string
	tokens              *dialectTokens
}

// handlers reads handlers in their order. It reports whether a guard stands before what follows; behind says that one does already.
func (w *siteReading) handlers(list []json.RawMessage, behind bool) bool {
	proxied := false
	for _, raw := range list {
		var h struct {
			rawHandler
			Name    string                `json:"name"`
			Dialect struct{ Name string } `json:"dialect"`
		}
		if json.Unmarshal(raw, &h) != nil {
			continue
		}
		switch h.Handler {
		case "gatehouse":
			w.portal = true
		case "gatehouse_dialect":
			w.tokens.issued(h.Dialect.Name, h.At)
		case "gatehouse_guard":
			w.guard, behind = true, true
			w.tokens.guarded(h.Accept, h.At)
			if w.late = w.late || proxied || w.proxied; h.Shadow {
				w.shadows = append(w.shadows, cmpPlace(h.At))
			}
		case "reverse_proxy":
			if proxied = true; !behind {
				w.bare++
			}
		case "invoke":
			if route, ok := w.named[h.Name]; ok && !w.seen[h.Name] {
				w.seen[h.Name] = true
				behind = w.handlers(route.Handle, behind)
			}
		case "subroute":
			behind = w.routes(h.Routes, behind)
		}
	}
	return behind
}

// routes reads routes that follow each other. A guard in a route with conditions stands before that route's handlers alone.
func (w *siteReading) routes(routes []rawRoute, behind bool) bool {
	former := w.proxied
	defer func() { w.proxied = former }()
	for _, r := range routes {
		whole := len(r.Match) == 0 && r.Group == ""
		if found := w.handlers(r.Handle, behind); whole {
			behind = found
		}
		if whole && proxies(r.Handle) {
			w.proxied = true
		}
	}
	return behind
}

func proxies(list []json.RawMessage) bool {
	return slices.ContainsFunc(list, func(raw json.RawMessage) bool {
		var h struct{ Handler string }
		return json.Unmarshal(raw, &h) == nil && h.Handler == "reverse_proxy"
	})
}
