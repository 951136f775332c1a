package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dialectSite serves a dialect, a portal and a guard that takes the dialect's tokens, and beside it guards that take less.
const dialectSite = `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_dialect <dialect>
	gatehouse_guard /app/* {
		accept cookie bearer dialect
		header X-Via {http.auth.via}
	}
	gatehouse_guard /own/* {
		header X-Via {http.auth.via}
	}
	gatehouse_guard /cookies/* {
		accept cookie
		optional
	}
	reverse_proxy <upstream>
}
`

// dialectPlan is a plan with a dialect, whose key is not the gateway's own.
func dialectPlan(directive string) plan {
	return plan{site: strings.ReplaceAll(dialectSite, "<dialect>", directive+" {\n\t\tkey {env.DIALECT_KEY}\n\t}"),
		env: []string{"DIALECT_KEY=a key that clients of old know, too"}}
}

// asJSON makes a call of a dialect and returns the members of the answer.
func (g *gateway) asJSON(t testing.TB, status int, method, path string, body any, authorization string) map[string]any {
	t.Helper()
	c := call{method: method, path: path, body: body}
	if authorization != "" {
		c.header = map[string]string{"Authorization": authorization}
	}
	got := g.do(t, c)
	if got.status != status {
		t.Fatalf("%s %s answered %d %s, want %d", method, path, got.status, got.body, status)
	}
	var says map[string]any
	if len(got.body) > 0 {
		if err := json.Unmarshal(got.body, &says); err != nil {
			t.Fatalf("%s %s answered %s: %v", method, path, got.body, err)
		}
	}
	return says
}

// pairs is how a dialect is signed in to and refreshed, and what it calls its tokens.
type pairs struct{ obtain, login, renew, access, refresh, dead string }

var (
	constancePairs = pairs{"/api/login/", "email", "/api/refresh/", "access_token", "refresh_token", "/api/me/"}
	simplePairs    = pairs{"/api/token/", "username", "/api/token/refresh/", "access", "refresh", ""}
)

func (d pairs) signIn(t testing.TB, g *gateway, u *user) (access, refresh string) {
	t.Helper()
	says := g.asJSON(t, 200, "POST", d.obtain, object{d.login: u.email, "password": u.password}, "")
	return "Bearer " + says[d.access].(string), says[d.refresh].(string)
}

func (d pairs) renewed(t testing.TB, g *gateway, status int, refresh string) map[string]any {
	t.Helper()
	return g.asJSON(t, status, "POST", d.renew, object{d.refresh: refresh}, "")
}

// TestDialect_Cluster: a token of a dialect is a session like any other. What one node issues every node takes from memory; a session
// that its owner ends is dead at once there and within a second elsewhere, for guards, for the dialect's calls and for its refresh token.
func TestDialect_Cluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, dialectPlan("simplejwt {\n\t\tkey {env.DIALECT_KEY}\n\t}\n\tgatehouse_dialect constance_jwt"))
	for name, d := range map[string]pairs{"constance_jwt": constancePairs, "simplejwt": simplePairs} {
		t.Run(name, func(t *testing.T) { dialectOnTwoNodes(t, c, d) })
	}
}

