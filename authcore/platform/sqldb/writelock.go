package sqldb

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// errStuck: the one writer's turn did not come.
	errStuck  = errors.New("the writer is stuck")
	errClosed = errors.New("the store is closed")
)

// queueLimit is the longest wait in a queue that moves.
const queueLimit = 5 * time.Second

// writelock lets one at a time write to a SQLite file. A queue that moves may be long; when the file is held by somebody
// else, everyone who waits is sent away together, instead of one after the other finding out for himself.
type writelock struct {
	turn    chan struct{} // holds one value while nobody writes
	waiting atomic.Int64  // who waits for it

	mu      sync.Mutex
	stuckAt time.Time     // past it the present holder counts as stuck
	shut    chan struct{} // closed when those who wait now have to go
}

func newWritelock() *writelock {
	w := &writelock{turn: make(chan struct{}, 1), shut: make(chan struct{})}
	w.turn <- struct{}{}
	return w
}

// lock waits for the turn. hold is how long the caller may keep it. errStuck when waiting makes no sense, or the
// ctx's error.
func (w *writelock) lock(ctx context.Context, hold time.Duration) error {
	select {
	case <-w.turn:
		w.expect(hold)
		return nil
	default:
	}
	w.waiting.Add(1)
	defer w.waiting.Add(-1)
	start := time.Now()
	shut, stuckAt := w.look(start)
	for {
		timer := time.NewTimer(time.Until(stuckAt))
		select {
		case <-w.turn:
			timer.Stop()
			w.expect(hold)
			return nil
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-shut:
			timer.Stop()
			return errStuck
		case <-timer.C:
		}
		_, stuckAt = w.look(start)
		if now := time.Now(); !now.Before(stuckAt) || now.Sub(start) > max(hold, queueLimit) {
			return errStuck
		}
	}
}

// look returns what somebody who waits since start has to know. A holder who has just begun may not have said so yet.
func (w *writelock) look(start time.Time) (shut chan struct{}, stuckAt time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if own := start.Add(writerStall); own.After(w.stuckAt) {
		return w.shut, own
	}
	return w.shut, w.stuckAt
}

// unlock gives the turn on. blocked says that the file was held by another process.
func (w *writelock) unlock(blocked bool) {
	w.expect(writerStall)
	if blocked {
		w.mu.Lock()
		close(w.shut)
		w.shut = make(chan struct{})
		w.mu.Unlock()
	}
	w.turn <- struct{}{}
}

func (w *writelock) expect(hold time.Duration) {
	w.mu.Lock()
	w.stuckAt = time.Now().Add(hold)
	w.mu.Unlock()
}
