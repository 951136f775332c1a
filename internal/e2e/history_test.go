package e2e

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHistoryOverTwoNodes: an owner reads on one node who signed in on the other, goes through the pages on both, and switches a
// mail off and on. What a thief tries with a session that is not fresh, or with another account's cursor, does nothing.
func TestHistoryOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tfresh_for 2s\n"})
	u, other := c.a.newUser(t), c.a.newUser(t)
	c.a.attempt(t, u.email, "not this one 77").want(t, 401, "invalid_credentials")
	u.take(t, c.b.api(t, "POST", "/login", object{"login": u.email, "password": u.password}, call{header: map[string]string{"User-Agent": firefox}}).must(t, 200, ""))
	c.a.logins(t, u, "")
	failed := c.b.logins(t, u, "?result=failure")
	if len(failed) != 1 || failed[0]["result"] != "invalid_credentials" || failed[0]["session_id"] != nil {
		t.Fatalf("failures are %v", failed)
	}
	latest := c.a.logins(t, u, "?limit=1&method=password")[0]
	if latest["session_id"] != u.sid || latest["browser"] != "Firefox" || latest["device_id"] == nil || !strings.HasPrefix(latest["host"].(string), "127.0.0.1") {
		t.Errorf("the latest is %v", latest)
	}
	if since := c.b.logins(t, u, "?since="+url.QueryEscape(failed[0]["at"].(string))); len(since) != 2 {
		t.Errorf("since the failure there are %v", since)
	}
	c.pages(t, u, other)
	c.notifications(t, u)
}

// logins returns the entries of a history, each of the form that the contract has.
func (g *gateway) logins(t testing.TB, u *user, query string) (out []object) {
	t.Helper()
	entries, ok := g.api(t, "GET", "/login-history"+query, nil, call{bearer: u.access}).must(t, 200, "").json(t)["entries"].([]any)
	if !ok {
		t.Fatal("there is no list of entries")
	}
	for _, v := range entries {
		e, _ := v.(object)
		shape{"at": "time", "result": "text", "method": "text", "ip": "text", "browser": "text", "os": "text", "user_agent": "text",
			"session_id": "uuid|null", "device": "text", "device_id": "uuid|null", "host": "text"}.check(t, "an entry", e)
		out = append(out, e)
	}
	return out
}

// pages goes through the events one by one, each on the other node, and meets each once.
func (c *cluster) pages(t *testing.T, u, other *user) {
	t.Helper()
	var seen []string
	mine := ""
	for i, next := 0, ""; ; i++ {
		g := []*gateway{c.a, c.b}[i%2]
		page := g.api(t, "GET", "/events?limit=1&cursor="+next, nil, call{bearer: u.access}).must(t, 200, "").json(t)
		for _, v := range page["events"].([]any) {
			e, _ := v.(object)
			shape{"id": "uuid", "at": "time", "kind": "text", "result": "text", "method": "text", "ip": "text", "browser": "text", "os": "text",
				"session_id": "uuid|null"}.check(t, "an event", e)
			seen = append(seen, e["id"].(string))
		}
		more, ok := page["next"].(string)
		if !ok {
			break
		}
		if mine = more; i > 100 {
			t.Fatal("the pages do not end")
		}
		next = more
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(seen)))
	if n := int(c.a.count(t, "select count(*) from events where account_id = '"+u.id+"'")); len(seen) != n || len(sorted) != n {
		t.Errorf("%d events were seen, %d of them different; there are %d", len(seen), len(sorted), n)
	}
	for _, g := range []*gateway{c.a, c.b} {
		g.api(t, "GET", "/events?cursor="+mine, nil, call{bearer: other.access}).want(t, 400, "invalid_request")
		g.api(t, "GET", "/login-history?cursor="+mine, nil, call{bearer: u.access}).want(t, 400, "invalid_request")
		g.api(t, "GET", "/events?cursor="+mine[1:], nil, call{bearer: u.access}).want(t, 400, "invalid_request")
		g.api(t, "GET", "/events?kind=nothing", nil, call{bearer: u.access}).want(t, 400, "invalid_request")
	}
}

// notifications switches a mail off on one node, which the other heeds and the mail's link takes back.
func (c *cluster) notifications(t *testing.T, u *user) {
	t.Helper()
	patch := func(g *gateway, body object) answer {
		return g.api(t, "PATCH", "/me/notifications", body, call{bearer: u.access})
	}
	news := func() int64 {
		return c.a.count(t, "select count(*) from outbox where kind = 'new_device' and account_id = '"+u.id+"'")
	}
	eventually(t, "the sign-in is not fresh", func() bool {
		return c.a.api(t, "DELETE", "/me/password", nil, call{bearer: u.access}).status == 403
	})
	patch(c.a, object{"new_device": false}).want(t, 403, "reauthentication_required")
	patch(c.a, object{"password_changed": false, "password": u.password}).want(t, 422, "invalid_fields")
	patch(c.b, object{"new_device": false, "password": u.password}).must(t, 200, "")
	on, _ := c.a.api(t, "GET", "/me/notifications", nil, call{bearer: u.access}).must(t, 200, "").json(t)["notifications"].(object)
	if on["new_device"] != false {
		t.Errorf("on are %v", on)
	}
	before := news()
	c.a.attempt(t, u.email, u.password).must(t, 200, "")
	if n := news(); n != before {
		t.Errorf("%d mails tell of a new device, which is switched off", n-before)
	}
	told := c.a.waitMail(t, u.email, 2)
	if !strings.Contains(told.subject, "notifications") {
		t.Fatalf("the mail is %q", told.subject)
	}
	secured := c.b.api(t, "POST", "/secure", object{"token": told.token}).must(t, 200, "").json(t)
	if undone, _ := secured["undone"].([]any); !slices.Contains(undone, any("notifications")) {
		t.Errorf("undone is %v", secured)
	}
	began := time.Now()
	if took := c.a.refusedAfter(t, u.access, began); took > time.Second {
		t.Errorf("the session was let in for %s", took)
	}
	if n := c.a.count(t, "select count(*) from users where muted <> '[]'"); n != 0 {
		t.Errorf("%d accounts have mails switched off", n)
	}
}
