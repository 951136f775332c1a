package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// inactive looks a token up and demands the one answer of which nothing can be learnt.
func (g *gateway) inactive(t testing.TB, what, token string) {
	t.Helper()
	a := g.api(t, "POST", "/token/verify", object{"token": token}).must(t, 200, "")
	if got := strings.TrimSpace(string(a.body)); got != `{"active":false}` || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %s with %v", what, got, a.header)
	}
}

// TestT26_OnlyGoodTokensAreActive: whatever is wrong with a token, the answer is the same (RFC 7662 §2.2).
func TestT26_OnlyGoodTokensAreActive(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	u, b, old := g.newUser(t), g.newBrowser(t), g.newUser(t)
	foreign := shared(t).newUser(t)
	out := g.signIn(t, u, false)
	g.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	disabled := g.newUser(t)
	g.exec(t, "update users set disabled_at = 1 where id = '"+disabled.id+"'")
	for what, token := range map[string]string{
		"junk": "junk", "a token of no kind": strings.Repeat("a", 43), "an empty JWT": "..", "a refresh token nobody issued": "ghr_" + strings.Repeat("A", 86),
		"another gateway's access token": foreign.access, "another gateway's refresh token": foreign.refresh,
		"a signed-out access token": out.access, "a signed-out refresh token": out.refresh, "a disabled account's refresh token": disabled.refresh,
		"an access cookie": b.cookies["gatehouse"], "a cut access token": u.access[:len(u.access)-1], "a cut refresh token": u.refresh[:len(u.refresh)-1],
		"a foreign issuer":   g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, "iss", "https://other.example.com") }),
		"a foreign audience": g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, "aud", "https://other.example.com") }),
		"a token not yet valid": g.resign(t, u.access, func(m map[string]any) map[string]any {
			return with(m, "nbf", time.Now().Add(4*time.Minute).Unix())
		}),
	} {
		g.inactive(t, what, token)
	}
	for what, token := range map[string]string{"access_token": u.access, "refresh_token": u.refresh} {
		said := g.api(t, "POST", "/token/verify", object{"token": token}).must(t, 200, "").json(t)
		if said["active"] != true || said["sub"] != u.id || said["sid"] != u.sid || said["token_type"] != what {
			t.Errorf("%s: %v", what, said)
		}
	}
	g.advance(t, 5*time.Minute+time.Second)
	g.inactive(t, "an expired access token", u.access)
	g.advance(t, 31*24*time.Hour)
	g.inactive(t, "an expired refresh token", old.refresh)
}

// TestT26_LookingChangesNothing: a refresh token that is looked at is not used, and one that is dead is not taken for
// stolen by it.
func TestT26_LookingChangesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{clock: true}, func(t *testing.T, g *gateway) {
		u := g.newUser(t)
		first := u.refresh
		u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
		g.advance(t, time.Minute)
		state := func() string {
			// All but the sealed successor, which is erased by itself.
			return fmt.Sprint(g.query(t, "select id, refresh_digest, previous_digest, rotated_at, last_seen_at, refresh_expires_at, expires_at, access_until, revoked_at, addr, user_agent from sessions order by id"),
				g.query(t, "select count(*) from events"), g.query(t, "select count(*) from revocations"), g.query(t, "select * from users"))
		}
		before := state()
		for range 3 {
			for _, token := range []string{u.access, u.refresh} {
				if said := g.api(t, "POST", "/token/verify", object{"token": token}).must(t, 200, "").json(t); said["active"] != true {
					t.Errorf("said %v", said)
				}
			}
			g.inactive(t, "a refresh token that has been replaced", first)
		}
		if after := state(); after != before {
			t.Errorf("looking at tokens changed the database from\n%s\nto\n%s", before, after)
		}
		// It is still the live one, and its family is not revoked.
		g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
		g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).pair(t, false)
	})
}

// TestT26_LookingIsLimited: tokens cannot be tried out by the thousand.
func TestT26_LookingIsLimited(t *testing.T) {
	t.Parallel()
	g := start(t, plan{limits: true})
	u := g.newUser(t)
	begin := time.Now()
	answers := g.atOnce(t, 200, func(i int) call {
		token := "ghr_" + strconv.Itoa(i)
		if i%2 == 0 {
			token = u.access
		}
		return call{method: "POST", path: "/auth/token/verify", body: object{"token": token}}
	})
	got := tally(answers)
	if n, most := got["200"], 120+2*int(time.Since(begin)/time.Second)+2; n > most || n+got["429 rate_limited"] != 200 {
		t.Errorf("answers %v, at most %d should be let through", got, most)
	}
	limited := g.api(t, "POST", "/token/verify", object{"token": u.access})
	limited.problem(t, 429, "rate_limited")
	if limited.header.Get("Retry-After") == "" || strings.Contains(string(limited.body), "active") {
		t.Errorf("limited: %s, Retry-After %q", limited.body, limited.header.Get("Retry-After"))
	}
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "") // the guard is not the look-up
}

// TestT26_LogoutOfUnknownTokens: what nobody issued, or is over, is signed out already (RFC 7009 §2.2), and nobody else is.
func TestT26_LogoutOfUnknownTokens(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	other := g.signIn(t, u, false)
	g.api(t, "POST", "/logout", object{"refresh_token": other.refresh}).empty(t, 204)
	foreign := shared(t).newUser(t)
	for what, token := range map[string]string{"junk": "junk", "a forged token": "ghr_" + strings.Repeat("A", 86), "a cut token": u.refresh[:len(u.refresh)-1],
		"a foreign token": foreign.refresh, "a token that is dead": other.refresh, "an access token": u.access} {
		a := g.api(t, "POST", "/logout", object{"refresh_token": token})
		if a.status != 204 || len(a.body) > 0 {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
		g.api(t, "POST", "/logout", nil, call{cookies: map[string]string{"gatehouse_refresh": token}}).empty(t, 204)
	}
	g.api(t, "POST", "/logout", nil, call{bearer: other.access}).empty(t, 204)
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
	shared(t).do(t, call{path: "/app", bearer: foreign.access}).must(t, 200, "")
	g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).pair(t, false)
}
