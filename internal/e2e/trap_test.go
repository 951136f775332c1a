package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

const trapSite = `http://127.0.0.1:<port> {
	gatehouse
	handle /app/* {
		gatehouse_guard
		reverse_proxy <upstream>
	}
	@members path /wp-admin/members/*
	gatehouse_guard @members
	handle {
		reverse_proxy <upstream>
	}
	handle_errors {
		respond "{err.status_code} at this site"
	}
}
`

// TestTrap_TwoNodes: rules rule on every node within a second, those of traps and those of administrators. A bait is answered like any path that is not there, with whatever method, and keeps its sender from signing up on every
// node within a second, until its rule expires or is removed. What a guard decides about is no bait.
func TestTrap_TwoNodes(t *testing.T) {
	t.Parallel()
	// A guard for members stands before the portal: who is signed in is known behind it too.
	const proxied = "\torder gatehouse_guard before gatehouse\n\tservers {\n\t\ttrusted_proxies static 127.0.0.1/32 10.0.0.0/8\n\t}"
	a, b := twoNodes(t, plan{caddy: proxied, site: trapSite, global: "\t\thoney_trap /wp-login.php /wp-admin/* /app/x {\n\t\t\tlifetime 1h\n\t\t\tignore 198.51.100.0/24\n\t\t}\n"})
	from := func(addr string, more ...string) map[string]string {
		h := map[string]string{"X-Forwarded-For": addr}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	signUp := func(g *gateway, addr string) answer {
		t.Helper()
		return g.api(t, "POST", "/register", object{"email": uuid.NewString() + "@example.com", "password": password}, call{header: from(addr)})
	}
	rules := func() []any { return a.operatorJSON(t, "block", "list")["blocks"].([]any) }
	u := a.newUser(t)

	// None of these counts.
	signedIn := from("203.0.113.9", "Authorization", "Bearer "+u.access)
	for _, h := range []map[string]string{nil, from("10.1.2.3"), from("198.51.100.7"), from("203.0.113.9", "Sec-Fetch-Site", "cross-site"), signedIn} {
		bait := a.do(t, call{path: "/wp-login.php", header: h}).must(t, 404, "")
		if text := string(bait.body); text != "404 at this site" {
			t.Errorf("a bait is answered %q", text)
		}
	}
	a.do(t, call{path: "/app/x", header: from("203.0.113.9")}).want(t, 401, "authentication_required")
	a.do(t, call{path: "/wp-admin/members/", header: from("203.0.113.9")}).want(t, 401, "authentication_required")
	a.do(t, call{path: "/wp-admin", header: from("203.0.113.9")}).want(t, 200, "")
	if all := rules(); len(all) > 0 {
		t.Fatalf("rules are %v", all)
	}
	signUp(a, "203.0.113.9").must(t, 202, "")
	for path, want := range map[string]string{"/wp-login.php": "honey_trap", "/app/x": "guard: Caddyfile"} {
		if out, _, _ := a.Command(t, "explain", "GET", "http://"+a.Host()+path, "--config", "Caddyfile"); !strings.Contains(out, want) {
			t.Errorf("explain says of %s:\n%s", path, out)
		}
	}

	// At once on both nodes, and again: one rule.
	for i, g := range []*gateway{a, b, a, b} {
		method := []string{"GET", "POST", "DELETE", "OPTIONS"}[i]
		if got := g.do(t, call{method: method, path: "/wp-admin/x", header: from("203.0.113.7")}); got.status != 404 {
			t.Errorf("%s is answered %d", method, got.status)
		}
	}
	inTime(t, time.Second, "the rule holds on the other node", func() bool { return signUp(b, "203.0.113.7").status == 403 })
	signUp(a, "203.0.113.7").want(t, 403, "blocked")
	signUp(a, "203.0.113.8").want(t, 202, "")
	a.do(t, call{path: "/wp-login.php", header: from("2001:db8:1:2::7")}).must(t, 404, "")
	signUp(a, "2001:db8:1:2:9::1").want(t, 403, "blocked")
	all := rules()
	if len(all) != 2 {
		t.Fatalf("rules are %v", all)
	}
	rule := all[1].(map[string]any)
	if rule["source"] != "trap" || rule["pattern"] != "203.0.113.7" || rule["kind"] != "ip" || len(rule["for"].([]any)) != 1 || rule["created_by"] != nil || !strings.Contains(rule["reason"].(string), "/wp-admin/*") {
		t.Errorf("the rule is %v", rule)
	}
	if all[0].(map[string]any)["pattern"] != "2001:db8:1:2::/64" {
		t.Errorf("the rule of IPv6 is %v", all[0])
	}
	if n := a.count(t, "select count(distinct details) from events where kind = 'trap.sprung'"); n != 2 {
		t.Errorf("events tell of %d rules, want 2", n)
	}
	if n := a.metric(t, "gatehouse_traps_total") + b.metric(t, "gatehouse_traps_total"); n != 5 {
		t.Errorf("counted %v times, want 5", n)
	}
	b.operatorJSONRaw(t, "block", "remove", rule["id"].(string), "--config", "Caddyfile", "--json")
	inTime(t, time.Second, "the rule is gone on the other node", func() bool { return signUp(a, "203.0.113.7").status == 202 })
	signUp(b, "203.0.113.7").want(t, 202, "")

	// A rule that an administrator adds on one node rules on the other, and goes there as well.
	added := a.operatorJSON(t, "block", "add", "ip", "203.0.113.0/24", "--for", "signup,login")
	login := func() int {
		return b.api(t, "POST", "/login", object{"login": u.email, "password": password}, call{header: from("203.0.113.50")}).status
	}
	inTime(t, time.Second, "an added rule holds on the other node", func() bool { return signUp(b, "203.0.113.40").status == 403 })
	if got := login(); got != 403 {
		t.Errorf("a sign-in on the other node is answered %d", got)
	}
	b.operatorJSON(t, "block", "remove", added["id"].(string))
	if got := login(); got != 200 {
		t.Errorf("once the rule is removed there a sign-in is answered %d", got)
	}
	inTime(t, time.Second, "it is gone on the first node", func() bool { return signUp(a, "203.0.113.40").status == 202 })
}