func dialectOnTwoNodes(t *testing.T, c *cluster, d pairs) {
	u := c.a.newUser(t)
	access, refresh := d.signIn(t, c.a, u)
	for _, g := range []*gateway{c.a, c.b} {
		e := g.do(t, call{path: "/app/x", header: map[string]string{"Authorization": access}}).must(t, 200, "").echo(t)
		if e.get(t, "X-Via") != "dialect" || e.get(t, "Remote-Email") != u.email || len(e.all("Authorization")) != 0 {
			t.Errorf("a service gets %v", e)
		}
		g.do(t, call{path: "/own/x", header: map[string]string{"Authorization": access}}).must(t, http.StatusUnauthorized, "invalid_token")
		g.do(t, call{path: "/auth/me", header: map[string]string{"Authorization": access}}).must(t, http.StatusUnauthorized, "invalid_token")
		// What is not accepted goes on, but for what is ours.
		if e := g.do(t, call{path: "/cookies/x", header: map[string]string{"Authorization": access}}).must(t, 200, "").echo(t); len(e.all("Authorization")) != 0 {
			t.Errorf("a service gets our token: %v", e)
		}
		if e := g.do(t, call{path: "/cookies/x", bearer: "of.somebody.else"}).must(t, 200, "").echo(t); len(e.all("Authorization")) != 1 {
			t.Errorf("a service does not get its own token: %v", e)
		}
	}
	says := d.renewed(t, c.b, 200, refresh)
	access = "Bearer " + says[d.access].(string)
	if next, rotated := says[d.refresh].(string); rotated {
		refresh = next
	}
	sid := members(t, strings.TrimPrefix(access, "Bearer "), 1)["sid"].(string)
	listed := c.a.api(t, "GET", "/sessions", nil, call{bearer: u.access}).must(t, 200, "")
	if !strings.Contains(string(listed.body), `"`+sid+`"`) {
		t.Errorf("the dialect's session %s is not in %s", sid, listed.body)
	}
	ended := c.a.endSessionOnPage(t, u, sid)
	c.a.do(t, call{path: "/app/x", header: map[string]string{"Authorization": access}}).must(t, http.StatusUnauthorized, "invalid_token")
	if d.dead != "" {
		c.a.asJSON(t, 401, "GET", d.dead, nil, access)
	}
	for c.b.do(t, call{path: "/app/x", header: map[string]string{"Authorization": access}}).status != http.StatusUnauthorized {
		if time.Since(ended) > time.Second {
			t.Fatal("the other node lets a session in that has ended a second ago")
		}
	}
	for _, g := range []*gateway{c.b, c.a} {
		d.renewed(t, g, 401, refresh)
	}
}

// endSessionOnPage ends a session of a user's at /auth/account and returns the moment of the answer.
func (g *gateway) endSessionOnPage(t testing.TB, u *user, sid string) time.Time {
	t.Helper()
	b := g.signIn(t, u, true)
	a := g.do(t, call{method: "POST", path: "/auth/account/sessions", body: "end=" + sid, cookies: b.cookies,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}})
	ended := time.Now()
	if a.status != http.StatusSeeOther {
		t.Fatalf("the page of sessions answered %d %s", a.status, a.body)
	}
	return ended
}

// TestDialect_Alone: a dialect at a site without a portal is as good as elsewhere while another site has one, and drf_users needs no simplejwt
// beside it. Where no site has a portal, and no issuer is given, tokens would be good nowhere: that is an error, which says where.
func TestDialect_Alone(t *testing.T) {
	t.Parallel()
	const sites = `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_dialect drf_users /users {
		access users
	}
}
http://localhost:<port> {
	gatehouse_dialect constance_jwt
}
`
	g := start(t, plan{site: sites})
	u := g.newUser(t)
	got := g.do(t, call{path: "/users/", bearer: u.access})
	if got.status != 200 || !strings.Contains(string(got.body), u.email) {
		t.Errorf("drf_users answered %d %s", got.status, got.body)
	}
	if got = g.do(t, call{path: "/users/"}); got.status != 401 || got.header.Get("WWW-Authenticate") != `Bearer realm="api"` {
		t.Errorf("nobody is answered %d %v", got.status, got.header)
	}
	elsewhere := "localhost" + g.Host()[strings.LastIndex(g.Host(), ":"):]
	login := g.do(t, call{method: "POST", path: "/api/login/", host: elsewhere, body: object{"email": u.email, "password": u.password}}).must(t, 200, "")
	g.do(t, call{path: "/api/me/", host: elsewhere, bearer: login.text("access_token")}).must(t, 200, "")
	complaint, err := g.reload(plan{site: sites[strings.Index(sites, "http://localhost"):]})
	if err != nil || !strings.Contains(complaint, "gatehouse_dialect constance_jwt at ") || !strings.Contains(complaint, "no site has the directive gatehouse") {
		t.Errorf("without a portal the gateway says %v %s", err, complaint)
	}
}

// TestOption_guard_accept: what a guard does not name is left alone.
func TestOption_guard_accept(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "accept bearer"})
	u, b := g.newUser(t), g.newBrowser(t)
	g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	g.do(t, call{path: "/x", cookies: b.cookies}).must(t, http.StatusUnauthorized, "authentication_required")
	g.mustReload(t, plan{guard: "accept cookie"})
	g.do(t, call{path: "/x", bearer: u.access}).must(t, http.StatusUnauthorized, "authentication_required")
	g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, "")
}
