package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// identityNames are the headers of every family as contract §3.6 lists them, the assertion, and those of `header` lines
// of the gateway that proxyGateway makes.
var identityNames = []string{
	"Remote-User", "Remote-Sub", "Remote-Email", "Remote-Name", "Remote-Groups",
	"X-Auth-User-Id", "X-Auth-Username", "X-Auth-Email", "X-Auth-Name", "X-Auth-Roles", "X-Auth-Session-Id",
	"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Preferred-Username", "X-Auth-Request-Groups",
	"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups",
	"X-WEBAUTH-USER", "X-WEBAUTH-EMAIL", "X-WEBAUTH-NAME", "X-WEBAUTH-GROUPS",
	"Gatehouse-Assertion", "X-User-Id", "X-Role",
}

// proxyGateway has guards of several kinds: on the first port with a matcher that leaves /public/* out, and error routes
// that go to the upstream as well; on the second an optional one; on
// the third, where there is no portal, one with headers none.
func proxyGateway(t testing.TB) *gateway {
	t.Helper()
	extra := "\t\theader X-User-Id {http.auth.user.id}\n\t\theader X-Role {http.auth.user.roles}\n"
	return sharedAs(t, "proxy", plan{site: `http://127.0.0.1:<port> {
	gatehouse
	@private not path /public/*
	gatehouse_guard @private {
		headers remote x_auth x_auth_request x_forwarded webauth
` + extra + `	}
	error /fails/* 500
	error /public/fails/* 500
	reverse_proxy <upstream>
	handle_errors {
		reverse_proxy <upstream>
	}
}
http://127.0.0.1:<port2> {
	gatehouse
	gatehouse_guard {
		optional
` + extra + `	}
	reverse_proxy <upstream>
}
http://127.0.0.1:<port3> {
	@private not path /public/*
	gatehouse_guard @private {
		login_url http://127.0.0.1:<port>/auth/login
		headers none
` + extra + `		forward_token
	}
	reverse_proxy <upstream>
}
`})
}

// routes are the ways through proxyGateway: where they go and whether the user is told to the upstream.
type route struct {
	name, addr, path string
	signedIn         bool
}

func routes(g *gateway) []route {
	second, third := fmt.Sprintf("127.0.0.1:%d", g.Port2), fmt.Sprintf("127.0.0.1:%d", g.Port3)
	return []route{
		{"guarded", g.Host(), "/app", true},
		{"left out by the matcher, signed in", g.Host(), "/public/x", true},
		{"left out by the matcher", g.Host(), "/public/x", false},
		{"error route", g.Host(), "/fails/x", true},
		{"error route left out by the matcher", g.Host(), "/public/fails/x", false},
		{"optional, signed in", second, "/app", true},
		{"optional, anonymous", second, "/app", false},
		{"headers none", third, "/app", true},
		{"no portal, left out by the matcher", third, "/public/x", false},
		{"no portal, left out by the matcher, signed in", third, "/public/x", true},
	}
}

// send makes a request with the given header lines over a route, signed in by u or not.
func send(t testing.TB, g *gateway, r route, u *user, lines string) *echo {
	t.Helper()
	if r.signedIn {
		lines += "Authorization: Bearer " + u.access + "\r\n"
	}
	return g.rawTo(t, r.addr, "GET "+r.path+" HTTP/1.1\r\nHost: "+r.addr+"\r\n"+lines+"\r\n").echo(t)
}

const closing = "Connection: close\r\n"

