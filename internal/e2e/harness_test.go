package e2e

import "testing"

// TestHarness: an account from nothing to a guarded request, on both databases and with the moved clock.
func TestHarness(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]plan{"sqlite": {}, "postgres": {postgres: true}, "clock": {clock: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, p)
			u := g.newUser(t)
			got := g.do(t, call{path: "/app?x=1", bearer: u.access}).must(t, 200, "").echo(t)
			if got.get(t, "Remote-Sub") != u.id || got.Target != "/app?x=1" {
				t.Errorf("the upstream got %+v", got)
			}
			if n := g.count(t, "select count(*) from users"); n != 1 {
				t.Errorf("%d users", n)
			}
			if p.clock {
				g.advance(t, 3600e9)
				g.do(t, call{path: "/", bearer: u.access}).want(t, 401, "invalid_token")
			}
		})
	}
}
