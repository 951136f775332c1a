package e2e

import (
	"fmt"
	"strings"
	"testing"
)

func TestP19_ValuesThatSplit(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	u := g.newUser(t)
	for _, name := range []string{"a\r\nX-Role: admin", "a\nX-Role: admin", "a\rb", "a\x00b", "é", "日本語", "\u202e", "100% sure", "\x7f", "tab\tbed", strings.Repeat("n", 2000)} {
		token := g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, "name", name) })
		e := g.do(t, call{path: "/app", bearer: token}).must(t, 200, "").echo(t)
		for _, header := range []string{"Remote-Name", "X-Auth-Name", "X-WEBAUTH-NAME"} {
			if got := e.get(t, header); got != encodeHeader(name) {
				t.Errorf("%s for the name %.30q: %.60q", header, name, got)
			}
		}
		if e.get(t, "X-Role") != "" {
			t.Errorf("the name %q made a header of its own", name)
		}
	}
	groups := make([]string, 32)
	for i := range groups {
		groups[i] = fmt.Sprintf("role-%d-%s", i, strings.Repeat("r", 50))
	}
	token := g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, "roles", groups) })
	e := g.do(t, call{path: "/app", bearer: token}).must(t, 200, "").echo(t)
	if e.get(t, "Remote-Groups") != strings.Join(groups, ",") {
		t.Error("32 roles did not arrive")
	}
	// Nobody gets a token with more than fits.
	long := g.api(t, "PATCH", "/me", map[string]any{"first_name": strings.Repeat("é", 5000)}, call{bearer: u.access})
	long.want(t, 422, "invalid_fields")
}

func TestP20_ListDelimiter(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	for _, username := range []string{"a,admin", "a;admin", "a=admin", "a admin", "a|admin"} {
		g.api(t, "POST", "/register", map[string]any{"email": "delimiter@example.com", "username": username, "password": password}).want(t, 422, "invalid_fields")
	}
	u := g.newUser(t, profile{firstName: "x, admin; role=admin", lastName: "=,;"})
	e := g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "").echo(t)
	if e.get(t, "Remote-Name") != "x, admin; role=admin =,;" || e.get(t, "Remote-Groups") != "" || e.get(t, "X-Auth-Roles") != "" {
		t.Errorf("the upstream got %v", e.Headers)
	}
	for _, email := range []string{"a,admin@example.com", "a;admin@example.com", "\"a,admin\"@example.com", "a admin@example.com"} {
		g.api(t, "POST", "/register", map[string]any{"email": email, "password": password}).want(t, 422, "invalid_fields")
	}
}

func TestP22_OwnCredentials(t *testing.T) {
	t.Parallel()
	g := proxyGateway(t)
	u, b := g.newUser(t), g.newBrowser(t)
	own := []string{"gatehouse", "gatehouse_refresh", "gatehouse_registration", "__Host-gatehouse", "__Host-gatehouse_refresh", "__Host-gatehouse_registration"}
	for _, r := range routes(g) {
		line := "Cookie: first=1; gatehouse=" + b.cookies["gatehouse"] + "; gatehouse_refresh=" + b.cookies["gatehouse_refresh"] +
			"; gatehouse_registration=x; __Host-gatehouse=x; __Host-gatehouse_refresh=x; __Host-gatehouse_registration=x; mygatehouse=2; gatehouse2=3; q=\"a b\"; last=4\r\n"
		if strings.Contains(r.name, "anonymous") { // with these cookies nobody is
			line = "Cookie: first=1; gatehouse=x; gatehouse_refresh=x; __Host-gatehouse=x; mygatehouse=2; gatehouse2=3; q=\"a b\"; last=4\r\n"
		}
		e := send(t, g, r, u, closing+line)
		if got, want := e.get(t, "Cookie"), `first=1; mygatehouse=2; gatehouse2=3; q="a b"; last=4`; got != want {
			t.Errorf("%s: the upstream got the cookies %q", r.name, got)
		}
		for _, name := range own {
			e := send(t, g, r, u, closing+"Cookie: "+name+"=x\r\n")
			if len(e.all("Cookie")) != 0 {
				t.Errorf("%s: the upstream got %q", r.name, e.all("Cookie"))
			}
		}
		if r.path != "/app" || !r.signedIn {
			continue
		}
		want := ""
		if r.name == "headers none" { // has forward_token
			want = "Bearer " + u.access
		}
		if got := e.get(t, "Authorization"); got != want {
			t.Errorf("%s: the upstream got Authorization %.20q", r.name, got)
		}
	}
	e := g.do(t, call{path: "/app", cookies: b.cookies, header: map[string]string{"Authorization": "Basic YTpi"}}).must(t, 200, "").echo(t)
	if e.get(t, "Authorization") != "Basic YTpi" {
		t.Error("credentials of another scheme are the upstream's own")
	}
}