func TestP01_IdentitySpoof(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	u := g.newUser(t) // has no name and no role: what is missing is not left for the client to say
	others := []string{"X-Remote-User", "x-authentik-username", "X-Auth-User", "X-Pomerium-Claim-Email", "Cf-Access-Jwt-Assertion", "X-Amzn-Oidc-Data",
		"X-MS-Client-Principal", "Tailscale-User-Login", "X-Token-Subject", "X-Goog-Iap-Jwt-Assertion", "Remote!User", "Remote~User", "remote^user", "X|Authentik`Uid"}
	for _, r := range routes(g) {
		lines := closing
		for _, name := range append(others, identityNames...) {
			lines += name + ": spoofed\r\n"
		}
		e := send(t, g, r, u, lines)
		for _, h := range e.Headers {
			if h[1] == "spoofed" {
				t.Errorf("%s: the upstream got %s", r.name, h[0])
			}
		}
		for _, name := range identityNames {
			for _, h := range e.like(name) {
				if strings.Contains(h[1], "spoofed") || h[1] == "" {
					t.Errorf("%s: the upstream got %s: %q", r.name, h[0], h[1])
				}
			}
		}
	}
	e := send(t, g, routes(g)[0], u, closing)
	for name, want := range map[string]string{"Remote-User": u.email, "Remote-Sub": u.id, "Remote-Email": u.email, "Remote-Name": "", "Remote-Groups": "",
		"X-Auth-User-Id": u.id, "X-Auth-Username": u.username, "X-Auth-Email": u.email, "X-Auth-Name": "", "X-Auth-Roles": "", "X-Auth-Session-Id": u.sid,
		"X-Auth-Request-User": u.email, "X-Auth-Request-Email": u.email, "X-Auth-Request-Preferred-Username": u.username, "X-Auth-Request-Groups": "",
		"X-Forwarded-User": u.email, "X-Forwarded-Email": u.email, "X-Forwarded-Preferred-Username": u.username, "X-Forwarded-Groups": "",
		"X-WEBAUTH-USER": u.email, "X-WEBAUTH-EMAIL": u.email, "X-WEBAUTH-NAME": "", "X-WEBAUTH-GROUPS": "",
		"X-User-Id": u.id, "X-Role": "", "Gatehouse-Assertion": ""} {
		if got := e.get(t, name); got != want {
			t.Errorf("%s is %q, expected %q", name, got, want)
		}
		if n := len(e.like(name)); n > 1 || (n == 1) != (want != "") {
			t.Errorf("the upstream could take %d headers for %s", n, name)
		}
	}
}

func TestP02_Aliases(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	u := g.newUser(t)
	spell := []func(string) string{
		strings.ToLower, strings.ToUpper,
		func(s string) string { return strings.ReplaceAll(s, "-", "_") },
		func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "-", "_")) },
		func(s string) string { return strings.ReplaceAll(s, "-", ".") },
		func(s string) string { return strings.Replace(s, "-", "_", 1) },
		func(s string) string { return strings.ToLower(strings.Replace(s, "-", ".", 1)) },
	}
	for _, r := range routes(g) {
		for _, as := range spell {
			lines := closing
			for _, name := range identityNames {
				lines += as(name) + ": spoofed\r\n"
			}
			e := send(t, g, r, u, lines)
			for _, h := range e.Headers {
				if h[1] == "spoofed" {
					t.Errorf("%s: the upstream got %s: %s", r.name, h[0], h[1])
				}
			}
		}
		// Names that only look like ours are the client's to send.
		e := send(t, g, r, u, closing+"Remote-Users: theirs\r\nX-Auth: theirs\r\nX-Forwarded-Userx: theirs\r\nRemote: theirs\r\n")
		for _, name := range []string{"Remote-Users", "X-Auth", "X-Forwarded-Userx", "Remote"} {
			if e.get(t, name) != "theirs" {
				t.Errorf("%s: %s did not arrive", r.name, name)
			}
		}
	}
}

func TestP04_CaseRepeatsLists(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	u := g.newUser(t)
	for _, r := range routes(g) {
		for _, lines := range []string{
			"remote-user: spoofed\r\nRemote-User: spoofed\r\nREMOTE-USER: spoofed, spoofed\r\n",
			"Remote-User:spoofed\r\nRemote-User:\r\nRemote-User: \tspoofed \t\r\n",
			"X-Other: a\r\n Remote-User: spoofed\r\n",  // obs-fold
			"X-Other: a\r\n\tRemote-User: spoofed\r\n", // obs-fold
			"Remote-User : spoofed\r\n", " Remote-User: spoofed\r\n", "Remote-User\t: spoofed\r\n", "Remote-User\x00: spoofed\r\n", "Remote-User\r: spoofed\r\n",
			"X-Other: a\nRemote-User: spoofed\r\n", "X-Other: a\rRemote-User: spoofed\r\n",
			"Rem\u00f6te-User: spoofed\r\n", "Remote\u2010User: spoofed\r\n", "Remote User: spoofed\r\n",
		} {
			if r.signedIn {
				lines += "Authorization: Bearer " + u.access + "\r\n"
			}
			a := g.rawTo(t, r.addr, "GET "+r.path+" HTTP/1.1\r\nHost: "+r.addr+"\r\n"+closing+lines+"\r\n")
			if a.status == 400 {
				continue
			}
			e := a.echo(t)
			for _, h := range e.like("Remote-User") {
				if strings.Contains(h[1], "spoofed") {
					t.Errorf("%s, %q: the upstream got %q", r.name, lines, h)
				}
			}
			want := ""
			if r.signedIn && (r.path == "/app" || strings.HasPrefix(r.path, "/fails")) && r.name != "headers none" {
				want = u.email
			}
			if got := e.get(t, "Remote-User"); got != want {
				t.Errorf("%s, %.40q: Remote-User is %q, expected %q", r.name, lines, got, want)
			}
		}
	}
}

