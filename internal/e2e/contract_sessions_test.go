package e2e

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// sessions lists the sessions that a token's owner sees, by id.
func (g *gateway) sessions(t testing.TB, access string) map[string]object {
	t.Helper()
	list, ok := g.api(t, "GET", "/sessions", nil, call{bearer: access}).must(t, 200, "").json(t)["sessions"].([]any)
	if !ok {
		t.Fatal("there is no list of sessions")
	}
	out := map[string]object{}
	for _, v := range list {
		s, _ := v.(object)
		shape{"id": "uuid", "current": "bool", "created_at": "time", "last_seen_at": "time", "ip": "text", "browser": "text",
			"os": "text", "device": "text", "user_agent": "text", "name": "text", "host": "text", "parent": "uuid|null", "device_id": "uuid|null"}.check(t, "a session", s)
		id, _ := s["id"].(string)
		out[id] = s
	}
	return out
}

func TestContract_SessionList(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	a := g.api(t, "POST", "/login", object{"login": u.email, "password": password, "device_name": "kitchen"},
		call{header: map[string]string{"User-Agent": firefox}})
	a.pair(t, false)
	live := g.sessions(t, u.access)
	if len(live) != 2 || live[u.sid]["current"] != true {
		t.Fatalf("sessions %v", live)
	}
	other := live[a.text("session_id")]
	for name, want := range map[string]any{"current": false, "ip": "127.0.0.1", "browser": "Firefox", "os": "Linux",
		"device": "desktop", "user_agent": firefox, "name": "kitchen"} {
		if other[name] != want {
			t.Errorf("%s is %v, expected %v", name, other[name], want)
		}
	}
	long := g.api(t, "POST", "/login", object{"login": u.email, "password": password},
		call{header: map[string]string{"User-Agent": strings.Repeat("é", 4000)}})
	long.pair(t, false)
	agent, _ := g.sessions(t, u.access)[long.text("session_id")]["user_agent"].(string)
	if len(agent) > 512 || agent == "" {
		t.Errorf("a user agent of %d bytes is kept", len(agent))
	}
}

func TestContract_SessionDelete(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	other := g.signIn(t, u, false)
	end := func(id string) answer { return g.api(t, "DELETE", "/sessions/"+id, nil, call{bearer: u.access}) }
	end(other.sid).empty(t, 204)
	g.api(t, "GET", "/me", nil, call{bearer: other.access}).want(t, 401, "invalid_token")
	g.api(t, "POST", "/refresh", object{"refresh_token": other.refresh}).want(t, 401, "invalid_refresh_token")
	for _, id := range []string{other.sid, uuid.NewString(), "x", strings.ToUpper(u.sid), "{" + u.sid + "}", "0"} {
		end(id).problem(t, 404, "not_found")
	}
	g.api(t, "DELETE", "/sessions/"+u.sid, nil).problem(t, 401, "authentication_required")
	if live := g.sessions(t, u.access); len(live) != 1 {
		t.Errorf("%d sessions are left", len(live))
	}
	end(u.sid).empty(t, 204)
	g.api(t, "GET", "/me", nil, call{bearer: u.access}).want(t, 401, "invalid_token")
}

func TestContract_SessionsRevoke(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	revoke := func(as *user, body object, n float64) {
		t.Helper()
		a := g.api(t, "POST", "/sessions/revoke", body, call{bearer: as.access}).must(t, 200, "").json(t)
		if len(a) != 1 || a["revoked"] != n {
			t.Errorf("%v revokes %v, expected %v", body, a, n)
		}
	}
	second, third := g.signIn(t, u, false), g.signIn(t, u, false)
	revoke(u, object{"ids": []string{second.sid, uuid.NewString()}}, 1)
	revoke(u, object{"ids": []string{}}, 0)
	revoke(u, object{"others": true}, 1)
	revoke(u, object{"others": true}, 0)
	for _, gone := range []*user{second, third} {
		g.api(t, "GET", "/me", nil, call{bearer: gone.access}).want(t, 401, "invalid_token")
	}
	for _, bad := range []object{{}, {"all": false}, {"all": true, "others": true}, {"ids": []string{}, "all": true}, {"ids": []string{"x"}}} {
		g.api(t, "POST", "/sessions/revoke", bad, call{bearer: u.access}).invalid(t, "ids")
	}
	g.api(t, "POST", "/sessions/revoke", object{"all": "yes"}, call{bearer: u.access}).problem(t, 400, "invalid_request")
	b := g.signIn(t, u, true)
	a := g.api(t, "POST", "/sessions/revoke", object{"all": true}, call{cookies: b.cookies}).must(t, 200, "")
	if a.json(t)["revoked"] != 2.0 {
		t.Errorf("all: %s", a.body)
	}
	for _, name := range []string{"gatehouse", "gatehouse_refresh"} {
		if c := a.setCookies(t)[name]; c == nil || c.MaxAge >= 0 {
			t.Errorf("%s is not cleared by a browser that ends its own session", name)
		}
	}
	g.api(t, "GET", "/me", nil, call{cookies: b.cookies}).want(t, 401, "invalid_token")
}

func TestS05_LogOutOthers(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	other, browser := g.signIn(t, u, false), g.signIn(t, u, true)
	g.api(t, "POST", "/sessions/revoke", object{"others": true}, call{bearer: u.access}).must(t, 200, "")
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
	g.do(t, call{path: "/app", bearer: other.access}).want(t, 401, "invalid_token")
	g.do(t, call{path: "/app", cookies: browser.cookies}).want(t, 401, "invalid_token")
	g.api(t, "POST", "/refresh", object{"refresh_token": other.refresh}).want(t, 401, "invalid_refresh_token")
	g.api(t, "POST", "/refresh", nil, call{cookies: browser.cookies}).want(t, 401, "invalid_refresh_token")
	g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).pair(t, false)
}

func TestS06_ForeignSessionId(t *testing.T) {
	t.Parallel()
	g := shared(t)
	victim, attacker := g.newUser(t), g.newUser(t)
	g.api(t, "DELETE", "/sessions/"+victim.sid, nil, call{bearer: attacker.access}).problem(t, 404, "not_found")
	a := g.api(t, "POST", "/sessions/revoke", object{"ids": []string{victim.sid}}, call{bearer: attacker.access}).must(t, 200, "")
	if a.json(t)["revoked"] != 0.0 {
		t.Errorf("a foreign session: %s", a.body)
	}
	g.do(t, call{path: "/app", bearer: victim.access}).must(t, 200, "")
	g.api(t, "POST", "/refresh", object{"refresh_token": victim.refresh}).pair(t, false)
	if _, listed := g.sessions(t, attacker.access)[victim.sid]; listed {
		t.Error("a foreign session is listed")
	}
}
