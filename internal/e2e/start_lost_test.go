package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// saysRefused starts a gateway that must end by itself, and returns what it said.
func (g *gateway) saysRefused(t testing.TB, what string) string {
	t.Helper()
	before := len(g.logs())
	if err := g.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := g.WaitExit(t); err == nil {
		t.Errorf("%s: it ended as if all were well", what)
	}
	return g.logs()[before:]
}

func mustWrite(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// emptySQLite is a SQLite file with a header alone, as the write-ahead log's loss leaves it, and with somebody else's table.
func (g *gateway) emptySQLite(t testing.TB, statement string) []byte {
	t.Helper()
	elsewhere := &gateway{Gateway: &gatehousetest.Gateway{Dir: t.TempDir()}}
	if err := os.Mkdir(filepath.Join(elsewhere.Dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	elsewhere.exec(t, statement)
	content, err := os.ReadFile(elsewhere.sqlitePath())
	if err != nil || len(content) == 0 {
		t.Fatalf("%d bytes (%v)", len(content), err)
	}
	return content
}

// TestStart_DatabaseLost: where a secret shows that there has been a database, one that is gone or empty is no new one: it would have no
// accounts, and whoever comes first could sign up. The way out that is told works.
func TestStart_DatabaseLost(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	g.stopped(t)
	file, secret := g.sqlitePath(), filepath.Join(g.Dir, "data", "secret")
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string][]byte{"missing": nil, "empty": {}, "without tables": g.emptySQLite(t, "pragma user_version = 1"),
		"somebody else's": g.emptySQLite(t, "create table theirs (x)")} {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(file + suffix)
		}
		if content != nil {
			mustWrite(t, file, content)
		}
		said := g.saysRefused(t, what)
		if !strings.Contains(said, file) || !strings.Contains(said, "mv "+secret+" "+secret+".old") || !strings.Contains(said, "backup") {
			t.Errorf("%s: it names not both files and the way out: %s", what, said)
		}
		if _, errs, code := g.Command(t, "keys", "rotate", "--config", "Caddyfile"); code == 0 {
			t.Errorf("%s: a command goes on: %s", what, errs)
		}
		if _, errs, code := g.Command(t, "validate", "--config", "Caddyfile"); code != 0 {
			t.Errorf("%s: validate: %s", what, errs)
		}
		if info, err := os.Stat(file); content == nil && !errors.Is(err, fs.ErrNotExist) || content != nil && (err != nil || info.Size() < int64(len(content))) {
			t.Errorf("%s: the file is another one now (%v)", what, err)
		}
	}
	mustWrite(t, file, kept)
	g.restart(t)
	g.signedIn(t, u)
	g.Kill() // a write-ahead log is left behind
	g.client.CloseIdleConnections()
	if err := errors.Join(os.Remove(file), os.Rename(secret, secret+".old")); err != nil {
		t.Fatal(err)
	}
	g.restart(t)
	g.newUser(t)
}

// TestStart_DatabaseLostOption: where the secret is an option, the lock beside the file tells the same.
func TestStart_DatabaseLostOption(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsecret {env.TEST_SECRET}\n"})
	g.stopped(t)
	file := g.sqlitePath()
	for _, what := range []string{"empty", "missing"} {
		if what == "empty" {
			mustWrite(t, file, nil)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if said := g.saysRefused(t, what); !strings.Contains(said, file+" is "+what) || !strings.Contains(said, "mv "+file+".lock ") {
			t.Errorf("%s: %s", what, said)
		}
	}
	if err := os.Rename(file+".lock", file+".lock.old"); err != nil {
		t.Fatal(err)
	}
	g.restart(t)
}

// TestStart_KilledHalfWay: a first start that is killed at any moment goes on at the next one.
func TestStart_KilledHalfWay(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"data", "data/gatehouse.db", "data/gatehouse.db-wal", "data/gatehouse.db.lock", "data/secret"} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			g := start(t, plan{failing: true})
			eventually(t, file+" is made", func() bool { _, err := os.Stat(filepath.Join(g.Dir, file)); return err == nil })
			g.Kill()
			g.restart(t)
			g.newUser(t)
		})
	}
}

// TestStart_SecretFile: a secret that others may read is told of, and a wrong one is named, with what it does not open.
func TestStart_SecretFile(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	secret := filepath.Join(g.Dir, "data", "secret")
	if strings.Contains(g.logs(), "chmod") {
		t.Error("a warning of a file that nobody else may read")
	}
	for i, mode := range []os.FileMode{0o644, 0o640, 0o604} {
		if err := os.Chmod(secret, mode); err != nil {
			t.Fatal(err)
		}
		g.mustReload(t, plan{global: fmt.Sprintf("\t\taccess_lifetime %dm\n", 6+i)})
		want := fmt.Sprintf("%s (mode %04o): chmod 600 %[1]s", secret, mode)
		eventually(t, "the warning "+want, func() bool { return strings.Contains(g.logs(), want) })
	}
	g.stopped(t)
	mustWrite(t, secret, []byte(longSecret("another")))
	said := g.saysRefused(t, "another secret")
	for _, want := range []string{secret, g.sqlitePath(), "gatehouse secret reset"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not name %s: %s", want, said)
		}
	}
	if _, errs, code := g.Command(t, "keys", "rotate", "--config", "Caddyfile"); code == 0 || !strings.Contains(errs, secret) {
		t.Errorf("a command ends with %d: %s", code, errs)
	}
}

// TestM02_AnotherDatabase: a reload that leads to another database, and so signs everybody out, says so; one that does not is silent.
func TestM02_AnotherDatabase(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	const told = "everyone who was signed in is signed out"
	g.mustReload(t, plan{global: "\t\tsignup closed\n"})
	if strings.Contains(g.logs(), told) {
		t.Error("a reload on the same database warns")
	}
	there := plan{global: "\t\tdatabase sqlite:<dir>/other/gatehouse.db\n"}
	if complaint, err := g.reload(there); err != nil || !strings.Contains(complaint, "other/gatehouse.db is missing") {
		t.Errorf("another file beside the same secret: %v %s", err, complaint)
	}
	g.signedIn(t, u)
	there.dataDir = "<dir>/other"
	g.mustReload(t, there)
	eventually(t, "the warning", func() bool { return strings.Contains(g.logs(), told) })
	if log := g.logs(); !strings.Contains(log, g.sqlitePath()+" are not those of "+g.Dir+"/other/gatehouse.db") {
		t.Errorf("the two are not named:\n%s", g.Log.Tail(5))
	}
	g.mustReload(t, plan{})
	eventually(t, "the warning of the way back", func() bool { return strings.Count(g.logs(), told) == 2 })
	g.signedIn(t, u)
}
