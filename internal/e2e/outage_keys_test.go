package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// startRefused demands that the gateway ends by itself and says why, in one line with all of the words.
func (g *gateway) startRefused(t testing.TB, what string, words ...string) {
	t.Helper()
	had := len(g.logs())
	if err := g.Launch(); err != nil {
		t.Fatal(err)
	}
	eventually(t, what+": the gateway ends or serves", func() bool {
		select {
		case <-g.Exited():
			return true
		default:
			return g.Serves()
		}
	})
	select {
	case <-g.Exited():
	default:
		g.Kill()
		t.Errorf("%s: the gateway starts", what)
		return
	}
	for line := range strings.Lines(g.logs()[had:]) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			return
		}
	}
	t.Errorf("%s: no line tells of %q:\n%s", what, words, g.logs()[had:])
}

// keepKeys lays the rows of the keys aside; restoreKeys puts them back, as an operator does from a backup.
func (g *gateway) keepKeys(t testing.TB) {
	t.Helper()
	g.exec(t, "create table kept_keys as select * from signing_keys")
}

func (g *gateway) restoreKeys(t testing.TB) {
	t.Helper()
	g.exec(t, "begin; delete from signing_keys; insert into signing_keys select * from kept_keys; commit")
}

func (g *gateway) keyRows(t testing.TB) string {
	t.Helper()
	return fmt.Sprint(g.query(t, "select * from signing_keys order by kid"))
}

const (
	backup    = "restore the table signing_keys from the backup"
	activeKey = "not_before is not null"
	nextKey   = "not_before is null"
)

// oddKeys are rows with which no gateway starts: what is done to them, what the log says besides "signing key", and whether the
// way without a backup is tried as well.
var oddKeys = []struct {
	what, statement, says string
	reset                 bool
}{
	{"no key for bearers signs", "delete from signing_keys where key_use = 'bearer' and " + activeKey, backup, true},
	{"no key of bearers at all", "delete from signing_keys where key_use = 'bearer'", backup, true},
	{"no key for cookies signs", "delete from signing_keys where key_use = 'cookie' and " + activeKey, backup, true},
	{"no internal key", "delete from signing_keys where key_use = 'internal'", backup, true},
	{"no key", "delete from signing_keys", backup, false},
	{"a truncated key", "update signing_keys set sealed = substr(sealed, 1, 40) where key_use = 'bearer' and " + activeKey, "secret", false},
	{"a truncated next key", "update signing_keys set sealed = substr(sealed, 1, 40) where key_use = 'cookie' and " + nextKey, "secret", false},
	{"an empty key", "update signing_keys set sealed = substr(sealed, 1, 0) where key_use = 'internal'", "secret", false},
	{"keys that have changed places", "update signing_keys set sealed = (select k.sealed from kept_keys k where k.key_use = 'bearer' and k.kid <> signing_keys.kid) " +
		"where key_use = 'bearer'", backup, false},
	{"a key of another use", "update signing_keys set sealed = (select k.sealed from kept_keys k where k.key_use = 'cookie' and k." + activeKey + ") " +
		"where key_use = 'bearer' and " + nextKey, backup, false},
	{"an unknown algorithm", "update signing_keys set algorithm = 'RS256' where key_use = 'bearer' and " + activeKey, backup, true},
	{"an unknown algorithm of a next key", "update signing_keys set algorithm = 'none' where key_use = 'cookie' and " + nextKey, backup, false},
	{"another algorithm", "update signing_keys set algorithm = 'ES256' where key_use = 'bearer' and " + activeKey, backup, false},
	{"an unknown use", "update signing_keys set key_use = 'seal' where key_use = 'bearer' and " + nextKey, backup, false},
}

// TestKeys_OddAtStart: with keys that are gone, damaged or in the wrong place the gateway refuses to start, says what to do,
// and makes none in their place; once they are back nobody has been signed out.
func TestKeys_OddAtStart(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		u, b := g.newUser(t), g.newBrowser(t)
		g.keepKeys(t)
		for range soak.N(1, 3) {
			g.stopped(t)
			for _, odd := range oddKeys {
				g.exec(t, odd.statement)
				before := g.keyRows(t)
				g.startRefused(t, odd.what, "signing", odd.says)
				if after := g.keyRows(t); after != before {
					t.Errorf("%s: the rows of keys are others", odd.what)
				}
				g.restoreKeys(t)
			}
			g.restart(t)
			g.signedIn(t, u)
			g.signedIn(t, b)
		}
	})
}

// TestKeys_OddWithoutBackup: where the keys cannot be put back there is a way on, which signs everybody out and says so beforehand.
func TestKeys_OddWithoutBackup(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		u, b := g.newUser(t), g.newBrowser(t)
		g.keepKeys(t)
		for _, odd := range oddKeys {
			if !odd.reset {
				continue
			}
			g.stopped(t)
			g.exec(t, odd.statement)
			if said := g.operatorJSON(t, "secret", "reset", "--sign-everyone-out"); said["keys"] == 0.0 {
				t.Errorf("%s: the command says %v", odd.what, said)
			}
			g.restart(t)
			g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "invalid_refresh_token")
			g.do(t, call{path: "/x", cookies: b.cookies}).want(t, 401, "invalid_token")
			u, b = g.signIn(t, u, false), g.signIn(t, b, true)
			g.signedIn(t, u)
			g.signedIn(t, b)
		}
	})
}

