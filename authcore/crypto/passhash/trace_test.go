package passhash

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTrace_HearsOfEveryWait: of one that takes no time, one that takes some, and one that is in vain.
func TestTrace_HearsOfEveryWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, Config{Workers: 1, MaxQueue: 1})
		var mu sync.Mutex
		var took []time.Duration
		var ends []error
		h.SetTrace(func(ctx context.Context, step string) (context.Context, func(error)) {
			began := time.Now()
			return ctx, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				took, ends = append(took, time.Since(began)), append(ends, err)
			}
		})
		if err := h.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		var waiters sync.WaitGroup
		waiters.Go(func() { _ = h.acquire(t.Context()) })
		synctest.Wait()
		if err := h.acquire(t.Context()); !errors.Is(err, ErrBusy) { // the queue is full
			t.Errorf("a full queue says %v", err)
		}
		time.Sleep(time.Second)
		h.release()
		waiters.Wait()
		if want := []time.Duration{0, 0, time.Second}; !slices.Equal(took, want) || ends[0] != nil || !errors.Is(ends[1], ErrBusy) || ends[2] != nil {
			t.Errorf("told of waits of %v that ended with %v", took, ends)
		}
		if workers, queue := h.Room(); workers != 1 || queue != 1 {
			t.Errorf("room for %d and %d", workers, queue)
		}
		h.release()
	})
}
