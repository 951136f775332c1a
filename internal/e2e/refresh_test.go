package e2e

import (
	"strings"
	"testing"
	"time"
)

// refreshing is a refresh by a client with the given user agent.
func refreshing(token, agent string) call {
	return call{method: "POST", path: "/auth/refresh", body: object{"refresh_token": token}, header: map[string]string{"User-Agent": agent}}
}

// familyDead checks that nothing of a session is accepted any more.
func (g *gateway) familyDead(t testing.TB, access []string, refresh []string) {
	t.Helper()
	for _, token := range access {
		g.do(t, call{path: "/app", bearer: token}).want(t, 401, "invalid_token")
		g.api(t, "GET", "/me", nil, call{bearer: token}).want(t, 401, "invalid_token")
	}
	for _, token := range refresh {
		g.do(t, refreshing(token, firefox)).want(t, 401, "invalid_refresh_token")
	}
}

func TestT15_RefreshReplay(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	u := g.newUser(t)
	other := g.signIn(t, u, false)
	a := g.do(t, refreshing(u.refresh, firefox))
	a.pair(t, false)
	g.advance(t, 11*time.Second)
	replay := g.do(t, refreshing(u.refresh, firefox))
	replay.problem(t, 401, "refresh_token_reused")
	g.familyDead(t, []string{u.access, a.text("access_token")}, []string{u.refresh, a.text("refresh_token")})
	if l := g.waitMail(t, u.email, 2); !strings.Contains(l.subject, "session") {
		t.Errorf("the owner is told %q", l.subject)
	}
	if n := g.count(t, "select count(*) from events where kind = 'session.refresh_replayed' and session_id = '"+u.sid+"'"); n != 1 {
		t.Errorf("%d events tell of the replay", n)
	}
	g.do(t, call{path: "/app", bearer: other.access}).must(t, 200, "") // another sign-in is another family
	// What a thief gets of a chain that has moved on is the end of the chain, too.
	tokens := []string{other.refresh}
	for range 3 {
		next := g.do(t, refreshing(tokens[len(tokens)-1], firefox))
		next.pair(t, false)
		tokens = append(tokens, next.text("refresh_token"))
	}
	g.do(t, refreshing(tokens[0], firefox)).problem(t, 401, "refresh_token_reused")
	g.familyDead(t, []string{other.access}, tokens)
}

// TestT16_RefreshBurst: of a hundred requests with one token all get the same one successor.
func TestT16_RefreshBurst(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		u := g.newUser(t)
		token := u.refresh
		for range 3 {
			answers := g.atOnce(t, 100, func(int) call { return refreshing(token, firefox) })
			successors := map[string]bool{}
			for _, a := range answers {
				a.pair(t, false)
				successors[a.text("refresh_token")] = true
				g.do(t, call{path: "/app", bearer: a.text("access_token")}).want(t, 200, "")
			}
			if len(successors) != 1 || successors[token] {
				t.Fatalf("%d successors", len(successors))
			}
			token = answers[0].text("refresh_token")
		}
		// One live leaf: its successor works, the session is one row and nobody was taken for a thief.
		g.do(t, refreshing(token, firefox)).pair(t, false)
		if n := g.count(t, "select count(*) from sessions where revoked_at is null"); n != 1 {
			t.Errorf("%d sessions", n)
		}
		if n := g.count(t, "select count(*) from events where kind = 'session.refresh_replayed'"); n != 0 {
			t.Errorf("%d replays", n)
		}
	})
}

// longLeeway is for a hundred refreshes at once: on a busy machine they take longer than the default leeway.
const longLeeway = "\t\trefresh_leeway 60s\n"

// TestT16_RefreshBurstOverTwoNodes: two processes on one database share nothing else.
func TestT16_RefreshBurstOverTwoNodes(t *testing.T) {
	t.Parallel()
	g := start(t, plan{postgres: true, global: longLeeway})
	h := start(t, plan{env: []string{"TEST_DATABASE=" + g.database}, global: longLeeway + "\t\tdatabase {env.TEST_DATABASE}\n\t\tsecret {env.TEST_SECRET}"})
	u := g.newUser(t)
	answers := g.atOnce(t, 100, func(i int) call {
		c := refreshing(u.refresh, firefox)
		if i%2 == 1 {
			c.base = "http://" + h.Host()
		}
		return c
	})
	successors := map[string]bool{}
	for _, a := range answers {
		a.pair(t, false)
		successors[a.text("refresh_token")] = true
	}
	if len(successors) != 1 {
		t.Errorf("%d successors", len(successors))
	}
}

// TestT22_GraceOnceTheChildIsUsed: the leeway is for lost answers of the same kind of client, and for nobody else.
func TestT22_GraceOnceTheChildIsUsed(t *testing.T) {
	t.Parallel()
	g := shared(t)
	for name, c := range map[string]struct {
		useChild bool
		again    func(token string) call
		dead     bool
	}{
		"lost answer":                 {false, func(r string) call { return refreshing(r, firefox) }, false},
		"child used":                  {true, func(r string) call { return refreshing(r, firefox) }, true},
		"child used, other agent":     {true, func(r string) call { return refreshing(r, "curl/8") }, true},
		"child not used, other agent": {false, func(r string) call { return refreshing(r, "curl/8") }, true},
		"child not used, other mode": {false, func(r string) call {
			c := refreshing(r, firefox)
			c.body = object{"refresh_token": r, "cookies": true}
			return c
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := g.newUser(t)
			child := g.do(t, refreshing(u.refresh, firefox))
			child.pair(t, false)
			access, refresh := []string{u.access, child.text("access_token")}, []string{u.refresh, child.text("refresh_token")}
			if c.useChild {
				grandchild := g.do(t, refreshing(child.text("refresh_token"), firefox))
				grandchild.pair(t, false)
				access, refresh = append(access, grandchild.text("access_token")), append(refresh, grandchild.text("refresh_token"))
			}
			again := g.do(t, c.again(u.refresh))
			if !c.dead {
				again.pair(t, false)
				if again.text("refresh_token") != child.text("refresh_token") || again.text("session_id") != u.sid {
					t.Error("the lost answer is answered with another successor")
				}
				return
			}
			again.problem(t, 401, "refresh_token_reused")
			g.familyDead(t, access, refresh)
		})
	}
}
