package sqlstore

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

// gate lets one at a time write to a SQLite file. A queue that moves may be long; when the file is held by somebody
// else, everyone who waits is sent away together, instead of one after the other finding out for himself.
type gate struct {
	turn    chan struct{} // holds one value while nobody writes
	waiting atomic.Int64  // who waits for it

	mu      sync.Mutex
	stuckAt time.Time     // past it the present holder counts as stuck
	shut    chan struct{} // closed when those who wait now have to go
}

func newGate() *gate {
	g := &gate{turn: make(chan struct{}, 1), shut: make(chan struct{})}
	g.turn <- struct{}{}
	return g
}

// enter waits for the turn. hold is how long the caller may keep it. errStuck when waiting makes no sense, or the
// ctx's error.
func (g *gate) enter(ctx context.Context, hold time.Duration) error {
	select {
	case <-g.turn:
		g.expect(hold)
		return nil
	default:
	}
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	start := time.Now()
	shut, stuckAt := g.look(start)
	for {
		timer := time.NewTimer(time.Until(stuckAt))
		select {
		case <-g.turn:
			timer.Stop()
			g.expect(hold)
			return nil
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-shut:
			timer.Stop()
			return errStuck
		case <-timer.C:
		}
		_, stuckAt = g.look(start)
		if now := time.Now(); !now.Before(stuckAt) || now.Sub(start) > max(hold, queueLimit) {
			return errStuck
		}
	}
}

// look returns what somebody who waits since start has to know. A holder who has just begun may not have said so yet.
func (g *gate) look(start time.Time) (shut chan struct{}, stuckAt time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if own := start.Add(writerStall); own.After(g.stuckAt) {
		return g.shut, own
	}
	return g.shut, g.stuckAt
}

// leave gives the turn on. blocked says that the file was held by another process.
func (g *gate) leave(blocked bool) {
	g.expect(writerStall)
	if blocked {
		g.mu.Lock()
		close(g.shut)
		g.shut = make(chan struct{})
		g.mu.Unlock()
	}
	g.turn <- struct{}{}
}

func (g *gate) expect(hold time.Duration) {
	g.mu.Lock()
	g.stuckAt = time.Now().Add(hold)
	g.mu.Unlock()
}
