package e2e

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// inUse is what a command says of a database that gateways are connected to.
var inUse = regexp.MustCompile(`the database is in use: \d+ connections? of (a gateway is|gateways are) open to it, from 127\.0\.0\.1: stop every gateway`)

var reset = []string{"secret", "reset", "--sign-everyone-out", "--config", "Caddyfile"}

// refusesReset demands that a reset beside running gateways changes nothing and says why.
func (g *gateway) refusesReset(t testing.TB, when string) {
	t.Helper()
	const rows = "select kid from signing_keys order by kid"
	keys := g.query(t, rows)
	out, errs, code := g.Command(t, reset...)
	if code != 4 || !inUse.MatchString(errs) || out != "" {
		t.Errorf("%s: it ends with %d: %s %s", when, code, out, errs)
	}
	if strings.Contains(errs, g.database) {
		t.Errorf("%s: the URL with its password is printed", when)
	}
	if after := g.query(t, rows); len(after) != len(keys) || after[0][0] != keys[0][0] {
		t.Errorf("%s: the keys are others", when)
	}
}

// TestSecretReset_BesideNodes: with another secret, and from where no gateway answers, a reset is refused while any node is connected,
// whatever it calls its connections. Once they are stopped it is done, also right after one was killed.
func TestSecretReset_BesideNodes(t *testing.T) {
	t.Parallel()
	a := startOn(t, secretPlan("OLD"))
	named := secretPlan("OLD")
	named.global = strings.Replace(named.global, "{env.TEST_DATABASE}", "{env.NAMED_DATABASE}", 1)
	named.env = append(named.env, "NAMED_DATABASE="+a.database+"&application_name=auth-prod")
	b := nodeBeside(t, named, a.database)
	u, browser := a.newUser(t), a.newBrowser(t)
	operator := nodeBeside(t, failing(secretPlan("NEW")), a.database) // a shell with another secret, and nothing at its socket
	if err := operator.WaitExit(t); err == nil {
		t.Error("a node with another secret starts")
	}
	operator.refusesReset(t, "beside two nodes")
	a.terminate(t)
	a.client.CloseIdleConnections()
	operator.refusesReset(t, "beside the one that has a name of its own")
	for _, s := range []*user{u, browser} {
		b.signedIn(t, s)
	}
	b.Kill()
	b.client.CloseIdleConnections()
	if said := operator.operatorJSON(t, reset[:3]...); said["keys"] != 5.0 || said["sessions"] != 2.0 {
		t.Errorf("the command says %v", said)
	}
	operator.restart(t)
	for _, s := range []*user{u, browser} {
		operator.signedOut(t, s)
	}
	operator.signedIn(t, operator.signIn(t, u, false))
}

// failing is a plan whose gateway is expected to refuse.
func failing(p plan) plan {
	p.failing = true
	return p
}

// TestMigrateStore_TargetServed: nothing is moved into a database that a gateway is connected to.
func TestMigrateStore_TargetServed(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: twoIssuer})
	g.newUser(t)
	g.terminate(t)
	g.client.CloseIdleConnections()
	database := testpg.Database(t)
	g.Env = append(g.Env, "MOVE_TO="+database)
	move := []string{"migrate-store", "--from", "sqlite:" + g.sqlitePath(), "--to", "{env.MOVE_TO}"}
	target := nodeBeside(t, plan{postgres: true, global: twoIssuer}, database)
	if _, errs, code := g.Command(t, move...); code != 4 || !inUse.MatchString(errs) || strings.Contains(errs, database) {
		t.Errorf("beside a gateway on the target it ends with %d: %s", code, errs)
	}
	if n := target.count(t, "select count(*) from users"); n != 0 {
		t.Errorf("%d accounts were moved", n)
	}
}

// keysSay returns the states of the keys that the log tells of.
func (g *gateway) keysSay() (states []string) {
	for line := range strings.Lines(g.logs()) {
		if _, after, ok := strings.Cut(line, `"component":"signing_keys","state":"`); ok {
			state, _, _ := strings.Cut(after, `"`)
			states = append(states, state)
		}
	}
	return states
}

