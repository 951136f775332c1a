package browser

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
)

// transportCaddyfile has a guarded page over https, and over http behind what may end https before it.
const transportCaddyfile = `{
	admin unix/.gatehouse.sock|0600
	skip_install_trust
	auto_https disable_redirects
	servers {
		trusted_proxies static 127.0.0.1/32 ::1/128
	}
	gatehouse {
		data_dir .gatehouse
` + noLimits + `	}
}

(guarded) {
	bind 127.0.0.1
	gatehouse
	gatehouse_guard
	header Content-Type "text/html; charset=utf-8"
	respond "<!doctype html><html lang=en><title>Service</title><h1>Hello, {http.request.header.Remote-Email}</h1>"
}

https://localhost:<port> {
	tls internal
	import guarded
}

http://localhost:<port2> {
	import guarded
}
`

// TestTransports: over http on loopback, over https, and over https that a trusted proxy ends: signing in works, and the
// cookies are those of the contract.
func TestTransports(t *testing.T) {
	t.Parallel()
	g := start(t, transportCaddyfile)
	plain := fmt.Sprintf("http://localhost:%d", g.Port2)
	behind := endTLS(t, fmt.Sprintf("http://127.0.0.1:%d", g.Port2))
	for _, c := range []struct {
		name, origin string
		https        bool
	}{{"http", plain, false}, {"https", g.secure(), true}, {"https at a proxy", behind, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, address := open(t, way{}), newAddress()
			p.visit(c.origin + "/wanted?x=1")
			p.at("/auth/login", "Sign in")
			if got := p.query("rd"); got != c.origin+"/wanted?x=1" {
				t.Errorf("rd is %s", got)
			}
			p.follow("Create an account")
			m := p.register(g, address)
			p.press("verify-form", "otp", m.code)
			p.see("Hello, " + address)
			if got := p.address(); got != c.origin+"/wanted?x=1" {
				t.Errorf("landed at %s", got)
			}
			checkCookies(t, p.cookies(c.origin+"/"), c.https)
			p.visit(c.origin + "/auth/account")
			p.press("logout-form")
			p.at("/auth/signed-out", "You are signed out")
			p.isOut(c.origin)
			p.signIn(address, password)
			p.see("Hello, " + address)
			checkCookies(t, p.cookies(c.origin+"/"), c.https)
		})
	}
}

// checkCookies checks the session's cookies against the contract, and that no other is less strict.
func checkCookies(t *testing.T, got map[string]*network.Cookie, https bool) {
	t.Helper()
	prefix, scheme := "", network.CookieSourceSchemeNonSecure
	if https {
		prefix, scheme = "__Host-", network.CookieSourceSchemeSecure
	}
	for _, name := range []string{"gatehouse", "gatehouse_refresh"} {
		if got[prefix+name] == nil {
			t.Fatalf("there is no %s: %v", prefix+name, got)
		}
	}
	for name, c := range got {
		if !strings.HasPrefix(name, prefix+"gatehouse") || !c.HTTPOnly || c.Secure != https || c.Path != "/" ||
			c.SameSite != network.CookieSameSiteLax || c.Domain != "localhost" || c.SourceScheme != scheme {
			t.Errorf("%+v", c)
		}
	}
}

// endTLS is a proxy that ends https before an address and says so.
func endTLS(t *testing.T, to string) string {
	t.Helper()
	s := httptest.NewTLSServer(proxy(t, to, nil))
	t.Cleanup(s.Close)
	return "https://localhost:" + portOf(t, s.URL)
}

// proxy passes requests on as they come, with X-Forwarded headers, and may change what comes back.
func proxy(t *testing.T, to string, change func(*http.Response) error) *httputil.ReverseProxy {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		ModifyResponse: change,
		ErrorLog:       log.New(io.Discard, "", 0), // a browser that goes away is no news
	}
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
