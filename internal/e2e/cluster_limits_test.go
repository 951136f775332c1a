package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// TestK05_SharedLimits: five an hour are five, on whichever node the requests arrive, from an address, of an account, or in all.
func TestK05_SharedLimits(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\trate_limit token_verify 5/1h\n\t\trate_limit forgot account 3/1h\n\t\trate_limit secure global 4/1h"})
	nodes, u := []*gateway{c.a, c.b}, c.a.newUser(t)
	answered := func(n int, path string, body object, as call) (let int) {
		t.Helper()
		for i := range n {
			if nodes[i%2].api(t, "POST", path, body, as).status != 429 {
				let++
			}
		}
		return let
	}
	if let := answered(10, "/password/forgot", object{"email": freshEmail()}, call{bearer: u.access}); let != 3 {
		t.Errorf("%d calls of one account were let through, want 3", let)
	}
	if let := answered(4, "/password/forgot", object{"email": freshEmail()}, call{}); let != 4 {
		t.Errorf("%d of 4 calls of nobody's account were let through", let)
	}
	if let := answered(10, "/secure", object{"token": "x"}, call{}); let != 4 {
		t.Errorf("%d calls were let through in all, want 4", let)
	}
	got := map[int]int{}
	n := soak.N(60, 1000)
	for range n / 10 { // ten at once: a hundred may take Redis longer than a node waits for it, and then each node counts alone
		for _, a := range c.overBoth(t, 10, func(int) call {
			return call{method: "POST", path: "/auth/token/verify", body: object{"token": "x"}}
		}) {
			if got[a.status]++; a.status == 429 {
				a.retryLater(t, "rate_limited")
			}
		}
	}
	if got[200] != 5 || got[429] != n-5 {
		t.Errorf("%v, want 5 answered 200 and the others 429", got)
	}

	// Neither a reload nor a restart of a node gives a new budget, and nor does a Redis that has lost all.
	c.a.mustReload(t, plan{postgres: true, global: "\n\t\tissuer http://" + c.a.Host() +
		"\n\t\tredis {env.TEST_REDIS}\n\t\trate_limit token_verify 5/1h"})
	c.redis.Flush()
	if a := c.a.api(t, "POST", "/token/verify", object{"token": "x"}); a.status != 429 {
		t.Errorf("after a reload and a flush: %d", a.status)
	}
}

// TestL08_GuessesOverTwoNodes: wrong passwords at once on both nodes, five are looked at; then the name is locked on both, and
// stays so when Redis has lost it and a node has started anew.
func TestL08_GuessesOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tlockout {\n\t\t\tfirst 10m\n\t\t}"})
	u := c.a.newUser(t)
	looked := func() int64 {
		return c.a.count(t, "select count(*) from events where kind = 'session.sign_in_failed'")
	}
	before := looked()
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for i := range soak.N(60, 200) {
		g := c.a
		if i%2 == 1 {
			g = c.b
		}
		all.Go(func() {
			a, err := g.try(call{method: "POST", path: "/auth/login", body: object{"login": u.email, "password": "wrong granite lantern 7"}})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[a.code()]++
		})
	}
	all.Wait()
	if n := looked() - before; n > 5 || got["invalid_credentials"] > 5 {
		t.Errorf("%v: %d wrong passwords were looked at, want 5", got, n)
	}
	for range 10 { // a busy machine may have turned some away before they were looked at
		c.b.attempt(t, u.email, "wrong granite lantern 7")
	}
	locked := func(when string, g *gateway) {
		t.Helper()
		if a := g.attempt(t, u.email, password); a.status != 429 || a.code() != "account_locked" {
			t.Errorf("%s: %d %s", when, a.status, a.code())
		}
	}
	locked("on the first node", c.a)
	locked("on the second node", c.b)
	c.a.Kill()
	c.a.client.CloseIdleConnections()
	c.redis.Flush()
	c.a.restart(t)
	locked("after a crash and a flush", c.a)
	locked("after a flush", c.b)
}

// TestO19_NothingIsSentWhileNobodyCounts: with Redis frozen nothing goes to addresses, the rest goes on at once, and all is
// well soon after.
func TestO19_NothingIsSentWhileNobodyCounts(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	u := c.a.newUser(t)
	c.redis.Freeze()
	began := time.Now()
	c.b.attempt(t, freshEmail(), "wrong granite lantern 7")
	if took := time.Since(began); took > 2*time.Second { // 300 ms for Redis, the rest is the password's
		t.Errorf("a sign-in took %s", took)
	}
	inTime(t, 5*time.Second, "the log tells", func() bool { return strings.Contains(c.b.logs(), "counted by this node alone") })
	to := freshEmail()
	for range 3 {
		began = time.Now()
		a := c.b.api(t, "POST", "/register", object{"email": to, "password": password})
		a.want(t, 503, "unavailable")
		if a.header.Get("Retry-After") == "" || time.Since(began) > 2*time.Second {
			t.Errorf("Retry-After %q after %s", a.header.Get("Retry-After"), time.Since(began))
		}
	}
	c.b.signIn(t, u, false)
	if n := len(c.b.mails(t, to)); n != 0 {
		t.Errorf("%d mails went out", n)
	}
	c.redis.Thaw()
	inTime(t, 5*time.Second, "a sign-up works again", func() bool {
		return c.b.api(t, "POST", "/register", object{"email": freshEmail(), "password": password}).status == 202
	})
}
