package lockout

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
)

// runningTry is a running attempt.
type runningTry struct {
	l    *Lockouts
	key  string
	id   uint64
	row  authcore.Lockout // as this try left it when it began
	done atomic.Bool
}

// ask asks for a place until there is one, the name is locked, or time is up.
func (a *runningTry) ask(ctx context.Context, q *queue, timeout <-chan time.Time) (attempt.Attempt, time.Duration, error) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		granted, wait, err := a.begin(ctx)
		switch {
		case err != nil:
			return nil, 0, err
		case granted && ctx.Err() != nil: // the place came too late
			a.Cancel()
			return nil, 0, ctx.Err()
		case granted:
			return a, 0, nil
		case wait > 0:
			return nil, wait, nil
		}
		select {
		case <-q.changed:
		case <-poll.C:
		case <-timeout:
			return nil, fullWait, nil
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// begin asks once. A name that is locked is not written to.
func (a *runningTry) begin(ctx context.Context) (granted bool, wait time.Duration, err error) {
	a.row, err = a.l.change(ctx, a.key, nil, func(s *state, now time.Time, p *Policy) {
		// A change whose answer was lost is found done.
		if granted, wait = s.has(a.id), s.lockedFor(now); !granted && wait <= 0 {
			granted = s.begin(a.id, now, p)
		}
	})
	return granted, wait, err
}

// Succeeded implements [attempt.Attempt].
func (a *runningTry) Succeeded(ctx context.Context) {
	a.end(ctx, func(s *state, now time.Time, _ *Policy) { s.succeed(a.id, now) })
}

// Failed implements [attempt.Attempt].
func (a *runningTry) Failed(ctx context.Context) (locked bool) {
	a.end(ctx, func(s *state, now time.Time, p *Policy) { locked = s.fail(a.id, now, p) })
	return locked
}

// Cancel implements [attempt.Attempt].
func (a *runningTry) Cancel() {
	a.end(context.Background(), func(s *state, _ time.Time, _ *Policy) { s.remove(a.id) })
}

// end writes how the try ended. What cannot be written stays a running try, which counts as a failure in the end.
func (a *runningTry) end(ctx context.Context, do func(*state, time.Time, *Policy)) {
	if a.done.Swap(true) {
		return
	}
	_, err := a.l.change(ctx, a.key, &a.row, do)
	a.l.wake(a.key)
	if err == nil {
		return
	}
	level := slog.LevelWarn
	if errors.Is(err, authcore.ErrUnavailable) { // a store that is away is reported once, elsewhere
		level = slog.LevelDebug
	}
	a.l.logger.Log(ctx, level, "result of a sign-in not written to the lockouts; it counts as a failure", "error", err)
}

// uncounted is the attempt where nothing is counted.
type uncounted struct{}

func (uncounted) Succeeded(context.Context)   {}
func (uncounted) Failed(context.Context) bool { return false }
func (uncounted) Cancel()                     {}