// TestKeys_SpareAtStart: two keys that sign are no fault: the newer one does, and both are good. A next key that is missing is made,
// for nothing was signed with it, and the log says so.
func TestKeys_SpareAtStart(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		u, b := g.newUser(t), g.newBrowser(t)
		g.keepKeys(t)
		g.stopped(t)
		g.exec(t, "update signing_keys set not_before = created_at where "+nextKey)
		before := g.count(t, "select count(*) from signing_keys where "+activeKey)
		g.restart(t)
		g.signedIn(t, u)
		g.signedIn(t, b)
		g.signedIn(t, g.signIn(t, u, false))
		if n := g.count(t, "select count(*) from signing_keys where "+activeKey); n != before || before != 5 {
			t.Errorf("%d keys sign, %d did", n, before)
		}
		if n := strings.Count(g.logs(), "no next signing key is published; making one"); n != 2 {
			t.Errorf("%d lines tell of a new next key, want one for each use", n)
		}
		g.keysCommand(t, "rotate")
		g.signedIn(t, u)
		g.signedIn(t, b)
	})
}

// unsigned demands that nothing is signed, that whoever asks is told so without losing a cookie, and that no key is made.
func (g *gateway) unsigned(t *testing.T, u, b *user) {
	t.Helper()
	rows := g.keyRows(t)
	refresh := map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}
	for what, c := range map[string]call{
		"sign-in": {method: "POST", path: "/auth/login", body: object{"login": u.email, "password": u.password}},
		"refresh": {method: "POST", path: "/auth/refresh", body: object{"refresh_token": u.refresh}},
		"renewal": {path: "/x", cookies: refresh},
		"a page":  {path: "/x", cookies: b.cookies, header: page},
	} {
		a := g.do(t, c)
		if a.status != 503 || len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %d %.200s, cookies %q", what, a.status, a.body, a.header.Values("Set-Cookie"))
		}
	}
	if after := g.keyRows(t); after != rows {
		t.Error("the rows of keys are others")
	}
}

// TestKeys_GoneWhileRunning: rows of keys go while the gateway runs. What they signed is refused, nothing is signed without them, none is
// made, and the log says what to do; once they are back everybody is signed in as before, without a restart.
func TestKeys_GoneWhileRunning(t *testing.T) {
	t.Parallel()
	for what, statement := range map[string]string{
		"those that sign": "delete from signing_keys where key_use <> 'internal' and " + activeKey,
		"all":             "delete from signing_keys",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			onBoth(t, plan{}, func(t *testing.T, g *gateway) {
				u, b := g.newUser(t), g.newBrowser(t)
				g.keepKeys(t)
				for range soak.N(1, 3) {
					g.withoutKeys(t, u, b, statement)
				}
			})
		})
	}
}

func (g *gateway) withoutKeys(t *testing.T, u, b *user, statement string) {
	t.Helper()
	const complaint = "could not reload the signing keys"
	told := strings.Count(g.logs(), complaint)
	g.exec(t, statement)
	inTime(t, 10*time.Second, "the log tells of it", func() bool { return strings.Count(g.logs(), complaint) > told })
	if !strings.Contains(g.logs()[strings.LastIndex(g.logs(), complaint):], backup) {
		t.Error("the log does not say what to do")
	}
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token")
	g.unsigned(t, u, b)
	g.restoreKeys(t)
	inTime(t, 10*time.Second, "the guard knows the keys again", func() bool {
		return g.do(t, call{path: "/x", bearer: u.access}).status == 200
	})
	g.signedIn(t, u)
	g.signedIn(t, b)
	g.signedIn(t, g.signIn(t, u, false))
}

// TestKeys_DamagedWhileRunning: rows of keys are damaged while the gateway runs. It goes on with what it has; no rotation and no
// new configuration takes them or makes others, and once they are whole both work again.
func TestKeys_DamagedWhileRunning(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		u, b := g.newUser(t), g.newBrowser(t)
		g.keepKeys(t)
		another := plan{postgres: g.database != ""}
		for i, odd := range oddKeys {
			if !strings.HasPrefix(odd.statement, "update") {
				continue
			}
			g.exec(t, odd.statement)
			rows := g.keyRows(t)
			if out, errs, code := g.Command(t, "keys", "rotate", "--config", "Caddyfile"); code == 0 || !strings.Contains(errs, odd.says) {
				t.Errorf("%s: keys rotate ends with %d: %s %s", odd.what, code, out, errs)
			}
			another.global = fmt.Sprintf("rate_limit login %d/1m", 1000+i)
			if complaint, err := g.reload(another); err != nil || !strings.Contains(complaint, odd.says) {
				t.Errorf("%s: a reload is answered %q %v", odd.what, complaint, err)
			}
			if after := g.keyRows(t); after != rows {
				t.Errorf("%s: the rows of keys are others", odd.what)
			}
			g.signedIn(t, u)
			g.signedIn(t, b)
			g.restoreKeys(t)
		}
		g.mustReload(t, another)
		g.keysCommand(t, "rotate")
		g.signedIn(t, u)
		g.signedIn(t, b)
	})
}
