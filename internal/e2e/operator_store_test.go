package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// startOn is start over a Postgres database whose options the plan writes itself.
func startOn(t testing.TB, p plan) *gateway {
	t.Helper()
	return nodeBeside(t, p, testpg.Database(t))
}

// mustWrite gives the process that runs next, and the commands, another Caddyfile.
func (g *gateway) mustWrite(t testing.TB, p plan) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.Dir, "Caddyfile"), []byte(g.fill(p.caddyfile())), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMigrateStore: whoever is signed in on SQLite is signed in on Postgres, also when the move was killed on the way.
func TestMigrateStore(t *testing.T) {
	t.Parallel()
	heavy(t)
	p := plan{global: twoIssuer}
	g := start(t, p)
	u, browser := g.newUser(t), g.newBrowser(t)
	revoked := g.signIn(t, u, false)
	g.api(t, "POST", "/logout", object{"refresh_token": revoked.refresh}).must(t, 204, "")
	// Enough rows for the move to be killed amid them.
	const more = 30_000
	g.exec(t, `with recursive n(i) as (select 1 union all select i + 1 from n where i < `+strconv.Itoa(more)+`)
		insert into events (id, kind, at, account_id, session_id, result, method, addr, user_agent)
		select printf('018f0000-0000-7000-8000-%012x', i), 'session.signed_in', i, null, null, 'success', 'password', '', 'é' from n`)

	database := testpg.Database(t)
	g.Env = append(g.Env, "MOVE_TO="+database)
	move := []string{"migrate-store", "--from", "sqlite:" + g.sqlitePath(), "--to", "{env.MOVE_TO}"}
	if _, errs, code := g.Command(t, move...); code != 4 || !strings.Contains(errs, "in use by another") {
		t.Errorf("beside a gateway that runs it ends with %d: %s", code, errs)
	}
	g.terminate(t)
	g.client.CloseIdleConnections()

	target := &gateway{database: database}
	cmd := exec.Command(g.Binary, move...)
	cmd.Dir, cmd.Env = g.Dir, append([]string{"HOME=" + g.Dir, "PATH=" + os.Getenv("PATH")}, g.Env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := gatehousetest.Spawn(cmd); err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	eventually(t, "the move is amid the rows", func() bool {
		select {
		case err := <-over:
			t.Fatalf("the move has ended (%v): %s", err, said.String())
		default:
		}
		return target.count(t, "select count(*) from pg_class where relname = 'events' and relnamespace = current_schema()::regnamespace") == 1 &&
			target.count(t, "select count(*) from events") > 0
	})
	_ = cmd.Process.Kill()
	<-over
	if n := target.count(t, "select count(*) from events"); n >= more {
		t.Errorf("the move had copied all %d rows before it was killed: %s", n, said.String())
	}

	half := plan{global: twoIssuer, postgres: true, failing: true}
	refused := nodeBeside(t, half, database)
	if err := refused.WaitExit(t); err == nil || !strings.Contains(refused.logs(), "has not finished") {
		t.Errorf("a gateway on half of a database ends with %v", err)
	}
	done := g.operatorJSONRaw(t, append(move, "--json")...)
	tables, _ := done["tables"].([]any)
	if len(tables) < 11 {
		t.Errorf("the command says %v", done)
	}
	out, errs, code := g.Command(t, move...)
	if code != 0 || !strings.Contains(out, "TABLE") || !strings.Contains(out, "secret") {
		t.Errorf("done again it ends with %d: %q %q", code, out, errs)
	}
	if strings.Contains(out+errs+said.String(), database) {
		t.Error("the URL with its password is printed")
	}

	secret, err := os.ReadFile(filepath.Join(g.Dir, "data", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	moved := nodeBeside(t, plan{global: twoIssuer + "\t\tdatabase {env.TEST_DATABASE}\n\t\tsecret {env.MOVED_SECRET}\n",
		env: []string{"MOVED_SECRET=" + strings.TrimSpace(string(secret))}}, database)
	moved.signedIn(t, u)
	moved.signedIn(t, browser)
	moved.signedOut(t, revoked)
	moved.signedIn(t, moved.signIn(t, u, false))
	moved.newUser(t)
	// The target is in use now: the source is not moved into it a second time.
	if _, errs, code := g.Command(t, move...); code != 4 || !strings.Contains(errs, "in use") {
		t.Errorf("into a database in use it ends with %d: %s", code, errs)
	}
	moved.signedIn(t, u)
}

func TestMigrateStore_CommandLine(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	file := "sqlite:" + g.sqlitePath()
	for name, args := range map[string][]string{
		"nothing":       {},
		"no target":     {"--from", file},
		"no such file":  {"--from", "sqlite:nothing-here.db", "--to", "postgres://127.0.0.1:1/x"},
		"wrong way":     {"--from", "postgres://127.0.0.1:1/x", "--to", file},
		"unknown value": {"--from", file, "--to", "{env.NOT_SET_AT_ALL}"},
		"surplus":       {"--from", file, "--to", "postgres://127.0.0.1:1/x", "surplus"},
	} {
		if out, errs, code := g.Command(t, append([]string{"migrate-store"}, args...)...); code != 2 || out != "" || errs == "" {
			t.Errorf("%s ends with %d: %q %q", name, code, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(g.Dir, "nothing-here.db")); err == nil {
		t.Error("a file was made where there was none")
	}
	if out, _, code := g.Command(t, "migrate-store", "--help"); code != 0 || !strings.Contains(out, "--from") {
		t.Errorf("help ends with %d: %q", code, out)
	}
}