// signsNothing demands that the node says it cannot sign, spends nothing and takes no cookie, while what needs no key goes on.
func (g *gateway) signsNothing(t *testing.T, u, browser *user) {
	t.Helper()
	var unready answer
	inTime(t, 10*time.Second, "the node is not ready, for this reason", func() bool { // a moment ago it was another one
		unready = g.api(t, "GET", "/readyz", nil)
		return strings.Contains(string(unready.body), "no keys to sign with")
	})
	unready.want(t, 503, "unavailable")
	if unready.header.Get("Retry-After") == "" || g.metric(t, "gatehouse_ready") != 0 {
		t.Errorf("readyz says %v %s, the metric %v", unready.header, unready.body, g.metric(t, "gatehouse_ready"))
	}
	sessions := g.count(t, "select count(*) from sessions")
	for what, c := range map[string]call{
		"sign-in":              {method: "POST", path: "/auth/login", body: object{"login": u.email, "password": u.password}},
		"sign-in of a browser": {method: "POST", path: "/auth/login", body: object{"login": u.email, "password": u.password, "cookies": true}},
		"refresh":              {method: "POST", path: "/auth/refresh", body: object{"refresh_token": u.refresh}},
		"renewal":              {path: "/app", cookies: browser.cookies},
	} {
		a := g.do(t, c)
		if a.status != 503 || !strings.Contains(string(a.body), `"unavailable"`) || a.header.Get("Retry-After") == "" || len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %d %v %s", what, a.status, a.header, a.body)
		}
	}
	if n := g.count(t, "select count(*) from sessions"); n != sessions {
		t.Errorf("%d sessions, there were %d", n, sessions)
	}
	g.api(t, "POST", "/login", object{"login": u.email, "password": "wrong password 1"}).want(t, 401, "invalid_credentials")
	g.do(t, call{path: "/app", bearer: u.access}).want(t, 401, "invalid_token")
	g.api(t, "GET", "/healthz", nil).must(t, 200, "")
}

// TestSecretReset_NodeCutOff: a node that a reset could not see, being cut off from the database, comes back to keys that it cannot
// open. It says so, and signs again without a restart once the old keys are back, or it is given the new secret.
func TestSecretReset_NodeCutOff(t *testing.T) {
	t.Parallel()
	a := startOn(t, secretPlan("OLD"))
	u, browser := a.newUser(t), a.newBrowser(t)
	operator := nodeBeside(t, failing(secretPlan("NEW")), a.database)
	if err := operator.WaitExit(t); err == nil {
		t.Error("a node with another secret starts")
	}
	a.exec(t, "create table old_keys as select * from signing_keys")
	if err := syscall.Kill(a.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	a.exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	said := operator.operatorJSON(t, reset[:3]...)
	if err := syscall.Kill(a.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if said["keys"] != 5.0 {
		t.Errorf("the command says %v", said)
	}
	a.exec(t, "create table new_keys as select * from signing_keys")
	operator.restart(t)
	fresh := operator.signIn(t, u, false)

	a.signsNothing(t, u, browser)
	a.exec(t, "begin; delete from signing_keys; insert into signing_keys select * from old_keys; commit")
	inTime(t, 10*time.Second, "the node is ready with its old keys", func() bool { return a.api(t, "GET", "/readyz", nil).status == 200 })
	a.signedIn(t, a.signIn(t, u, false))
	a.exec(t, "begin; delete from signing_keys; insert into signing_keys select * from new_keys; commit")
	a.signsNothing(t, u, browser)
	if states := strings.Join(a.keysSay(), " "); states != "failing up failing" {
		t.Errorf("the log says of the keys: %s", states)
	}
	a.mustReload(t, secretPlan("NEW"))
	a.api(t, "GET", "/readyz", nil).must(t, 200, "")
	a.signedIn(t, a.signIn(t, u, true))
	a.signedIn(t, fresh)
	if n := strings.Count(a.logs(), "request failed"); n != 0 {
		t.Errorf("%d requests failed by a fault", n)
	}
}
