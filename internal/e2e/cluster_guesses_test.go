package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// TestL_GuessesOverTwoNodes: who guesses gains nothing by going from node to node.
func TestL_GuessesOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{caddy: behindProxy, global: "\t\trate_limit login 30/1h\n\t\tlockout {\n\t\t\tfirst 10m\n\t\t}"})
	nodes := []*gateway{c.a, c.b}
	from := func(address string) call { return call{header: map[string]string{"X-Forwarded-For": address}} }
	attempt := func(i int, address, login, secret string) answer {
		return nodes[i%2].api(t, "POST", "/login", object{"login": login, "password": secret}, from(address))
	}
	const wrong = "wrong granite lantern 7"
	looked := func(u *user) int64 {
		return c.a.count(t, "select count(*) from events where kind = 'session.sign_in_failed' and account_id = '"+u.id+"'")
	}

	t.Run("L06_FromEverywhere", func(t *testing.T) { // one name from a hundred addresses
		u := c.a.newUser(t)
		got := map[int]int{}
		for i := range 101 {
			got[attempt(i, fmt.Sprintf("192.0.2.%d", i), u.email, wrong).status]++
		}
		if n := looked(u); n > 5 || got[401] > 5 || got[401]+got[429] != 101 {
			t.Errorf("%v, %d were looked at, want 5", got, n)
		}
		for i := range nodes {
			attempt(i, "192.0.2.200", u.email, password).want(t, 429, "account_locked")
		}
	})
	t.Run("L12_RightOnesAtOnce", func(t *testing.T) {
		u := c.a.newUser(t)
		begin := time.Now()
		for _, a := range c.overBoth(t, 20, func(i int) call {
			one := from(fmt.Sprintf("198.51.100.%d", i))
			one.method, one.path, one.body = "POST", "/auth/login", object{"login": u.email, "password": password}
			return one
		}) {
			if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != 200 && (time.Since(begin) < 2*time.Second || err != nil || wait > 2) {
				t.Errorf("a right password is answered %d %s, Retry-After %d", a.status, a.code(), wait)
			}
		}
		for i := range 4 {
			attempt(i, "198.51.100.200", u.email, password).pair(t, false)
		}
		if n := looked(u); n != 0 {
			t.Errorf("%d right passwords were counted as wrong", n)
		}
	})
	t.Run("L13_OwnSuccess", func(t *testing.T) {
		victim, mine := c.a.newUser(t), c.a.newUser(t)
		const me = "203.0.113.66"
		for i := range 4 {
			attempt(i, me, victim.email, wrong).must(t, 401, "invalid_credentials")
			attempt(i+1, me, mine.email, password).pair(t, false)
		}
		attempt(1, me, victim.email, wrong).must(t, 401, "invalid_credentials")
		attempt(0, me, victim.email, wrong).must(t, 429, "account_locked")
		for i := range 20 {
			attempt(i, me, victim.email, wrong).must(t, 429, "account_locked")
		}
		attempt(0, me, mine.email, password).want(t, 429, "rate_limited") // the thirty of this address are spent
		attempt(1, me, mine.email, password).want(t, 429, "rate_limited")
	})
	t.Run("L14_Spraying", func(t *testing.T) { // one password on many names, from one network
		got := map[int]int{}
		for i := range 100 {
			got[attempt(i, fmt.Sprintf("2001:db8:5:1::%x", i), freshEmail(), wrong).status]++
		}
		if got[401] > 31 || got[401] < 25 || got[429] < 69 { // one comes due every two minutes
			t.Errorf("%v, want 30 looked at", got)
		}
	})
}
