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
)

// The levels of a finding.
const (
	findingError   = "error"
	findingWarning = "warning"
	findingInfo    = "info"
)

// finding is one thing that `gatehouse doctor` has found.
type finding struct {
	ID    string `json:"id"`
	Level string `json:"level"`
	Where string `json:"where"` // a site, an option, or a place as file:line
	What  string `json:"what"`
	Do    string `json:"do"`
}

// findings are what a doctor has found, the worst first.
type findings struct {
	Findings []finding `json:"findings"`
}

func (f *findings) add(id, level, where, what, do string) {
	f.Findings = append(f.Findings, finding{id, level, where, what, do})
}

// sorted returns them by level, those of a level as they were found.
func (f findings) sorted() findings {
	order := []string{findingError, findingWarning, findingInfo}
	list := append([]finding{}, f.Findings...)
	slices.SortStableFunc(list, func(a, b finding) int { return slices.Index(order, a.Level) - slices.Index(order, b.Level) })
	return findings{list}
}

// failed reports whether one of them is an error.
func (f findings) failed() bool {
	return slices.ContainsFunc(f.Findings, func(x finding) bool { return x.Level == findingError })
}

// rawConfig is what a doctor reads of a configuration.
type rawConfig struct {
	Admin *struct {
		Disabled bool   `json:"disabled"`
		Listen   string `json:"listen"`
	} `json:"admin"`
	Apps struct {
		Gatehouse *Settings `json:"gatehouse"`
		HTTP      struct {
			Servers map[string]rawServer `json:"servers"`
		} `json:"http"`
	} `json:"apps"`
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
	settings := raw.Apps.Gatehouse
	if settings == nil {
		settings = new(Settings)
	}
	f.adminEndpoint(raw)
	f.settings(settings, cfg)
	guarded := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(raw.Apps.HTTP.Servers)) {
		f.server(raw.Apps.HTTP.Servers[name], cfg, guarded)
	}
	for _, host := range cfg.redirectHosts {
		if !guarded[hostOnly(host)] {
			f.add("redirect_host_unguarded", findingWarning, "redirect_hosts "+host, "a sign-in may lead to "+host+", where no guard stands",
				"remove it from redirect_hosts, or put a gatehouse_guard into its site")
		}
	}
	return f, nil
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
	if raw.Admin == nil || raw.Admin.Disabled || raw.Admin.Listen == "" {
		return
	}
	addr, err := caddy.ParseNetworkAddress(raw.Admin.Listen)
	if err == nil && (addr.IsUnixNetwork() || addr.IsFdNetwork() || isLoopback(addr.Host)) {
		return
	}
	f.add("admin_endpoint_open", findingError, "admin "+raw.Admin.Listen, "Caddy's admin endpoint is reachable from other machines: whoever reaches it owns the server",
		"write admin unix//run/gatehouse/admin.sock, or an address of loopback")
}

// settings looks at the options of the global block.
func (f *findings) settings(s *Settings, cfg *resolved) {
	if u, err := url.Parse(s.Database); err == nil && u.User != nil {
		if password, set := u.User.Password(); set && password != "" && !hasPlaceholder(s.Database) {
			f.add("secret_in_caddyfile", findingWarning, "option database", "the password of the database stands in the configuration, which Caddy saves and shows unencrypted",
				"put the whole URL into {env.NAME} or {file./path}")
		}
	}
	if len(cfg.secrets) == 0 {
		f.add("secret_beside_database", findingInfo, cfg.dataDir, "no secret is set, so it lies in data_dir, beside a SQLite database: whoever copies the folder can open the keys",
			"set secret {file./path} with a file that backups of the database do not have")
	}
	var off []string
	for _, name := range slices.Sorted(maps.Keys(s.RateLimit)) {
		if s.RateLimit[name] == "off" {
			off = append(off, name)
		}
	}
	if len(off) > 0 {
		f.add("limits_off", findingWarning, "rate_limit "+strings.Join(off, ", "), "these calls can be made without limit", "remove the lines, or give them a rate")
	}
	if cfg.lockout.off {
		f.add("lockout_off", findingWarning, "lockout off", "nothing slows down guessing one account's password from many addresses", "remove lockout off")
	}
	if len(s.MailRaw) == 0 {
		f.add("mail", findingWarning, "option mail", "codes and links are written to files in data_dir and reach nobody", "set mail smtp …")
	}
	f.breachedFile(cfg)
	if issuer := cfg.issuer; issuer != nil && issuer.Scheme == "http" && !isLoopback(issuer.Hostname()) {
		f.add("http_cookies", findingWarning, "issuer "+issuer.String(), "tokens and passwords are sent unencrypted, and cookies are not Secure", "serve the issuer by https")
	}
}

func (f *findings) breachedFile(cfg *resolved) {
	if cfg.password.breached == "" {
		return
	}
	file, err := readPlaceholders(cfg.password.breached)
	if err == nil {
		var list *breachlist.List
		if list, err = breachlist.Open(file); err == nil {
			err = list.Close()
		}
	}
	if err != nil {
		f.add("breached_file", findingError, "password breached", err.Error(), "make it with gatehouse breached build <sha1-list> "+cfg.password.breached)
	}
}

// server looks at the sites of a server. guarded learns the hosts that have a guard.
func (f *findings) server(srv rawServer, cfg *resolved, guarded map[string]bool) {
	for _, site := range srv.Routes {
		w := &siteReading{named: srv.NamedRoutes, seen: map[string]bool{}}
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
			f.add("unguarded_upstream", findingWarning, where, "a service of this site is reached without passing its guard", "put gatehouse_guard before the blocks of the site, "+
				"with a matcher if not all of it needs a user")
		}
		if w.late {
			f.add("guard_after_proxy", findingError, where, "a gatehouse_guard stands behind reverse_proxy, which answers first: it guards nothing",
				"put the guard before reverse_proxy")
		}
		for _, at := range w.shadows {
			f.add("shadow_guard", findingWarning, at, "the guard has shadow: it refuses nobody", "remove shadow once its numbers are what you expect")
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
		f.add("http_cookies", findingWarning, where, "tokens and passwords are sent unencrypted, and cookies are not Secure", "serve the site by https, or set issuer if something in front does")
	case cfg.issuer.Scheme == "https" && len(srv.TrustedProxies) == 0:
		f.add("untrusted_proxies", findingWarning, where, "https ends at a proxy that trusted_proxies does not name: everyone has its address and shares one rate limit",
			"write servers { trusted_proxies static <the proxy's address> }")
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
}

// handlers reads handlers in their order. It reports whether a guard stands before what follows; behind says that one does already.
func (w *siteReading) handlers(list []json.RawMessage, behind bool) bool {
	proxied := false
	for _, raw := range list {
		var h struct {
			rawHandler
			Name string `json:"name"`
		}
		if json.Unmarshal(raw, &h) != nil {
			continue
		}
		switch h.Handler {
		case "gatehouse":
			w.portal = true
		case "gatehouse_guard":
			w.guard, behind = true, true
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
