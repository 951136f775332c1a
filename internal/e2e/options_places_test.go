package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// restartWith ends the gateway and runs it again with another configuration over the same data. Tests of what an option does
// restart rather than reload: for a moment after a reload Linux resets connections that wait at the old socket.
func (g *gateway) restartWith(t testing.TB, p plan) {
	t.Helper()
	g.terminate(t)
	g.client.CloseIdleConnections()
	if err := os.WriteFile(filepath.Join(g.Dir, "Caddyfile"), []byte(g.fill(p.caddyfile())), 0o600); err != nil {
		t.Fatal(err)
	}
	g.restart(t)
}

// edit changes the Caddyfile on disk; old must be in it.
func (g *gateway) edit(t testing.TB, old, new string) {
	t.Helper()
	path := filepath.Join(g.Dir, "Caddyfile")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), g.fill(old), g.fill(new), 1)
	if changed == string(text) {
		t.Fatalf("the Caddyfile has no %q", g.fill(old))
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refusesToStart runs the gateway, which must end by itself and say why in these words.
func (g *gateway) refusesToStart(t testing.TB, why string) {
	t.Helper()
	if err := g.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := g.WaitExit(t); err == nil {
		t.Error("the gateway ends as if all were well")
	}
	if tail := g.Log.Tail(5); !strings.Contains(tail, why) {
		t.Errorf("the gateway says %s, expected %q", tail, why)
	}
}

// private checks that a file or folder is there and closed to others.
func (g *gateway) private(t testing.TB, path string) {
	t.Helper()
	info, err := os.Stat(filepath.Join(g.Dir, path))
	if err != nil {
		t.Error(err)
	} else if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%s is %v", path, info.Mode())
	}
}

func TestOption_data_dir(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	before := ""
	for _, c := range []struct{ line, dir string }{
		{"data_dir <dir>/data\n", "data"},
		{"data_dir \"{env.HOME}/an other\"\n", "an other"},
		{"\n", "xdg/caddy/gatehouse"}, // Caddy's own
	} {
		if before != "" {
			g.Kill()
			g.client.CloseIdleConnections()
			g.edit(t, before, c.line)
			g.restart(t)
		}
		before = c.line
		g.register(t, object{"email": freshEmail(), "password": password})
		eventually(t, "a mail in "+c.dir, func() bool {
			mails, _ := filepath.Glob(filepath.Join(g.Dir, c.dir, "outbox", "*.eml"))
			return len(mails) == 1
		})
		for _, name := range []string{"", "gatehouse.db", "secret", "outbox"} {
			g.private(t, filepath.Join(c.dir, name))
		}
	}
}

func TestOption_database(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tdatabase sqlite:<dir>/sub/accounts.db"})
	g.register(t, object{"email": freshEmail(), "password": password})
	g.private(t, "sub/accounts.db")
	if _, err := os.Stat(g.sqlitePath()); err == nil {
		t.Error("the default file is there, too")
	}
	p := start(t, plan{postgres: true})
	u := p.newUser(t)
	if n := p.count(t, "select count(*) from users where id = '"+u.id+"'"); n != 1 {
		t.Errorf("Postgres holds %d such accounts", n)
	}
	if _, err := os.Stat(p.sqlitePath()); err == nil {
		t.Error("beside Postgres there is a SQLite file")
	}
}

func TestOption_secret(t *testing.T) {
	t.Parallel()
	const old, fresh = "old-secret-old-secret-old-secret-old-1", "new-secret-new-secret-new-secret-new-2"
	g := start(t, plan{global: "\t\tsecret {env.OLD}", env: []string{"OLD=" + old, "NEW=" + fresh, "SHORT=" + old[:31]}})
	if _, err := os.Stat(filepath.Join(g.Dir, "data", "secret")); err == nil {
		t.Error("a secret is made beside the given one")
	}
	u := g.newUser(t)
	g.Kill()
	g.client.CloseIdleConnections()
	g.edit(t, "secret {env.OLD}", "secret {env.NEW}")
	g.refusesToStart(t, "open signing key")
	g.edit(t, "secret {env.NEW}", "secret {env.SHORT}")
	g.refusesToStart(t, "{env.SHORT} has 31 bytes")
	g.edit(t, "secret {env.SHORT}", "secret {env.UNSET}")
	g.refusesToStart(t, "{env.UNSET} is not set")
	// The new one in front, the old one behind: nobody notices.
	g.edit(t, "secret {env.UNSET}", "secret {env.NEW} {env.OLD}")
	g.restart(t)
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
	g.newUser(t)
	if log := g.logs(); strings.Contains(log, old[:31]) || strings.Contains(log, fresh) {
		t.Error("a secret is in the log")
	}
}

func TestOption_mail(t *testing.T) {
	t.Parallel()
	for dir, line := range map[string]string{"data/outbox": "\t\tmail outbox", "post/out": "\t\tmail outbox <dir>/post/out"} {
		g := start(t, plan{global: line})
		g.register(t, object{"email": freshEmail(), "password": password})
		var mails []string
		eventually(t, "a mail in "+dir, func() bool {
			mails, _ = filepath.Glob(filepath.Join(g.Dir, dir, "*.eml"))
			return len(mails) == 1
		})
		g.private(t, dir)
		g.private(t, filepath.Join(dir, filepath.Base(mails[0])))
	}
}