func TestP05_ConnectionStrip(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	u := g.newUser(t)
	guarded := routes(g)[0]
	for _, connection := range []string{
		"Connection: close, Remote-User\r\n", "connection: close, remote-user, REMOTE-SUB\r\n", "Connection: close\r\nConnection: Remote-User\r\nConnection: Remote-Sub\r\n",
		"Connection: close,remote_user,X.User.Id\r\n", "Connection: close, \tRemote-User\t ,Remote-Sub\r\n", "Connection: ,,Remote-User,,close\r\n",
		"Connection: close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Real-Ip, Forwarded, Via\r\n",
		"Connection: close, X-User-Id, X-Role, Gatehouse-Assertion, X-Auth-User-Id, X-Forwarded-User, X-WEBAUTH-USER, X-Auth-Request-User\r\n",
		"Connection: close, Cookie, Host, Authorization\r\n", "Connection: keep-alive, Remote-User, close\r\n",
		"Connection: close\r\nKeep-Alive: Remote-User\r\nProxy-Connection: Remote-User\r\n", "Connection: close\r\nTE: Remote-User\r\n",
	} {
		e := send(t, g, guarded, u, connection+"Cookie: theirs=1\r\nX-Their: 1\r\n")
		for name, want := range map[string]string{"Remote-User": u.email, "Remote-Sub": u.id, "X-User-Id": u.id, "X-Auth-User-Id": u.id, "X-Forwarded-User": u.email, "X-WEBAUTH-USER": u.email,
			"X-Auth-Request-User": u.email, "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": g.Host(), "X-Forwarded-Proto": "http", "Cookie": "theirs=1", "X-Their": "1"} {
			if got := e.get(t, name); got != want {
				t.Errorf("%q: %s is %q, expected %q", connection, name, got, want)
			}
		}
	}
	// forward_token: the token the guard accepted arrives whatever Connection says; what is the client's own may go.
	third := routes(g)[7]
	e := send(t, g, third, u, "Connection: close, Authorization, X-Their\r\nX-Their: 1\r\n")
	if e.get(t, "Authorization") != "Bearer "+u.access || e.get(t, "X-Their") != "" {
		t.Errorf("with forward_token the upstream got %v", e.Headers)
	}
}

func TestP06_ConnectionStripOnUpgrade(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	u := g.newUser(t)
	for _, connection := range []string{"Upgrade, Remote-User, X-User-Id", "remote-user, upgrade", "Upgrade\r\nConnection: Remote-Sub, remote_user"} {
		a := g.raw(t, "GET /_up/upgrade HTTP/1.1\r\nHost: "+g.Host()+"\r\nAuthorization: Bearer "+u.access+"\r\nUpgrade: websocket\r\nRemote-User: spoofed\r\nX_User_Id: spoofed\r\nConnection: "+connection+
			"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		if a.status != 101 {
			t.Fatalf("Connection: %s: %d %s", connection, a.status, a.body)
		}
		e := a.echo(t)
		for name, want := range map[string]string{"Remote-User": u.email, "Remote-Sub": u.id, "X-User-Id": u.id, "Upgrade": "websocket", "Authorization": ""} {
			if got := e.get(t, name); got != want || len(e.like(name)) > 1 {
				t.Errorf("Connection: %s: %s is %q, expected %q", connection, name, got, want)
			}
		}
	}
}

// TestP04_Trailers: contract §3.7 counts trailers too, announced or not.
func TestP04_Trailers(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	u := g.newUser(t)
	for _, r := range routes(g) {
		for i, announced := range []string{"", "Trailer: Remote-User, X-Theirs, remote_sub, Authorization, Cookie, Host, X-Remote-User\r\n", "trailer: X-Theirs\r\n"} {
			lines := announced
			if r.signedIn {
				lines += "Authorization: Bearer " + u.access + "\r\n"
			}
			a := g.rawTo(t, r.addr, "POST "+r.path+" HTTP/1.1\r\nHost: "+r.addr+"\r\nTE: trailers\r\n"+closing+"Transfer-Encoding: chunked\r\n"+lines+
				"\r\n4\r\nbody\r\n0\r\nRemote-User: spoofed\r\nremote_sub: spoofed\r\nX-Theirs: 1\r\nGatehouse-Assertion: spoofed\r\nX-Role: spoofed\r\n"+
				"X-Remote-User: spoofed\r\nAuthorization: spoofed\r\nCookie: spoofed\r\nHost: spoofed\r\nProxy-Authorization: spoofed\r\n\r\n")
			if a.status == 400 {
				continue
			}
			e := a.echo(t)
			for _, name := range identityNames {
				for _, h := range e.like(name) {
					if h[1] == "spoofed" {
						t.Errorf("%s, %q: the upstream got the trailer %q", r.name, announced, h)
					}
				}
			}
			for _, h := range append(e.Headers, e.Trailers...) {
				if h[1] == "spoofed" {
					t.Errorf("%s, %q: the upstream got %q", r.name, announced, h)
				}
			}
			if i == 1 && len(e.like("X-Theirs")) != 1 {
				t.Errorf("%s: the client's own trailer did not arrive: %v", r.name, e.Trailers)
			}
			if e.Body != "body" {
				t.Errorf("%s: body %q", r.name, e.Body)
			}
			for _, line := range e.all("Trailer") {
				if lower := strings.ToLower(line); strings.Contains(lower, "remote") || strings.Contains(lower, "cookie") || strings.Contains(lower, "auth") {
					t.Errorf("%s: announced to the upstream: %s", r.name, line)
				}
			}
		}
	}
}

