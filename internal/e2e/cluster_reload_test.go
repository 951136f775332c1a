package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// noAddress is none of this machine's (RFC 5737): listening on it fails when Caddy tries, and not before.
const noAddress = "192.0.2.1"

// TestStart_NoAddress: a node that cannot start because of its address may have been a node for a moment. The others are not left
// waiting for it.
func TestStart_NoAddress(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	for range soak.N(3, 20) {
		third := nodeBeside(t, plan{postgres: true, failing: true, env: []string{"TEST_REDIS=" + c.redis.URL()},
			global: "\n\t\tissuer http://" + c.a.Host() + "\n\t\tredis {env.TEST_REDIS}\n",
			site:   "http://127.0.0.1:<port> {\n\tbind " + noAddress + "\n\tgatehouse\n\tgatehouse_guard\n\treverse_proxy <upstream>\n}\n"}, c.a.database)
		if err := third.WaitExit(t); err == nil {
			t.Fatal("it has started")
		}
	}
	for since := time.Now(); time.Since(since) < 4*time.Second; { // longer than a silence is not told of
		if n := c.b.metric(t, `gatehouse_revocation_feed_nodes{state="silent"}`); n != 0 {
			t.Fatalf("%v nodes are waited for", n)
		}
	}
}

// TestReload_OtherRedisSettings: a node that comes to Redis another way after a reload, with another password for instance, is
// the node it was. The others neither wait for one that is gone nor miss what it revokes. So it is after a reload that Caddy rejects
// when our part of it has started.
func TestReload_OtherRedisSettings(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	u := c.a.newUser(t)
	config := func(redis, sites string) plan {
		return plan{postgres: true, global: "\n\t\tissuer http://" + c.a.Host() + "\n\t\tredis " + redis + "\n", caddy: "skip_install_trust", site: defaultSite + sites}
	}
	known := func(when string) {
		t.Helper()
		c.bounded(t, u, c.sessions(t, u, 2), time.Second)
		for since := time.Now(); time.Since(since) < 4*time.Second; { // longer than a silence is not told of
			if n := c.b.metric(t, `gatehouse_revocation_feed_nodes{state="silent"}`); n != 0 {
				t.Fatalf("%s %v nodes are silent", when, n)
			}
		}
		inTime(t, 5*time.Second, when+" the other node is heard", func() bool {
			return c.b.metric(t, `gatehouse_revocation_feed_nodes{state="heard"}`) == 1
		})
	}
	direct := filepath.Join(c.a.Dir, "redis") // not through the proxy
	if err := os.WriteFile(direct, []byte(c.redis.URL()), 0o600); err != nil {
		t.Fatal(err)
	}
	direct = "{file." + direct + "}"
	c.a.mustReload(t, config(direct, ""))
	known("after another address")
	if complaint, err := c.a.reload(config("{env.TEST_REDIS}", "\nhttp://127.0.0.1:<port2> {\n\tbind "+noAddress+"\n\trespond ok\n}\n")); err != nil || complaint == "" {
		t.Fatalf("an address that is none: %q, %v", complaint, err)
	}
	known("after a rejected reload")
	c.a.mustReload(t, config(direct, ""))
	known("after the old settings")
	if n := c.b.metric(t, "gatehouse_nodes"); n != 2 {
		t.Errorf("%v nodes count", n)
	}
	// Without Redis it revokes on, and does not reach it: the others must not take it for one that has stopped.
	c.a.mustReload(t, plan{postgres: true, global: "\n\t\tissuer http://" + c.a.Host() + "\n", caddy: "skip_install_trust"})
	inTime(t, 20*time.Second, "a node that goes on without Redis counts as silent", func() bool {
		return c.b.metric(t, `gatehouse_revocation_feed_nodes{state="silent"}`) == 1 && c.b.metric(t, `gatehouse_revocation_feed_nodes{state="heard"}`) == 0
	})
	c.a.mustReload(t, config(direct, ""))
	inTime(t, 20*time.Second, "it is heard again", func() bool {
		return c.b.metric(t, `gatehouse_revocation_feed_nodes{state="silent"}`) == 0 && c.b.metric(t, `gatehouse_revocation_feed_nodes{state="heard"}`) == 1
	})
}

// TestFeed_LateWords: a node whose words come late by the clock of all nodes does not confirm the snapshot of the others. Here it is
// the others' clock that is ahead.
func TestFeed_LateWords(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{clock: true})
	silent := func(g *gateway, want float64) func() bool {
		return func() bool { return g.metric(t, `gatehouse_revocation_feed_nodes{state="silent"}`) == want }
	}
	inTime(t, 20*time.Second, "the nodes hear each other", func() bool {
		return c.a.metric(t, `gatehouse_revocation_feed_nodes{state="heard"}`) == 1 && c.b.metric(t, `gatehouse_revocation_feed_nodes{state="heard"}`) == 1
	})
	c.a.advance(t, time.Minute)
	inTime(t, 20*time.Second, "b is late for a", silent(c.a, 1))
	if !silent(c.b, 0)() {
		t.Error("a is late for b, whose clock is behind")
	}
	c.b.advance(t, time.Minute)
	inTime(t, 20*time.Second, "b is in time again", silent(c.a, 0))
}
