package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestSettings_RuleOnEveryNode: a setting is changed on one node by the API and on the other by the command line, also while it is stopped. It
// rules on both within a second, through a reload and a restart, until it is deleted; tokens that are out keep their ends.
func TestSettings_RuleOnEveryNode(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{})
	boss := a.newUser(t)
	before := boss.refresh
	a.operatorJSON(t, "user", "role", "add", boss.email, "admin")
	life := func(g *gateway) any {
		t.Helper()
		return g.api(t, "POST", "/login", object{"login": boss.email, "password": password}).must(t, 200, "").json(t)["expires_in"]
	}
	rules := func(g *gateway, version float64) {
		t.Helper()
		inTime(t, time.Second, "the change rules on the other node", func() bool { return g.metric(t, "gatehouse_settings_version") == version })
	}
	as := call{bearer: a.signIn(t, boss, false).access}
	const path = "/admin/settings/access_lifetime"
	a.api(t, "PUT", path, object{"value": "1m", "reason": "stolen laptops"}, as).must(t, 200, "")
	rules(b, 1)
	if got := life(b); got != 60.0 {
		t.Errorf("a token of the other node lives for %v s, want 60", got)
	}
	b.api(t, "PUT", path, object{"value": "25h"}, as).want(t, 422, "invalid_fields")
	a.mustReload(t, plan{postgres: true, global: twoIssuer})
	if got := life(a); got != 60.0 {
		t.Errorf("after a reload a token lives for %v s, want 60", got)
	}
	a.terminate(t)
	a.operatorJSON(t, "settings", "set", "fresh_for", "1h", "--reason", "maintenance")
	rules(b, 2)
	a.restart(t)
	if logs := a.logs(); !strings.Contains(logs, "a run-time setting outranks the configuration") {
		t.Error("nothing is told at start")
	}
	if got := life(a); got != 60.0 {
		t.Errorf("after a restart a token lives for %v s, want 60", got)
	}
	if got := a.metric(t, "gatehouse_settings_overridden"); got != 2 {
		t.Errorf("%v settings are overridden", got)
	}
	b.api(t, "DELETE", path, nil, as).must(t, 200, "")
	rules(a, 3)
	if got := life(a); got != 300.0 {
		t.Errorf("after the reset a token lives for %v s, want 300", got)
	}
	if n := b.api(t, "POST", "/refresh", object{"refresh_token": before}).must(t, 200, "").json(t)["expires_in"]; n != 300.0 {
		t.Errorf("the session from before is renewed for %v s", n)
	}
	history := b.operatorJSON(t, "settings", "history", "access_lifetime")["changes"].([]any)
	if len(history) != 2 || history[1].(map[string]any)["reason"] != "stolen laptops" || history[0].(map[string]any)["from"] != "1m" {
		t.Errorf("history %v", history)
	}
	if n := a.count(t, "select count(*) from events where kind in ('settings.changed', 'settings.reset') and details like '%access_lifetime%'"); n != 2 {
		t.Errorf("%d events tell of it, want 2", n)
	}
}