func TestP09_ForwardedHeadersDecideNothing(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	for _, name := range []string{"X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Auth-Request-Redirect", "X-Envoy-Original-Path"} {
		g.do(t, call{path: "/app", header: map[string]string{name: "/public/x"}}).want(t, 401, "authentication_required")
	}
	for name, value := range map[string]string{"X-Forwarded-Method": "OPTIONS", "X-HTTP-Method-Override": "OPTIONS", "X-Forwarded-Host": "evil.test", "X-Forwarded-Port": "1", "X-Forwarded-For": "127.0.0.1",
		"X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "Forwarded": "for=127.0.0.1;proto=https;host=evil.test"} {
		g.do(t, call{path: "/app", header: map[string]string{name: value}}).want(t, 401, "authentication_required")
		a := g.do(t, call{path: "/app", header: map[string]string{"Accept": "text/html", name: value}})
		if want := "/auth/login?rd=" + url.QueryEscape(g.url("/app")); a.header.Get("Location") != want {
			t.Errorf("%s: %s leads to %s", name, value, a.header.Get("Location"))
		}
	}
	// An http cookie stays the http one, whatever protocol anybody claims.
	b := g.newBrowser(t)
	for _, proto := range []string{"http", "https", "https,http"} {
		g.do(t, call{path: "/app", cookies: b.cookies, header: map[string]string{"X-Forwarded-Proto": proto}}).want(t, 200, "")
	}
}

func TestP10_ClientAddressThroughProxies(t *testing.T) {
	t.Parallel()
	listed := start(t, plan{caddy: "servers {\n\t\ttrusted_proxies static 127.0.0.1/32 10.0.0.0/8\n\t\ttrusted_proxies_strict\n\t}"})
	seen := func(g *gateway, u *user, header string) string {
		a := g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}, call{header: map[string]string{"X-Forwarded-For": header}}).must(t, 200, "")
		u.take(t, a)
		list := g.api(t, "GET", "/sessions", nil, call{bearer: u.access}).must(t, 200, "").json(t)["sessions"].([]any)
		return list[0].(map[string]any)["ip"].(string)
	}
	u := listed.newUser(t)
	for header, want := range map[string]string{
		"203.0.113.7":                                     "203.0.113.7",
		"1.1.1.1, 203.0.113.7":                            "203.0.113.7",
		"1.1.1.1, 203.0.113.7, 10.1.2.3":                  "203.0.113.7",
		"127.0.0.1, 203.0.113.7":                          "203.0.113.7",
		"::ffff:203.0.113.8":                              "203.0.113.8",
		"2001:db8::1":                                     "2001:db8::1",
		strings.Repeat("1.1.1.1, ", 1000) + "203.0.113.9": "203.0.113.9",
	} {
		if got := seen(listed, u, header); got != want {
			t.Errorf("X-Forwarded-For: %.60s from a listed proxy: %s, expected %s", header, got, want)
		}
	}
	for _, odd := range []string{"a", "", "fe80::1%eth0", "203.0.113.7 evil", "999.1.1.1", "<script>"} {
		got := seen(listed, u, odd)
		if strings.ContainsAny(got, "%<> ") || got == "a" {
			t.Errorf("X-Forwarded-For: %s is taken for the address %q", odd, got)
		}
	}
	anybody := shared(t)
	v := anybody.newUser(t)
	for _, header := range []string{"203.0.113.7", "1.1.1.1, 2.2.2.2", "a"} {
		if got := seen(anybody, v, header); got != "127.0.0.1" {
			t.Errorf("X-Forwarded-For from a peer that is not listed: %s", got)
		}
	}
}
