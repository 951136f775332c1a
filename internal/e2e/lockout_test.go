package e2e

import (
	"testing"
	"time"
)

// TestLock_SurvivesReloadAndRestart: neither a changed configuration nor a crash lets a guesser begin anew.
func TestLock_SurvivesReloadAndRestart(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{clock: true}, func(t *testing.T, g *gateway) {
		u, unknown := g.newUser(t), freshEmail()
		for range 5 {
			g.attempt(t, u.email, "wrong granite lantern 7").must(t, 401, "invalid_credentials")
			g.attempt(t, unknown, "wrong granite lantern 7").must(t, 401, "invalid_credentials")
		}
		locked := func(when string) {
			t.Helper()
			for _, login := range []string{u.email, u.username, unknown} {
				var a answer
				eventually(t, "an answer "+when, func() bool { // a reload may reset a connection, see become
					var err error
					a, err = g.try(call{method: "POST", path: "/auth/login", body: object{"login": login, "password": password}})
					return err == nil
				})
				if a.status != 429 || a.code() != "account_locked" {
					t.Errorf("%s: %d %s", when, a.status, a.code())
				}
			}
		}
		locked("at once")
		p := plan{postgres: g.database != "", clock: true, global: "\t\taccess_lifetime 7m"}
		g.mustReload(t, p)
		locked("after a reload")
		g.Kill()
		g.client.CloseIdleConnections()
		g.restart(t)
		locked("after a crash")
		g.advance(t, 61*time.Second)
		g.attempt(t, u.email, "wrong granite lantern 7").want(t, 401, "invalid_credentials")
		g.attempt(t, u.email, password).pair(t, false)
	})
}
