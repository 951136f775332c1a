package sqldb

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWritelockQueueMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWritelock()
		results := make(chan error)
		for range 30 {
			go func() {
				err := g.lock(t.Context(), writerStall)
				if err == nil {
					<-time.After(100 * time.Millisecond) // 30 of these are longer than writerStall
					g.unlock(false)
				}
				results <- err
			}()
		}
		for range 30 {
			if err := <-results; err != nil {
				t.Errorf("a queue that moves: %v", err)
			}
		}
	})
}

func TestWritelockHolderHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWritelock()
		if err := g.lock(t.Context(), writerStall); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := g.lock(t.Context(), writerStall); !errors.Is(err, errStuck) {
			t.Errorf("error is %v, want stuck", err)
		}
		if took := time.Since(begin); took != writerStall {
			t.Errorf("took %v, want %v", took, writerStall)
		}
		g.unlock(false)
		if err := g.lock(t.Context(), writerStall); err != nil {
			t.Errorf("after the holder is back: %v", err)
		}
	})
}

func TestWritelockLongWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWritelock()
		if err := g.lock(t.Context(), longLimit); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-time.After(3 * time.Second)
			g.unlock(false)
		}()
		if err := g.lock(t.Context(), writerStall); err != nil {
			t.Errorf("behind work that is known to be long: %v", err)
		}
	})
}

func TestWritelockCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWritelock()
		if err := g.lock(t.Context(), writerStall); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		begin := time.Now()
		if err := g.lock(ctx, writerStall); !errors.Is(err, context.Canceled) || time.Since(begin) != time.Millisecond {
			t.Errorf("error is %v after %v, want cancelled at once", err, time.Since(begin))
		}
		g.unlock(false)
		if err := g.lock(t.Context(), writerStall); err != nil {
			t.Errorf("the turn was lost: %v", err)
		}
	})
}

func TestWritelockBlockedFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWritelock()
		if err := g.lock(t.Context(), writerStall); err != nil {
			t.Fatal(err)
		}
		results := make(chan error)
		for range 10 {
			go func() { results <- g.lock(t.Context(), writerStall) }()
		}
		synctest.Wait()
		begin := time.Now()
		g.unlock(true)
		stuck := 0
		for range 10 {
			if err := <-results; errors.Is(err, errStuck) {
				stuck++
			} else {
				g.unlock(false)
			}
		}
		if stuck < 9 || time.Since(begin) != 0 {
			t.Errorf("%d of 10 were sent away after %v, want nearly all at once", stuck, time.Since(begin))
		}
	})
}
