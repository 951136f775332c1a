package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// form sends a form of a page as a browser does.
func (g *gateway) form(t testing.TB, b *user, path string, fields url.Values) answer {
	t.Helper()
	a := g.do(t, call{method: "POST", path: "/auth" + path, body: fields.Encode(), cookies: b.cookies,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin", "Origin": g.url("")}})
	if a.status != http.StatusSeeOther {
		t.Fatalf("the form of %s answered %d %.300s", path, a.status, a.body)
	}
	b.takeCookies(t, a)
	return a
}

// TestDevJournal_Cluster: one token is one session on every node. The link of the mail opens our page, which asks for the password and signs that browser in;
// there the session of the token is ended, and with it the token: at once here, within a second elsewhere, for guards as for its own calls.
func TestDevJournal_Cluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, dialectPlan("dev_journal"))
	const base, email = "/api/auth", "ada@example.com"
	ada := map[string]any{"username": "ada", "email": email, "password": password}
	c.a.asJSON(t, 201, "POST", base+"/register/", ada, "")
	c.b.asJSON(t, 403, "POST", base+"/login/", ada, "")
	link, err := url.Parse(c.a.waitMail(t, email, 1).link)
	if err != nil || link.Host != c.a.Host() {
		t.Fatalf("the mail leads to %v, %v", link, err)
	}
	b := &user{email: email, cookies: map[string]string{}}
	opened := c.a.do(t, call{path: link.RequestURI()})
	b.takeCookies(t, opened)
	c.a.form(t, b, "/verify", url.Values{"password": {password}})
	token := c.b.asJSON(t, 200, "POST", base+"/login/", ada, "")["token"].(string)
	for _, g := range []*gateway{c.a, c.b} {
		for _, word := range []string{"Bearer ", "Token "} {
			e := g.do(t, call{path: "/app/x", header: map[string]string{"Authorization": word + token}}).must(t, 200, "").echo(t)
			if e.get(t, "X-Via") != "dialect" || e.get(t, "Remote-Email") != email || len(e.all("Authorization")) != 0 {
				t.Errorf("a service gets %v", e)
			}
			if says := g.asJSON(t, 200, "GET", base+"/user/", nil, word+token); says["username"] != "ada" || says["email"] != email || says["id"] != 1.0 {
				t.Errorf("user is %v", says)
			}
		}
		g.do(t, call{path: "/auth/me", bearer: token}).must(t, http.StatusUnauthorized, "invalid_token")
		if e := g.do(t, call{path: "/cookies/x", header: map[string]string{"Authorization": "Token " + token}}).must(t, 200, "").echo(t); len(e.all("Authorization")) != 0 {
			t.Errorf("a service gets our token: %v", e)
		}
	}
	c.a.asJSON(t, 200, "POST", "/auth/token/verify", map[string]any{"token": token}, "")
	sid := members(t, token, 1)["sid"].(string)
	if list := string(c.a.do(t, call{path: "/auth/account/sessions", cookies: b.cookies}).must(t, 200, "").body); !strings.Contains(list, sid) {
		t.Errorf("the page has no session %s: %s", sid, list)
	}
	c.a.form(t, b, "/account/sessions", url.Values{"end": {sid}})
	ended := time.Now()
	c.a.do(t, call{path: "/app/x", header: map[string]string{"Authorization": "Token " + token}}).must(t, http.StatusUnauthorized, "invalid_token")
	c.a.asJSON(t, 401, "GET", base+"/user/", nil, "Bearer "+token)
	for c.b.do(t, call{path: "/app/x", header: map[string]string{"Authorization": "Token " + token}}).status != http.StatusUnauthorized {
		if time.Since(ended) > time.Second {
			t.Fatal("the other node lets a session in that has ended a second ago")
		}
	}
	c.b.asJSON(t, 401, "GET", base+"/user/", nil, "Bearer "+token)
	c.a.operatorJSON(t, "settings", "set", "dialects.dev_journal.token_lifetime", "1h")
	eventually(t, "the other node issues tokens of an hour", func() bool {
		m := members(t, c.b.asJSON(t, 200, "POST", base+"/login/", ada, "")["token"].(string), 1)
		exp, _ := m["exp"].(json.Number).Int64()
		iat, _ := m["iat"].(json.Number).Int64()
		return exp-iat == 3600
	})
}

// TestDevJournal_Example: the flow diagram of the clients, over the example.
func TestDevJournal_Example(t *testing.T) {
	t.Parallel()
	g := startDialectExample(t, "dev-journal", "DJANGO_SECRET_KEY="+dialectKey)
	const base, email, second = "/api/auth", "ada@example.com", "willow-Anchor-83-basalt"
	ada := map[string]any{"username": "ada", "email": email, "password": password}
	if says := g.asJSON(t, 201, "POST", base+"/register/", ada, ""); says["id"] != 1.0 || says["username"] != "ada" || says["email"] != email {
		t.Errorf("the new user is %v", says)
	}
	if says := g.asJSON(t, 403, "POST", base+"/login/", ada, ""); says["detail"] != "Account is not activated." {
		t.Errorf("login said %v", says)
	}
	confirm := map[string]any{"token": g.waitMail(t, email, 1).token}
	g.asJSON(t, 403, "POST", base+"/verify/", confirm, "")
	confirm["password"] = password
	g.asJSON(t, 200, "POST", base+"/verify/", confirm, "")
	if n := g.metric(t, `gatehouse_logins_total{method="link",outcome="success"}`); n != 0 {
		t.Errorf("%v sign-ins by link are counted, although nobody was signed in", n)
	}
	token := g.asJSON(t, 200, "POST", base+"/login/", ada, "")["token"].(string)
	if says := g.asJSON(t, 200, "GET", base+"/user/", nil, "Bearer "+token); says["id"] != 1.0 || says["username"] != "ada" {
		t.Errorf("user is %v", says)
	}
	if a := g.do(t, call{path: "/", header: map[string]string{"Authorization": "Token " + token}}); a.status != 200 || string(a.body) != "ada" {
		t.Errorf("the service answered %d %s", a.status, a.body)
	}
	if says := g.asJSON(t, 400, "POST", base+"/password/change/", map[string]any{"old_password": "wrong", "new_password": second}, "Bearer "+token); says["old_password"] == nil {
		t.Errorf("a wrong old password said %v", says)
	}
	g.asJSON(t, 200, "POST", base+"/password/reset/", map[string]any{"email": email}, "")
	g.asJSON(t, 200, "POST", base+"/password/reset/confirm/", map[string]any{"token": g.waitMail(t, email, 2).token, "new_password": second}, "")
	g.asJSON(t, 401, "GET", base+"/user/", nil, "Bearer "+token)
	g.do(t, call{path: "/", bearer: token}).must(t, 401, "invalid_token")
	g.asJSON(t, 400, "POST", base+"/login/", ada, "")
	ada["password"] = second
	token = g.asJSON(t, 200, "POST", base+"/login/", ada, "")["token"].(string)
	g.asJSON(t, 204, "POST", base+"/logout/", nil, "Bearer "+token)
	g.do(t, call{path: "/", bearer: token}).must(t, 401, "invalid_token")
}
