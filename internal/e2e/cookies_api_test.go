package e2e

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"
)

// front is a way in front of the gateway: how a browser reaches it, and what its cookies must look like there.
type front struct {
	name   string
	plan   plan
	https  bool
	header map[string]string // what the proxy in front adds
}

var fronts = []front{
	{name: "http", plan: plan{}},
	{name: "https", https: true, plan: plan{caddy: "\tskip_install_trust\n\tauto_https disable_redirects",
		site: "http://127.0.0.1:<port> {\n\tbind 127.0.0.1\n\tgatehouse\n\trespond 204\n}\nhttps://localhost:<port2> {\n\tbind 127.0.0.1\n\ttls internal\n\tgatehouse\n\tgatehouse_guard\n\treverse_proxy <upstream>\n}\n"}},
	{name: "trusted proxy, https", https: true, header: map[string]string{"X-Forwarded-Proto": "https"},
		plan: plan{caddy: "\tservers {\n\t\ttrusted_proxies static 127.0.0.0/8\n\t}"}},
	{name: "trusted proxy, http", header: map[string]string{"X-Forwarded-Proto": "http"},
		plan: plan{caddy: "\tservers {\n\t\ttrusted_proxies static 127.0.0.0/8\n\t}"}},
	{name: "a stranger says https", header: map[string]string{"X-Forwarded-Proto": "https"}},
	{name: "https issuer", https: true, plan: plan{global: "\t\tissuer https://auth.example.com"}},
}

// through makes a JSON call as it arrives by this front.
func (f front) through(g *gateway, c call) call {
	c.path, c.header = "/auth"+c.path, f.header
	if f.name == "https" {
		c.base = g.fill("https://localhost:<port2>")
		c.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // a certificate of the gateway's own
	}
	return c
}

// startBehind runs a gateway that is reached by this front.
func startBehind(t testing.TB, f front) *gateway {
	t.Helper()
	g := start(t, f.plan)
	eventually(t, "the gateway answers by "+f.name, func() bool {
		a, err := g.try(f.through(g, call{path: "/healthz"}))
		return err == nil && a.status == 200
	})
	return g
}

// TestB01_CookieFlagsOfTheAPI reads every Set-Cookie of the API: of sign-up, proof, sign-in, refresh, sign-out, errors.
func TestB01_CookieFlagsOfTheAPI(t *testing.T) {
	t.Parallel()
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			g := startBehind(t, f)
			b := &user{email: freshEmail()}
			send := func(path string, body any) answer {
				t.Helper()
				a := g.do(t, f.through(g, call{method: "POST", path: path, body: body, cookies: b.cookies}))
				for _, line := range a.header.Values("Set-Cookie") {
					f.check(t, line)
				}
				b.takeCookies(t, a)
				return a
			}
			send("/register", object{"email": b.email, "password": password, "cookies": true}).must(t, 202, "")
			code := g.waitMail(t, b.email, 1).code
			send("/verify", object{"email": b.email, "otp": code, "cookies": true}).pair(t, true)
			send("/refresh", nil).pair(t, true)
			old := b.cookies[f.cookie("gatehouse_refresh")]
			send("/logout", nil).empty(t, 204)
			if len(b.cookies) != 0 {
				t.Errorf("after signing out the browser keeps %v", b.cookies)
			}
			send("/login", object{"login": b.email, "password": password, "cookies": true}).pair(t, true)
			g.do(t, f.through(g, call{path: "/me", cookies: b.cookies})).must(t, 200, "")
			b.cookies[f.cookie("gatehouse_refresh")] = old
			if a := send("/refresh", nil).must(t, 401, "invalid_refresh_token"); len(a.setCookies(t)) != 2 {
				t.Errorf("beside a dead token: %v", a.header)
			}
			if got := g.do(t, f.through(g, call{path: "/me"})).header.Get("Strict-Transport-Security"); (got != "") != f.https {
				t.Errorf("Strict-Transport-Security %q", got)
			}
		})
	}
}

func (f front) cookie(name string) string {
	if f.https {
		return "__Host-" + name
	}
	return name
}

func (f front) check(t *testing.T, line string) {
	t.Helper()
	c, err := http.ParseSetCookie(line)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(c.Name, "__Host-") != f.https || c.Secure != f.https || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
		c.Path != "/" || c.Domain != "" || len(c.Name)+len(c.Value) > 4095 {
		t.Errorf("Set-Cookie: %s", line)
	}
}

