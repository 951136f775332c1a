package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// insufficient is the challenge of RFC 9470.
const insufficient = `Bearer error="insufficient_user_authentication"`

// TestOption_guard_require_mfa: no sign-in by one kind of proof gets in; who asks learns what is missing.
func TestOption_guard_require_mfa(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "require mfa"})
	u := g.newUser(t)
	a := g.do(t, call{path: "/x?y=1", bearer: u.access})
	a.want(t, 403, "mfa_required")
	if got := a.header.Get("WWW-Authenticate"); got != insufficient+`, acr_values="mfa"` {
		t.Errorf("WWW-Authenticate: %s", got)
	}
	if to := a.text("step_up_url"); to != "http://"+g.Host()+"/auth/login?acr_values=mfa" {
		t.Errorf("step_up_url %s", to)
	}
	cookies := g.signIn(t, u, true).cookies
	a = g.do(t, call{path: "/x?y=1", cookies: cookies, header: page}).must(t, 302, "")
	if to, want := a.header.Get("Location"), "/auth/login?rd="+url.QueryEscape("http://"+g.Host()+"/x?y=1")+"&acr_values=mfa"; to != want {
		t.Errorf("led to %s, want %s", to, want)
	}
	// A form is not sent again by itself: its page leads to the step-up.
	a = g.do(t, call{method: "POST", path: "/x", cookies: cookies, header: map[string]string{"Accept": "text/html", "Sec-Fetch-Mode": "navigate",
		"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}, body: "a=b"})
	if a.status != 403 || !strings.Contains(string(a.body), "acr_values=mfa") || a.header.Get("Location") != "" {
		t.Errorf("a form: %d %s", a.status, a.body)
	}
	// An account on which two kinds of proof were given.
	g.exec(t, `update sessions set amr = '["pwd","otp","mfa"]'`)
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
}

// TestOption_guard_require_fresh: a sign-in gets too old, a refresh does not make it younger, and a step-up makes another session.
func TestOption_guard_require_fresh(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{guard: "require fresh 2s"})
	u := c.a.newUser(t)
	c.b.do(t, call{path: "/x", bearer: u.access})
	eventually(t, "the sign-in is too old", func() bool { return c.b.do(t, call{path: "/x", bearer: u.access}).status == 403 })
	a := c.a.do(t, call{path: "/x", bearer: u.access})
	a.want(t, 403, "reauthentication_required")
	if got := a.header.Get("WWW-Authenticate"); got != insufficient+", max_age=2" || !strings.HasSuffix(a.text("step_up_url"), "/auth/login?max_age=2") {
		t.Errorf("WWW-Authenticate: %s, step_up_url %s", got, a.text("step_up_url"))
	}
	u.take(t, c.b.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	c.a.do(t, call{path: "/x", bearer: u.access}).want(t, 403, "reauthentication_required")
	c.a.api(t, "POST", "/reauthenticate", object{"password": "wrong"}, call{bearer: u.access}).must(t, 401, "invalid_credentials")
	stepped := c.b.api(t, "POST", "/reauthenticate", object{"password": u.password}, call{bearer: u.access}).must(t, 200, "")
	at := time.Now()
	if stepped.text("session_id") == u.sid || stepped.text("access_token") == u.access {
		t.Error("the session is the one of before")
	}
	c.b.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token") // at once on the node that made it
	eventually(t, "the other node refuses the old token", func() bool { return c.a.do(t, call{path: "/auth/me", bearer: u.access}).status == 401 })
	if took := time.Since(at); took > time.Second {
		t.Errorf("the other node let the old token in for %s", took)
	}
	c.a.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token")
	c.a.do(t, call{path: "/auth/me", bearer: stepped.text("access_token")}).want(t, 200, "")
	told := c.a.api(t, "GET", "/events?kind=session.stepped_up", nil, call{bearer: stepped.text("access_token")}).must(t, 200, "").json(t)
	if events, _ := told["events"].([]any); len(events) != 1 {
		t.Errorf("the log tells of the step-up in %v", told)
	}
}

// TestS03_StolenCookieAfterStepUp: whoever has a copy of a browser's cookies is kept out of what asks for a recent sign-in once its time has
// passed, and gets nothing of the session that the owner has proved themselves in.
func TestS03_StolenCookieAfterStepUp(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "fresh_for 2s", guard: "require fresh 2s"})
	u := g.newUser(t)
	stolen := g.signIn(t, u, true).cookies
	eventually(t, "the sign-in is too old", func() bool { return g.do(t, call{path: "/x", cookies: stolen}).status == 403 })
	g.do(t, call{method: "DELETE", path: "/auth/me", cookies: stolen, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).
		want(t, 403, "reauthentication_required")
	before := g.count(t, "select count(*) from sessions where revoked_at is null")
	a := g.do(t, call{method: "POST", path: "/auth/reauthenticate", cookies: stolen, body: object{"password": u.password},
		header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).must(t, 200, "")
	if a.text("access_token") != "" {
		t.Error("cookies were traded for tokens that a script can read")
	}
	owner := map[string]string{}
	for _, set := range (&http.Response{Header: a.header}).Cookies() {
		owner[set.Name] = set.Value
	}
	g.do(t, call{path: "/x", cookies: owner}).want(t, 200, "")
	if after := g.count(t, "select count(*) from sessions where revoked_at is null"); after != before {
		t.Errorf("%d sessions live, were %d", after, before)
	}
	// Another browser with the copy, at once.
	g.do(t, call{path: "/x", cookies: stolen, header: map[string]string{"User-Agent": firefox}}).want(t, 401, "invalid_token")
	// The owner's other requests that were under way with the old cookies go on, in the new session.
	again := g.do(t, call{path: "/x", cookies: stolen})
	again.want(t, 200, "")
	g.do(t, call{path: "/x", cookies: owner}).want(t, 200, "")
}
