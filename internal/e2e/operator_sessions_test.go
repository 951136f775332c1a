package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// operatorJSON runs a command with --json that has to succeed, and reads what it prints.
func (g *gateway) operatorJSON(t testing.TB, args ...string) map[string]any {
	t.Helper()
	return g.operatorJSONRaw(t, append(args, "--config", "Caddyfile", "--json")...)
}

// operatorJSONRaw is operatorJSON without a configuration.
func (g *gateway) operatorJSONRaw(t testing.TB, args ...string) map[string]any {
	t.Helper()
	out, errs, code := g.Command(t, args...)
	if code != 0 {
		t.Fatalf("%v ends with %d: %s", args, code, errs)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v prints %q: %v", args, out, err)
	}
	return v
}

func (g *gateway) signedOut(t testing.TB, u *user) {
	t.Helper()
	if u.access != "" {
		g.do(t, call{path: "/app", bearer: u.access}).want(t, 401, "invalid_token")
	}
	if u.refresh != "" {
		if a := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}); a.status != 401 {
			t.Errorf("a refresh token is answered by %d: %.200s", a.status, a.body)
		}
	}
	if len(u.cookies) > 0 {
		if a := g.do(t, call{path: "/app", cookies: u.cookies}); a.status != 401 {
			t.Errorf("cookies are answered by %d: %.200s", a.status, a.body)
		}
	}
}

func (g *gateway) signedIn(t testing.TB, u *user) {
	t.Helper()
	if u.access != "" {
		g.do(t, call{path: "/app", bearer: u.access}).want(t, 200, "")
	}
	if u.refresh != "" {
		u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	}
	if len(u.cookies) > 0 {
		a := g.do(t, call{path: "/app", cookies: u.cookies}).want(t, 200, "")
		u.takeCookies(t, a)
	}
}

func TestSessionsRevoke_User(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	eve := g.newUser(t)
	for _, by := range []string{"id", "email", "username", "stopped"} {
		u := g.newUser(t)
		second, browser := g.signIn(t, u, false), g.signIn(t, u, true)
		g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
		name := map[string]string{"id": u.id, "email": strings.ToUpper(u.email), "username": u.username, "stopped": u.email}[by]
		if by == "stopped" {
			g.terminate(t)
			g.client.CloseIdleConnections()
		}
		said := g.operatorJSON(t, "sessions", "revoke", "--user", name)
		if said["account"] != u.id || said["sessions"] != 3.0 {
			t.Errorf("by %s: %v", by, said)
		}
		if by == "stopped" {
			g.restart(t)
		}
		for _, s := range []*user{u, second, browser} {
			g.signedOut(t, s)
		}
		if n := g.count(t, "select count(*) from events where kind = 'session.revoked' and method = 'operator' and account_id = '"+u.id+"'"); n != 1 {
			t.Errorf("by %s: %d events tell of it", by, n)
		}
		g.signedIn(t, g.signIn(t, u, false))
	}
	g.signedIn(t, eve)
}

func TestSessionsRevoke_CommandLine(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	for line, want := range map[string]int{"": 2, "--all --user ada": 2, "--all surplus": 2, "--user nobody-of-this-name": 3, "--user=": 2} {
		wrong := strings.Fields(line)
		out, errs, code := g.Command(t, append([]string{"sessions", "revoke", "--config", "Caddyfile"}, wrong...)...)
		if code != want || out != "" || errs == "" {
			t.Errorf("sessions revoke %v ends with %d: %q %q", wrong, code, out, errs)
		}
	}
	_, errs, _ := g.Command(t, "sessions", "revoke", "--config", "Caddyfile", "--user", "nobody-of-this-name")
	if !strings.Contains(errs, "No account has this id, e-mail address or username") || strings.Contains(errs, "in use by another") {
		t.Errorf("an unknown account: %q", errs)
	}
	out, _, code := g.Command(t, "sessions", "revoke", "--config", "Caddyfile", "--all")
	if code != 0 || !strings.Contains(out, "sessions ended") || !strings.Contains(out, "keys replaced") {
		t.Errorf("sessions revoke --all ends with %d: %q", code, out)
	}
	if out, _, code := g.Command(t, "sessions", "revoke", "--help"); code != 0 || !strings.Contains(out, "--all") || !strings.Contains(out, "backup") {
		t.Errorf("help ends with %d: %q", code, out)
	}
}

