package e2e

import (
	"encoding/csv"
	"strings"
	"testing"
)

// sessionCommands lists and ends sessions, of one and of everybody, by the gateway and by the stopped one.
func (g *gateway) sessionCommands(t *testing.T, where string, u *user) {
	t.Helper()
	list := func(args ...string) (ids []string) {
		t.Helper()
		for _, s := range g.operatorJSON(t, append([]string{"session", "list"}, args...)...)["sessions"].([]any) {
			if one := s.(map[string]any); len(args) == 0 || args[0] != "--user" || one["user_id"] == u.id {
				ids = append(ids, one["id"].(string))
			}
		}
		return ids
	}
	lives := "update sessions set revoked_at = null, account_epoch = (select epoch from users where id = account_id) where account_id = '" + u.id + "'"
	g.exec(t, lives)
	mine := list("--user", u.username)
	if len(mine) < 1 || len(list()) < len(mine) || len(list("--ip", "203.0.113.250"))+len(list("--host", "none.example")) != 0 {
		t.Fatalf("%s: %d sessions of everybody, %d of one", where, len(list()), len(mine))
	}
	if out, _, code := g.Command(t, "session", "list", "--config", "Caddyfile", "--limit", "1"); len(list()) > 1 && (code != 0 || !strings.Contains(out, "more: --cursor ")) {
		t.Errorf("%s: %d %q", where, code, out)
	}
	if said := g.operatorJSON(t, "session", "end", mine[0]); said["revoked"] != 1.0 || len(list("--user", u.id)) != len(mine)-1 {
		t.Errorf("%s: ended %v", where, said)
	}
	for line, want := range map[string]int{
		"end " + mine[0]: 3, "end x": 2, "end": 2, "end --all --user ada": 2, "list --ip here": 2, "list --limit x": 2,
	} {
		if _, errs, code := g.Command(t, append(append([]string{"session"}, strings.Fields(line)...), "--config", "Caddyfile")...); code != want {
			t.Errorf("%s: session %s ends with %d: %s", where, line, code, errs)
		}
	}
	g.exec(t, lives)
	if said := g.operatorJSON(t, "session", "end", "--user", u.email); said["revoked"] != float64(len(mine)) || len(list("--user", u.id)) != 0 {
		t.Errorf("%s: ended %v", where, said)
	}
	g.exec(t, lives)
	if said := g.operatorJSON(t, "session", "end", "--all"); said["revoked"].(float64) < float64(len(mine)) || len(list()) != 0 {
		t.Errorf("%s: ended %v", where, said)
	}
	if n := g.count(t, "select count(*) from events where kind = 'session.ended_by_admin' and method = 'operator' and account_id = '"+u.id+"' and session_id is not null"); n < int64(len(mine)) {
		t.Errorf("%s: %d events", where, n)
	}
}

// eventCommands lists and exports events, by the gateway and by the stopped one.
func (g *gateway) eventCommands(t *testing.T, where string, u *user) {
	t.Helper()
	events := func(said map[string]any) (all []map[string]any) {
		for _, e := range said["events"].([]any) {
			all = append(all, e.(map[string]any))
		}
		return all
	}
	list := events(g.operatorJSON(t, "events", "list", "--user", u.username, "--kind", "session.*,account.registered", "--since", "1d"))
	if len(list) == 0 || list[0]["account"].(map[string]any)["id"] != u.id {
		t.Errorf("%s: events %v", where, list)
	}
	if none := events(g.operatorJSON(t, "events", "list", "--since", "2999-01-01T00:00:00Z")); len(none) != 0 {
		t.Errorf("%s: events %v", where, none)
	}
	all := int(g.count(t, "select count(*) from events"))
	if got := events(g.operatorJSON(t, "events", "export")); len(got) != all { // that of its own comes after
		t.Errorf("%s: %d events of %d", where, len(got), all)
	}
	out, errs, code := g.Command(t, "events", "export", "--csv", "--config", "Caddyfile", "--kind", "session.*")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || code != 0 || len(rows) < 2 || rows[0][0] != "at" || !strings.HasPrefix(rows[1][1], "session.") {
		t.Errorf("%s: %d %s %q (%v)", where, code, errs, rows, err)
	}
	for line, want := range map[string]int{"list --kind none": 2, "list --since yesterday": 2, "export --user nobody-of-this-name": 3, "tail --kind none": 2, "list --limit 201": 2} {
		if where == "stopped" && strings.HasPrefix(line, "tail") {
			want = 5
		}
		if _, errs, code := g.Command(t, append(append([]string{"events"}, strings.Fields(line)...), "--config", "Caddyfile")...); code != want {
			t.Errorf("%s: events %s ends with %d: %s", where, line, code, errs)
		}
	}
}
