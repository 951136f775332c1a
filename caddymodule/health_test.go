package caddymodule

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestD08_HealthShared: however many ask whether the node is ready, its database is asked four times a second, and one of
// them that leaves spoils the answer for nobody.
func TestD08_HealthShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h health
		var pings atomic.Int64
		away := errors.New("away")
		var fault atomic.Pointer[error]
		ping := func(ctx context.Context) error {
			pings.Add(1)
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := fault.Load(); err != nil {
				return *err
			}
			return nil
		}
		gone, leave := context.WithCancel(t.Context())
		var left sync.WaitGroup
		left.Go(func() {
			if err := h.ask(gone, ping); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		leave()
		left.Wait()
		ask := func(callers int, want error) {
			t.Helper()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					if err := h.ask(t.Context(), ping); !errors.Is(err, want) {
						t.Errorf("got %v, want %v", err, want)
					}
				})
			}
			all.Wait()
		}
		for range 100 { // a second
			ask(50, nil)
			time.Sleep(10 * time.Millisecond)
		}
		if n := pings.Load(); n < 3 || n > 5 {
			t.Errorf("asked %d times in a second", n)
		}
		fault.Store(&away)
		time.Sleep(healthShared)
		ask(50, away)
		fault.Store(nil)
		time.Sleep(healthShared)
		ask(50, nil)
		// A database that does not answer keeps nobody waiting for longer than a second.
		begin := time.Now()
		time.Sleep(healthShared)
		err := h.ask(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took > healthTimeout+healthShared {
			t.Errorf("%v after %s", err, took)
		}
	})
}
