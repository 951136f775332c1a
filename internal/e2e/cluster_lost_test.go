package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

// TestRevocations_NumbersGoBack: a standby without the last revocations takes over from the primary that had them, so that
// the database gives their numbers again. Revocations under those hold on nodes that have seen the earlier ones.
func TestRevocations_NumbersGoBack(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	u := c.a.newUser(t)
	tokens := c.sessions(t, u, 12)
	var sids []string
	for sid := range tokens {
		sids = append(sids, sid)
	}
	for _, sid := range sids[:8] {
		c.b.refusedAfter(t, tokens[sid], c.a.endSession(t, u, sid))
	}
	// Now B's reading begins behind them, after the ten seconds in which one may show late, and a reading more.
	settled := time.NewTimer(16 * time.Second)
	defer settled.Stop()
	<-settled.C
	for _, way := range []*testproxy.Proxy{c.aRedis, c.bRedis} {
		way.Set(t, testproxy.Faults{Cut: true})
	}
	c.a.exec(t, "delete from revocations where seq > 1")
	c.a.exec(t, "select setval(pg_get_serial_sequence('revocations', 'seq'), 1)")
	for _, sid := range sids[8:] {
		if took := c.b.refusedAfter(t, tokens[sid], c.a.endSession(t, u, sid)); took > 5*time.Second {
			t.Errorf("a session that was ended on A passed on B for %s", took)
		}
	}
}

// TestStale_SilentPeer: one node reaches the database alone, the other one Redis alone. What is revoked on the first cannot
// reach the second, whose own heartbeats come back all the same; it must not take its snapshot for complete.
func TestStale_SilentPeer(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tmax_staleness 3s"})
	for range soak.N(1, 3) {
		c.acquainted(t)
		c.silentPeer(t)
	}
}

func (c *cluster) silentPeer(t *testing.T) {
	t.Helper()
	u := c.a.newUser(t)
	v := c.a.signIn(t, u, false)
	c.b.do(t, call{path: "/x", bearer: v.access}).must(t, 200, "")
	c.aRedis.Set(t, testproxy.Faults{Cut: true})
	c.bData.Set(t, testproxy.Faults{Cut: true})
	c.a.api(t, "POST", "/logout", nil, call{bearer: v.access}).must(t, http.StatusNoContent, "")
	answered := time.Now()
	inTime(t, 10*time.Second, "the node refuses", func() bool {
		a := c.b.do(t, call{path: "/x", bearer: v.access})
		return a.status == 503 && a.header.Get("Retry-After") != ""
	})
	since := time.Now()
	if since.Sub(answered) > 6*time.Second {
		t.Errorf("it admitted for %s", since.Sub(answered))
	}
	for time.Since(since) < 5*time.Second {
		c.b.do(t, call{path: "/x", bearer: v.access}).must(t, 503, "unavailable")
	}

	c.bData.Set(t, testproxy.Faults{}) // now it knows, and while A is silent the database alone confirms its snapshot
	inTime(t, 5*time.Second, "the node serves again", func() bool {
		return c.b.do(t, call{path: "/x", bearer: u.access}).status == 200
	})
	c.b.do(t, call{path: "/x", bearer: v.access}).must(t, 401, "invalid_token")
	c.aRedis.Set(t, testproxy.Faults{})
	c.wellAgain(t, time.Minute)
	inTime(t, 30*time.Second, "Redis alone confirms the snapshot", func() bool {
		for since := time.Now(); time.Since(since) < 2*time.Second; { // B hears A, finds that it missed something, and reads that
			c.b.do(t, call{path: "/x", bearer: u.access})
		}
		c.bData.Set(t, testproxy.Faults{Cut: true})
		defer c.bData.Set(t, testproxy.Faults{})
		for since := time.Now(); time.Since(since) < 4*time.Second; {
			if c.b.do(t, call{path: "/x", bearer: u.access}).status != 200 {
				return false
			}
		}
		return true
	})
}

// TestStale_StoppedPeer: a node that is stopped in good order leaves no doubt.
func TestStale_StoppedPeer(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tmax_staleness 3s"})
	u := c.a.newUser(t)
	c.a.terminate(t)
	c.bData.Set(t, testproxy.Faults{Cut: true})
	for since := time.Now(); time.Since(since) < 7*time.Second; {
		c.b.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	}
}