// TestB02_TossedCookiesAtTheAPI: of two cookies of one name neither counts, and over https none without the prefix does.
func TestB02_TossedCookiesAtTheAPI(t *testing.T) {
	t.Parallel()
	for _, f := range fronts[:3] {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			g := startBehind(t, f)
			victim, attacker := g.browser(t, f), g.browser(t, f)
			access, refresh := f.cookie("gatehouse"), f.cookie("gatehouse_refresh")
			ask := func(method, path, cookies string) answer {
				c := f.through(g, call{method: method, path: path})
				header := map[string]string{"Cookie": cookies}
				for name, value := range c.header {
					header[name] = value
				}
				c.header = header
				return g.do(t, c)
			}
			mine, planted := access+"="+victim.cookies[access], access+"="+attacker.cookies[access]
			ask("GET", "/me", mine).must(t, 200, "")
			for _, both := range []string{mine + "; " + planted, planted + "; " + mine, mine + "; " + access + "=", mine + "; x=1; " + mine} {
				ask("GET", "/me", both).want(t, 401, "authentication_required")
			}
			myRefresh, plantedRefresh := refresh+"="+victim.cookies[refresh], refresh+"="+attacker.cookies[refresh]
			ask("POST", "/refresh", myRefresh+"; "+plantedRefresh).want(t, 401, "invalid_refresh_token")
			ask("POST", "/refresh", plantedRefresh+"; "+myRefresh).want(t, 401, "invalid_refresh_token")
			// The name of the other variant, the old plain one over https, is nobody's.
			other := strings.TrimPrefix("__Host-"+access, "__Host-__Host-")
			ask("GET", "/me", other+"="+victim.cookies[access]).want(t, 401, "authentication_required")
			ask("POST", "/refresh", strings.TrimPrefix("__Host-"+refresh, "__Host-__Host-")+"="+victim.cookies[refresh]).want(t, 401, "invalid_refresh_token")
			if got := ask("GET", "/me", other+"="+attacker.cookies[access]+"; "+mine).must(t, 200, ""); got.text("id") != victim.id {
				t.Error("a planted cookie of the other name speaks for the victim")
			}
			ask("POST", "/refresh", myRefresh).pair(t, true)
		})
	}
}

// browser registers and signs a browser in by this front.
func (g *gateway) browser(t testing.TB, f front) *user {
	t.Helper()
	b := &user{email: freshEmail(), password: password}
	a := g.do(t, f.through(g, call{method: "POST", path: "/register", body: object{"email": b.email, "password": password}})).must(t, 202, "")
	body := object{"email": b.email, "otp": g.waitMail(t, b.email, 1).code, "registration": a.text("registration"), "cookies": true}
	b.take(t, g.do(t, f.through(g, call{method: "POST", path: "/verify", body: body})).must(t, 200, ""))
	return b
}

// TestB04_CrossOriginCallsOfTheAPI: calls that set or use cookies come from the same origin, a listed one or no browser.
func TestB04_CrossOriginCallsOfTheAPI(t *testing.T) {
	t.Parallel()
	g := shared(t)
	b := g.newBrowser(t)
	foreign := []map[string]string{{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
		{"Origin": "http://" + g.Host() + ".evil.example"}, {"Origin": g.url("/")}, {"Origin": strings.Replace(g.url(""), "http:", "https:", 1)},
		{"Origin": g.url(""), "Sec-Fetch-Site": "cross-site"}}
	calls := []call{
		{method: "POST", path: "/login", body: object{"login": b.email, "password": password, "cookies": true}},
		{method: "POST", path: "/register", body: object{"email": freshEmail(), "password": password, "cookies": true}},
		{method: "POST", path: "/verify", body: object{"token": "x", "registration": "x", "cookies": true}},
		{method: "POST", path: "/refresh", cookies: b.cookies}, {method: "POST", path: "/logout", cookies: b.cookies},
		{method: "PATCH", path: "/me", body: object{}, cookies: b.cookies}, {method: "PUT", path: "/me", body: object{}, cookies: b.cookies},
		{method: "POST", path: "/sessions/revoke", body: object{"all": true}, cookies: b.cookies},
		{method: "DELETE", path: "/sessions/" + b.sid, cookies: b.cookies},
		{method: "POST", path: "/devices/revoke", body: object{"all": true}, cookies: b.cookies},
	}
	for _, c := range calls {
		c.path = "/auth" + c.path
		for _, header := range foreign {
			c.header = header
			a := g.do(t, c)
			if a.problem(t, 403, "cross_origin"); len(a.setCookies(t)) > 0 {
				t.Errorf("%s %v sets cookies", c.path, header)
			}
			if len(a.header.Values("Access-Control-Allow-Origin")) > 0 {
				t.Errorf("%s %v is told that it may read this", c.path, header)
			}
		}
	}
	for _, header := range []map[string]string{nil, {"Origin": g.url("")}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}} {
		g.do(t, call{method: "PATCH", path: "/auth/me", body: object{}, cookies: b.cookies, header: header}).must(t, 200, "")
	}
	// A form cannot speak for anybody: neither its types nor an empty one.
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		a := g.do(t, call{method: "POST", path: "/auth/sessions/revoke", body: `{"all":true}`, cookies: b.cookies, header: map[string]string{"Content-Type": kind}})
		a.want(t, 415, "unsupported_media_type")
	}
	g.do(t, call{path: "/app", cookies: b.cookies}).must(t, 200, "")
}
