package caddymodule

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Where a handler stands decides which sign-in page a guard has, whether it checks requests by itself, and whether a portal
// removes identity headers for it (P01). Configurations are provisioned one at a time, since Caddy's default log is the
// process's.
func TestSite(t *testing.T) {
	const none = "login_url is required"
	const login = "{\nlogin_url /in\n}\n"
	for name, c := range map[string]struct{ sites, want string }{
		"a host":                        {"app.test {\ngatehouse\ngatehouse_guard\n}", "portal strips; guard /auth/login"},
		"any name":                      {":80 {\ngatehouse\ngatehouse_guard\n}", "portal strips; guard /auth/login"},
		"a prefix":                      {"app.test {\ngatehouse /id\ngatehouse_guard\n}", "portal strips; guard /id/login"},
		"no guard":                      {"app.test {\ngatehouse\n}", "portal"},
		"no portal":                     {"app.test {\ngatehouse_guard\n}", none},
		"no portal, any name":           {":80 {\ngatehouse_guard\n}", none},
		"a page by hand":                {"app.test {\ngatehouse_guard " + login + "}", "guard /in alone"},
		"a page by hand, any name":      {":80 {\ngatehouse_guard " + login + "}", "guard /in alone"},
		"with a matcher":                {":80 {\ngatehouse\ngatehouse_guard /x/*\n}", "portal strips; guard /auth/login"},
		"a block":                       {"app.test {\ngatehouse\nhandle /x/* {\ngatehouse_guard\n}\n}", "portal strips; guard /auth/login"},
		"a block, any name":             {":80 {\ngatehouse\nhandle /x/* {\ngatehouse_guard\n}\n}", "portal strips; guard /auth/login"},
		"a block of blocks":             {":80 {\ngatehouse\nroute {\nhandle /x/* {\ngatehouse_guard\n}\n}\n}", "portal strips; guard /auth/login"},
		"a block, no portal":            {"app.test {\nhandle /x/* {\ngatehouse_guard " + login + "}\n}", "front; guard /in alone"},
		"a block, no portal, any name":  {":80 {\nhandle /x/* {\ngatehouse_guard " + login + "}\n}", "front; guard /in alone"},
		"the portal in a block":         {"app.test {\nhandle /auth/* {\ngatehouse\n}\nhandle {\ngatehouse_guard\n}\n}", none},
		"the portal in a block, any":    {":80 {\nhandle /auth/* {\ngatehouse\n}\nhandle {\ngatehouse_guard\n}\n}", none},
		"a portal in a block, by hand":  {":80 {\nhandle /auth/* {\ngatehouse\n}\nhandle {\ngatehouse_guard " + login + "}\n}", "front; portal strips; guard /in alone"},
		"both in one block":             {"app.test {\nroute {\ngatehouse\ngatehouse_guard " + login + "}\n}", "front; portal strips; guard /in alone"},
		"another server's portal":       {":81 {\ngatehouse\n}\napp.test:80 {\ngatehouse_guard\n}", none},
		"another server's, any name":    {":81 {\ngatehouse\n}\n:80 {\ngatehouse_guard\n}", none},
		"another server's, by hand":     {":81 {\ngatehouse\n}\n:80 {\ngatehouse_guard " + login + "}", "guard /in alone; portal"},
		"another site's portal":         {"a.test {\ngatehouse\n}\nb.test {\ngatehouse_guard\n}", none},
		"another site's, any name":      {"a.test {\ngatehouse\n}\n:80 {\ngatehouse_guard\n}", none},
		"two sites":                     {"a.test {\ngatehouse\n}\nb.test {\ngatehouse /id\ngatehouse_guard\n}", "portal; portal strips; guard /id/login"},
		"a page elsewhere":              {"app.test {\ngatehouse_guard {\nlogin_url https://id.test/in\n}\n}", "guard https://id.test/in alone"},
		"a page elsewhere, any name":    {":80 {\ngatehouse_guard {\nlogin_url https://id.test/in\n}\n}", "guard https://id.test/in alone; unnamed"},
		"a page elsewhere, loopback":    {":80 {\nbind 127.0.0.1\ngatehouse_guard {\nlogin_url https://id.test/in\n}\n}", "guard https://id.test/in alone"},
		"a page elsewhere, a wildcard":  {"*.app.test {\ngatehouse_guard {\nlogin_url https://id.test/in\n}\n}", "guard https://id.test/in alone"},
		"a page elsewhere, env":         {"http://{env.APP} {\ngatehouse_guard {\nlogin_url https://id.test/in\n}\n}", "guard https://id.test/in alone; unknown"},
		"a page elsewhere, all domains": {"http://*.*, http://app.test {\ngatehouse_guard {\nlogin_url https://id.test/in\n}\n}", "guard https://id.test/in alone; unknown"},
		"a page here, env":              {"http://{env.APP} {\ngatehouse\ngatehouse_guard\n}", "portal strips; guard /auth/login"},
		"a named route":                 {"&(in) {\ngatehouse_guard\n}\napp.test {\ngatehouse\nhandle /x/* {\ninvoke in\n}\n}", "portal strips; guard /auth/login"},
		"a named route, any name":       {"&(in) {\ngatehouse_guard\n}\n:80 {\ngatehouse\nhandle /x/* {\ninvoke in\n}\n}", "portal strips; guard /auth/login"},
		"a named route by another":      {"&(in) {\ngatehouse_guard\n}\n&(out) {\ninvoke in\n}\n:80 {\ngatehouse\nhandle /x/* {\ninvoke out\n}\n}", "portal strips; guard /auth/login"},
		"a named route without":         {"&(in) {\nrespond x\n}\napp.test {\ngatehouse\ninvoke in\n}", "portal"},
		"a named route, two sites":      {"&(in) {\ngatehouse_guard\n}\na.test {\ngatehouse\ninvoke in\n}\nb.test {\ninvoke in\n}", none},
		"a named route, like sites":     {"&(in) {\ngatehouse_guard\n}\na.test {\ngatehouse\ninvoke in\n}\nb.test {\ngatehouse\ninvoke in\n}", "portal strips; portal strips; guard /auth/login"},
		"a named route, unlike sites":   {"&(in) {\ngatehouse_guard\n}\na.test {\ngatehouse\ninvoke in\n}\nb.test {\ngatehouse /id\ninvoke in\n}", none},
		"a named route, no portal":      {"&(in) {\ngatehouse_guard " + login + "}\n:80 {\ninvoke in\n}", "guard /in alone; warned"},
		"a guard for errors":            {"app.test {\ngatehouse\nhandle_errors {\ngatehouse_guard\n}\n}", "portal strips; front for errors; guard /auth/login"},
		"errors of a guard's site":      {"app.test {\ngatehouse_guard " + login + "handle_errors {\nrespond x\n}\n}", "guard /in alone; front for errors"},
		"errors alone":                  {"app.test {\ngatehouse\nhandle_errors {\nrespond x\n}\n}", "portal"},
		"two blocks, no portal":         {":80 {\nhandle /x/* {\ngatehouse_guard " + login + "}\nhandle /y/* {\ngatehouse_guard " + login + "}\n}", "front; guard /in alone; guard /in alone"},
		"two sites with blocks":         {"a.test {\nhandle /x/* {\ngatehouse_guard " + login + "}\n}\nb.test {\nhandle /x/* {\ngatehouse_guard " + login + "}\n}", "front; guard /in alone; front; guard /in alone"},
		"a named route, a host":         {"&(in) {\ngatehouse_guard " + login + "}\napp.test {\ninvoke in\n}\nother.test {\nrespond x\n}", "front; guard /in alone"},
		"a portal in a named route":     {"&(in) {\ngatehouse\n}\n:80 {\ninvoke in\ngatehouse_guard " + login + "}", "guard /in alone; portal strips"},
		"a header of a guard elsewhere": {"app.test {\ngatehouse\nhandle /x/* {\ngatehouse_guard {\nheader X-Team {http.auth.user.roles}\n}\n}\n}", "portal strips; guard /auth/login"},
	} {
		t.Run(name, func(t *testing.T) {
			if found := provisioned(t, c.sites); found != c.want && (c.want != none || !strings.Contains(found, none)) {
				t.Errorf("got %q, want %q", found, c.want)
			}
		})
	}
}

