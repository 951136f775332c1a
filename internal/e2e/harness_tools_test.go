package e2e

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// eventually waits until done holds. After a while it asks less often: many tests wait at the same time.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for slower := false; !done(); <-tick.C {
		waited := time.Since(begin)
		if waited > 60*time.Second {
			t.Fatalf("waited in vain: %s", what)
		}
		if !slower && waited > 100*time.Millisecond {
			slower = true
			tick.Reset(20 * time.Millisecond)
		}
	}
}

// loads are the places for tests that keep the processors busy themselves: floods and storms.
var loads = make(chan struct{}, 2)

// heavy keeps the test waiting until fewer than two others are heavy. It comes after t.Parallel.
func heavy(t testing.TB) {
	t.Helper()
	loads <- struct{}{}
	t.Cleanup(func() { <-loads })
}

func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}
