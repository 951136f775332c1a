package e2e

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

// TestStale_StricterGuard: of two guards on a request's way each has its own say on how old the snapshot of revocations may be, the
// second one too, which finds the request admitted.
func TestStale_StricterGuard(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{site: `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_guard {
		on_stale serve
	}
	handle /strict/* {
		gatehouse_guard {
			max_staleness 3s
			on_stale deny
		}
		reverse_proxy <upstream>
	}
	reverse_proxy <upstream>
}
`})
	u := c.a.newUser(t)
	ask := func(path string) answer { return c.b.do(t, call{path: path, bearer: u.access}) }
	ask("/strict/x").must(t, 200, "")
	c.bData.Set(t, testproxy.Faults{Cut: true})
	c.bRedis.Set(t, testproxy.Faults{Cut: true})
	inTime(t, 10*time.Second, "the stricter guard refuses", func() bool { return ask("/strict/x").status == 503 })
	ask("/strict/x").want(t, 503, "unavailable")
	ask("/x").want(t, 200, "")
	c.bData.Set(t, testproxy.Faults{})
	c.bRedis.Set(t, testproxy.Faults{})
	inTime(t, 10*time.Second, "it admits again", func() bool { return ask("/strict/x").status == 200 })
}