// TestC13_WhereSignInLeads: a site's wildcards take nothing from the exact names beside them, and are for its scheme and port.
func TestC13_WhereSignInLeads(t *testing.T) {
	for addresses, want := range map[string]string{
		"app.test": "app.test",
		"http://app.test:81, http://*.app.test:81":  "*.app.test:81 app.test:81",
		"*.app.test, app.test":                      "app.test https://*.app.test",
		"https://*.app.test:8443":                   "https://*.app.test:8443",
		"http://*.App.test":                         "*.app.test",
		"http://*.app.test, http://{env.APP}":       "*.app.test",
		"http://{env.APP}, http://a.test":           "a.test",
		"http://*, http://*.*, http://a.*":          "",
		"http://*.*.app.test, http://*.a.test:8080": "*.*.app.test *.a.test:8080",
		":81":                                   "",
		"https://id.test; app.test":             "app.test",
		"https://id.test; http://app.test:8080": "app.test:8080 https://app.test",
		"https://id.test; http://*.app.test:8080, http://app.test:8080":   "*.app.test:8080 app.test:8080 https://*.app.test https://app.test",
		"https://id.test; https://*.app.test:8443, https://app.test:8443": "app.test:8443 https://*.app.test https://*.app.test:8443 https://app.test",
		"https://id.test:9443; http://app.test:8080":                      "app.test:8080 https://app.test:9443",
		"https://id.test; http://{env.APP}:8080, http://*.*:8080":         "",
		"https://id.test; :8080":                                          "",
		"http://id.localhost; http://app.localhost:8080":                  "app.localhost app.localhost:8080",
		"http://id.localhost; http://app.test:8080":                       "app.test:8080",
	} {
		issuer, sites, ok := strings.Cut(addresses, "; ")
		if !ok {
			issuer, sites = "http://app.test", addresses
		}
		cfg := adaptedFor(t, issuer, t.TempDir(), sites+" {\ngatehouse_guard {\nlogin_url https://id.test/in\n}\n}")
		ctx, err := caddy.ProvisionContext(cfg)
		if err != nil {
			t.Fatal(err)
		}
		app, err := ctx.App("gatehouse")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(app.(*App).returnHosts(""), " "); got != want {
			t.Errorf("%s: got %q, want %q", addresses, got, want)
		}
	}
}

