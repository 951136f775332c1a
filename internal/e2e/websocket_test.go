package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// extended opens a gateway on which HTTP/2 takes extended CONNECT (RFC 8441). Go has it behind a switch.
func extended(t *testing.T) (g *gateway, host string) {
	t.Helper()
	g = start(t, plan{caddy: "skip_install_trust", site: defaultSite + secureSite, env: []string{"GODEBUG=http2xconnect=1"}})
	g.waitTLS(t, g.Port2)
	return g, fmt.Sprintf("localhost:%d", g.Port2)
}

// connect asks for a WebSocket by extended CONNECT and returns the connection, its stream and what the head said.
func (g *gateway) connect(t *testing.T, host, path string, fields ...string) (*h2, uint32, *h2answer) {
	t.Helper()
	c := dialH2(t, fmt.Sprintf("127.0.0.1:%d", g.Port2), "localhost")
	if !c.extendedConnect {
		t.Fatal("the server does not offer extended CONNECT")
	}
	all := append([]string{":protocol", "websocket", "sec-websocket-version", "13"}, fields...)
	stream := c.open(false, "CONNECT", host, path, all...)
	for c.seen[stream] == nil || c.seen[stream].status == "" {
		if c.ended || (c.seen[stream] != nil && c.seen[stream].done) {
			break
		}
		c.read()
	}
	a := c.seen[stream]
	if a == nil {
		a = &h2answer{}
	}
	return c, stream, a
}

// TestP06_ExtendedConnect: a WebSocket over HTTP/2 has no Connection header; the service gets an HTTP/1 upgrade with the
// guard's identity, and nothing that the client says of itself.
func TestP06_ExtendedConnect(t *testing.T) {
	t.Parallel()
	g, host := extended(t)
	u := g.newUser(t)
	s := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password, "cookies": true}, g.overTLS(t, host)).must(t, 200, "")
	browser := &user{}
	browser.take(t, s)
	token := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password}, g.overTLS(t, host)).must(t, 200, "").text("access_token")
	cookie := "__Host-gatehouse=" + browser.cookies["__Host-gatehouse"]

	spoof := []string{"remote-user", "root", "remote_sub", "root", "x-auth-user-id", "root", "gatehouse-assertion", "root"}
	for what, credential := range map[string][]string{"bearer": {"authorization", "Bearer " + token}, "cookie": {"cookie", cookie, "origin", "https://" + host}} {
		c, stream, a := g.connect(t, host, "/_up/upgrade", append(credential, spoof...)...)
		if a.status != "200" {
			t.Fatalf("%s: %s", what, a)
		}
		e := (answer{status: 200, header: map[string][]string{"X-Echo": {a.fields["x-echo"]}}}).echo(t)
		for name, want := range map[string]string{"Remote-User": u.email, "Remote-Sub": u.id, "Upgrade": "websocket", "Connection": "Upgrade", "X-Auth-User-Id": "", "Gatehouse-Assertion": "", "Authorization": "", "Cookie": ""} {
			if got := e.get(t, name); got != want || len(e.like(name)) > 1 {
				t.Errorf("%s: %s is %q, expected %q", what, name, got, want)
			}
		}
		if err := c.framer.WriteData(stream, false, []byte("ping")); err != nil {
			t.Fatal(err)
		}
		for string(a.body) != "ping" && !a.done && !c.ended {
			c.read()
		}
		if string(a.body) != "ping" {
			t.Errorf("%s: the stream said %q", what, a.body)
		}
	}
	before := g.up.requests.Load()
	for what, fields := range map[string][]string{
		"nobody":                    {"origin", "https://" + host},
		"a bad token":               {"authorization", "Bearer x"},
		"a cookie of the http kind": {"cookie", strings.TrimPrefix(cookie, "__Host-")},
	} {
		if _, _, a := g.connect(t, host, "/_up/upgrade", fields...); a.status != "401" {
			t.Errorf("%s: %s", what, a)
		}
	}
	// Plain CONNECT asks for a tunnel, and gets none (P16).
	c := dialH2(t, fmt.Sprintf("127.0.0.1:%d", g.Port2), "localhost")
	if a := c.await(c.open(true, "CONNECT", host, "/x", "authorization", "Bearer "+token)); a.status == "200" {
		t.Errorf("plain CONNECT: %s", a)
	}
	if n := g.up.requests.Load(); n != before {
		t.Errorf("the upstream was asked %d times", n-before)
	}
}

// TestB11_CrossSiteExtendedConnect: no rule of browsers keeps a page from opening WebSockets to other hosts, with cookies.
func TestB11_CrossSiteExtendedConnect(t *testing.T) {
	t.Parallel()
	g, host := extended(t)
	u := g.newUser(t)
	browser := &user{}
	browser.take(t, g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password, "cookies": true}, g.overTLS(t, host)).must(t, 200, ""))
	cookie := []string{"cookie", "__Host-gatehouse=" + browser.cookies["__Host-gatehouse"]}
	refresh := []string{"cookie", "__Host-gatehouse_refresh=" + browser.cookies["__Host-gatehouse_refresh"]}
	for _, c := range []struct {
		fields []string
		status string
	}{
		{append(cookie, "origin", "https://evil.test"), "403"},
		{append(cookie, "origin", "null"), "403"},
		{append(cookie, "origin", "http://"+host), "403"},
		{append(cookie, "sec-fetch-site", "cross-site"), "403"},
		{append(cookie, "sec-fetch-site", "same-site"), "403"},
		{append(refresh, "origin", "https://evil.test"), "403"},
		{append(cookie, "origin", "https://"+host), "200"},
		{cookie, "200"},
	} {
		if _, _, a := g.connect(t, host, "/_up/upgrade", c.fields...); a.status != c.status {
			t.Errorf("%v: %s, expected %s", c.fields[2:], a, c.status)
		}
	}
}