// TestSessionsRevoke_AllOnTwoNodes: everybody is signed out, also whom the database does not know any more: at once on the
// node that is asked, within five seconds on the other, which has their tokens in its cache.
func TestSessionsRevoke_AllOnTwoNodes(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{})
	known, browser := a.newUser(t), a.newBrowser(t)
	forgotten := a.newUser(t)
	a.exec(t, "update users set epoch = 3 where id = '"+forgotten.id+"'")
	forgotten = a.signIn(t, forgotten, false)
	unseen := a.signIn(t, forgotten, true) // no node has its cookie in the cache
	for _, g := range []*gateway{a, b} {
		for _, u := range []*user{known, forgotten} {
			g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
		}
		g.do(t, call{path: "/app", cookies: browser.cookies}).must(t, 200, "")
	}
	a.api(t, "POST", "/password/forgot", object{"login": known.email}).must(t, 202, "")
	reset := a.waitMail(t, known.email, 2)
	// As after a backup: the sessions are not there, and the epoch is lower than that of tokens.
	a.exec(t, "delete from sessions where account_id = '"+forgotten.id+"'")
	a.exec(t, "update users set epoch = 2 where id = '"+forgotten.id+"'")

	said := a.operatorJSON(t, "sessions", "revoke", "--all")
	asked := time.Now()
	if said["sessions"] != 2.0 || said["keys"] != 4.0 || said["codes"].(float64) < 1 || said["account"] != nil {
		t.Errorf("the command says %v", said)
	}
	everybody := []*user{known, browser, forgotten, unseen}
	for _, u := range everybody {
		a.signedOut(t, u)
	}
	eventually(t, "the other node has heard of it", func() bool {
		return b.do(t, call{path: "/app", bearer: forgotten.access}).status == 401
	})
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("the other node heard of it after %s, at most 5s are allowed", took)
	}
	for _, u := range everybody {
		b.signedOut(t, u)
	}
	b.api(t, "POST", "/password/reset", object{"token": reset.token, "new_password": "another granite lantern 8"}).want(t, 400, "invalid_code")
	for i, g := range []*gateway{a, b} {
		fresh := g.signIn(t, known, i == 1)
		[]*gateway{b, a}[i].signedIn(t, fresh)
	}
	a.signedIn(t, b.signIn(t, forgotten, false))
}

// TestSessionsRevoke_AfterABackup goes through the steps that docs/operations.md gives.
func TestSessionsRevoke_AfterABackup(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	before := g.newUser(t)
	g.terminate(t)
	g.client.CloseIdleConnections()
	backup, err := os.ReadFile(g.sqlitePath()) // whole: the last one who closes it empties the log
	if err != nil {
		t.Fatal(err)
	}
	g.restart(t)
	g.signedIn(t, before)
	after := g.signIn(t, before, false)
	laterKey := func() *user {
		g.keysCommand(t, "rotate")
		return g.signIn(t, before, true)
	}()
	g.terminate(t)
	g.client.CloseIdleConnections()
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(g.sqlitePath() + suffix)
	}
	if err := os.WriteFile(g.sqlitePath(), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	if said := g.operatorJSON(t, "sessions", "revoke", "--all"); said["sessions"] != 1.0 || said["keys"] != 4.0 {
		t.Errorf("the command says %v", said)
	}
	g.restart(t)
	if keys := g.keysCommand(t, "list"); len(keys) != 4 {
		t.Errorf("%d keys are left, want the new ones: %+v", len(keys), keys)
	}
	for _, u := range []*user{before, after, laterKey} {
		g.signedOut(t, u)
	}
	g.signedIn(t, g.signIn(t, before, false))
	if info, err := os.Stat(filepath.Join(g.Dir, "data", "secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret: %v %v", info, err)
	}
}