// adapted reads the sites of a Caddyfile into a configuration whose log is in a directory.
func adapted(t *testing.T, dir, sites string) *caddy.Config {
	t.Helper()
	return adaptedFor(t, "http://app.test", dir, sites)
}

func adaptedFor(t *testing.T, issuer, dir, sites string) *caddy.Config {
	t.Helper()
	text := "{\nadmin off\nauto_https off\nlog {\noutput file " + filepath.Join(dir, "log") + "\n}\ngatehouse {\nissuer " + issuer + "\ndata_dir " + dir + "\n}\n}\n"
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text+sites+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// provisioned tells what became of the portals and guards of a Caddyfile, in the order of servers and routes, or why it is
// refused.
func provisioned(t *testing.T, sites string) string {
	t.Helper()
	dir := t.TempDir()
	ctx, err := caddy.ProvisionContext(adapted(t, dir, sites))
	if err != nil {
		return err.Error()
	}
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	servers := app.(*caddyhttp.App).Servers
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		found = append(found, ofOurs(servers[name].Routes)...)
		if servers[name].Errors != nil {
			found = append(found, ofOurs(servers[name].Errors.Routes)...)
		}
		for _, route := range servers[name].NamedRoutes {
			found = append(found, ofOurs(caddyhttp.RouteList{*route})...)
		}
	}
	written, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for warning, name := range map[string]string{"is in a named route": "warned", "and this site answers to any host name": "unnamed", "sign-in cannot lead back to this site's host": "unknown"} {
		if strings.Contains(string(written), warning) {
			found = append(found, name)
		}
	}
	return strings.Join(found, "; ")
}

func ofOurs(routes caddyhttp.RouteList) (found []string) {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			switch h := handler.(type) {
			case *caddyhttp.Subroute:
				found = append(found, ofOurs(h.Routes)...)
				if h.Errors != nil {
					found = append(found, ofOurs(h.Errors.Routes)...)
				}
			case *front:
				what := "front"
				if h.errors {
					what += " for errors"
				}
				found = append(found, what)
			case *Portal:
				what := "portal"
				if h.strips {
					what += " strips"
				}
				found = append(found, what)
			case *Guard:
				what := "guard " + h.way.Login
				if h.way.Alone {
					what += " alone"
				}
				found = append(found, what)
			}
		}
	}
	return found
}
