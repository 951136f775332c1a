package e2e

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// TestOption_cookie_prefix: two gateways on one host name, of which a browser sends all cookies to both, as cookies do not know
// ports. Nobody is signed out by the other, and no service sees the cookies of either.
func TestOption_cookie_prefix(t *testing.T) {
	t.Parallel()
	one, two := start(t, plan{}), start(t, plan{global: "cookie_prefix second"})
	a, b := one.newBrowser(t), two.newBrowser(t)
	for name := range b.cookies {
		if !strings.HasPrefix(name, "second") {
			t.Errorf("the second gateway set %s", name)
		}
	}
	both := map[string]string{"theme": "dark"}
	for _, u := range []*user{a, b} {
		for name, value := range u.cookies {
			both[name] = value
		}
	}
	for g, u := range map[*gateway]*user{one: a, two: b} {
		got := g.do(t, call{path: "/x", cookies: both}).must(t, 200, "")
		if e := got.echo(t); e.get(t, "Remote-Sub") != u.id || e.get(t, "Cookie") != "theme=dark" {
			t.Errorf("the upstream got %v", e.Headers)
		}
		g.api(t, "GET", "/me", nil, call{cookies: both}).must(t, 200, "")
	}
	if spec := two.do(t, call{path: "/auth/openapi.json"}).must(t, 200, ""); !strings.Contains(string(spec.body), `"__Host-second_refresh"`) {
		t.Error("the description of the calls names other cookies")
	}
	// Under one prefix a gateway meets tokens of another's. It leaves them, for it cannot know that they are dead.
	for path, g := range map[string]*gateway{"/x": one, "/auth/me": one, "/auth/account": one} {
		got := g.do(t, call{path: path, cookies: map[string]string{"gatehouse": b.cookies["second"], "gatehouse_refresh": b.cookies["second_refresh"]}})
		if lines := got.header["Set-Cookie"]; len(lines) > 0 || got.status == 200 {
			t.Errorf("%s: %d, %v", path, got.status, lines)
		}
	}
	one.api(t, "POST", "/logout", nil, call{cookies: both, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).must(t, 204, "")
	// Its own it clears when they are dead, after their keys are gone as well.
	one.Command(t, "keys", "rotate")
	got := one.do(t, call{path: "/x", cookies: a.cookies}).want(t, 401, "invalid_token")
	if cleared := got.setCookies(t); len(cleared) != 2 {
		t.Errorf("of dead cookies %v are cleared", cleared)
	}
	two.do(t, call{path: "/x", cookies: both}).want(t, 200, "")
}

// ownSites are sites by their hosts. The guard is for /app and lets anonymous requests through; others are left out of it by a
// matcher, a block, a named route or an error. Which sites have a portal is in their names.
const ownSites = `&(in) {
	route {
		<guard>
		reverse_proxy <upstream>
	}
}
http://matcher.portal.test:<port2> {
	gatehouse
	<guard>
	error /open/error 500
	reverse_proxy <upstream>
	handle_errors {
		reverse_proxy <upstream>
	}
}
http://matcher.test:<port2> {
	<guard>
	error /open/error 500
	reverse_proxy <upstream>
	handle_errors {
		reverse_proxy <upstream>
	}
}
http://several.portal.test:<port2> {
	gatehouse
	<guard>
	gatehouse_guard /app/more/*
	<rest>
}
http://blocks.portal.test:<port2> {
	gatehouse
	handle /app/* {
		<guard>
		reverse_proxy <upstream>
	}
	<rest>
}
http://blocks.test:<port2> {
	handle /app/* {
		<guard>
		reverse_proxy <upstream>
	}
	<rest>
}
http://named.portal.test:<port2> {
	gatehouse
	handle /app/* {
		invoke in
	}
	<rest>
}
http://named.test:<port2> {
	handle /app/* {
		invoke in
	}
	<rest>
}
http://127.0.0.1:<port> {
	gatehouse
}
:<port3> {
	bind 127.0.0.1
	handle /app/* {
		<guard>
		reverse_proxy <upstream>
	}
	<rest>
}
`

const ownRest = `handle {
		error /open/error 500
		reverse_proxy <upstream>
	}
	handle_errors {
		reverse_proxy <upstream>
	}`

const ownGuard = "gatehouse_guard /app/* {\n\t\toptional\n\t\tlogin_url /in\n\t}"

func ownPlan() plan {
	return plan{global: "issuer http://127.0.0.1:<port>", site: strings.NewReplacer("<guard>", ownGuard, "<rest>", ownRest).Replace(ownSites)}
}

func sitesOf(g *gateway) map[string]call {
	sites := map[string]call{"any host": {base: g.fill("http://127.0.0.1:<port3>")}}
	for _, host := range []string{"matcher.portal.test", "matcher.test", "several.portal.test", "blocks.portal.test", "blocks.test", "named.portal.test", "named.test"} {
		sites[host] = call{base: g.fill("http://127.0.0.1:<port2>"), host: host + g.fill(":<port2>")}
	}
	return sites
}

// TestS04_OwnTokensReachNoService: on a site with a guard no handler but ours gets what a browser or a program signs in with,
// wherever the guard stands and whatever leaves the request out; what is not ours it gets.
func TestS04_OwnTokensReachNoService(t *testing.T) {
	t.Parallel()
	g := start(t, ownPlan())
	reachNoService(t, g, g, "http://"+g.Host())
}

// TestS04_OwnTokensOfAnotherNode: the same where another node on the same Postgres has issued them.
func TestS04_OwnTokensOfAnotherNode(t *testing.T) {
	t.Parallel()
	p := ownPlan()
	p.global = ""
	g, other := twoNodes(t, p)
	reachNoService(t, g, other, "http://127.0.0.1:9")
}

// reachNoService signs in at g, and goes to the sites at the node that is given.
func reachNoService(t *testing.T, g, node *gateway, issuer string) {
	t.Helper()
	program, browser := g.newUser(t), g.newBrowser(t)
	ended, left := g.signIn(t, program, false), g.signIn(t, browser, true)
	g.api(t, "POST", "/logout", nil, call{bearer: ended.access}).must(t, 204, "")
	g.api(t, "POST", "/logout", nil, call{cookies: left.cookies, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).must(t, 204, "")
	foreign := "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUifQ.c2lnbmVkIGJ5IHNvbWVib2R5"
	ours := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub": "x", "iss": "`+issuer+`"}`)) + ".c2lnbmVkIGJ5IHNvbWVib2R5"
	sites := sitesOf(node)
	eventually(t, "the node has heard of the end of the sessions", func() bool {
		c := sites["any host"]
		c.path, c.cookies = "/app/x", left.cookies
		return node.do(t, c).must(t, 200, "").echo(t).get(t, "Remote-Sub") == ""
	})
	for site, c := range sites {
		for _, path := range []string{"/app/x", "/open/x", "/open/error"} {
			for _, u := range []*user{browser, left} {
				c.path, c.header, c.cookies = path, nil, map[string]string{"theme": "dark", "__Host-gatehouse": "x", "gatehouse_sent": "1", "other": foreign,
					"mine": u.cookies["gatehouse_refresh"], "Gatehouse": u.cookies["gatehouse"]}
				for name, value := range u.cookies {
					c.cookies[name] = value
				}
				e := node.do(t, c).must(t, 200, "").echo(t)
				got := strings.Split(e.get(t, "Cookie"), "; ")
				slices.Sort(got)
				if want := []string{"other=" + foreign, "theme=dark"}; !slices.Equal(got, want) {
					t.Errorf("%s%s: the upstream got the cookies %q", site, path, got)
				}
				if in := e.get(t, "Remote-Sub"); in != "" && (u != browser || path != "/app/x") || in == "" && u == browser && path == "/app/x" {
					t.Errorf("%s%s: the upstream was told %q", site, path, in)
				}
			}
			for line, forwarded := range map[string]bool{
				"Bearer " + program.access: false, "Bearer " + ended.access: false, "bearer\t" + program.access: false, "Bearer " + program.refresh: false,
				"Token " + program.access: false, "Token token=\"" + program.refresh + "\"": false, "Bearer " + browser.cookies["gatehouse"]: false,
				"Bearer " + ours: false, "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+program.refresh)): false,
				"Bearer " + program.access[:len(program.access)-9] + "AAAAAAAAA": false,
				"Bearer " + foreign: true, "Basic dXNlcjpwYXNz": true, "Bearer of-another-kind-altogether": true,
			} {
				c.cookies, c.header = nil, map[string]string{"Authorization": line}
				e := node.do(t, c).must(t, 200, "").echo(t)
				if got := e.get(t, "Authorization"); forwarded != (got == line) || !forwarded && got != "" {
					t.Errorf("%s%s: the upstream got %q of %q", site, path, got, line)
				}
			}
		}
	}
}
