package sqldb

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Health is how the database is, as this process's calls find it. The log has one line for each change of it, however
// many calls it concerns: what a call says by itself is for its caller, and would be a line for each request of an outage.
// Of calls that fail while others are answered it has one line a minute at most.
// It is safe for concurrent use.
type Health struct {
	logger *slog.Logger
	now    func() time.Time // the real clock
	wake   chan struct{}    // there is something in unsaid

	mu      sync.Mutex // never held while the log is written
	is      State
	since   time.Time     // of that state
	full    bool          // it takes no changes since its disk is full
	failing time.Time     // since when no call has been answered; zero while calls are
	failed  int           // calls since then, and those of before that no line tells of
	first   error         // of them
	told    time.Time     // when a line told of some
	unsaid  []stateChange // what the log has no line of yet, in the order it came about
}

// stateChange is one of the database's state.
type stateChange struct {
	was, is State
	lasted  time.Duration // what was
	failed  int           // calls that failed, where nothing has changed
	err     error         // of the call that made it known
}

// State is how a database is, in the words of the log.
type State string

// The states.
const (
	Up       State = "up"
	ReadOnly State = "read_only"
	Away     State = "away"
)

// patience is for how long nothing at all must be answered before the database counts as away: under load a single call
// may run out of time.
const patience = time.Second

// failedRest is how long the log has no second line of calls that failed while the database was up.
const failedRest = time.Minute

// mostUnsaid bounds what is kept for a log that takes no lines. The oldest are left out then.
const mostUnsaid = 64

// NewHealth returns the health of a database that is up. now is the real clock.
func NewHealth(logger *slog.Logger, now func() time.Time) *Health {
	return &Health{logger: logger, now: now, wake: make(chan struct{}, 1), is: Up, since: now()}
}

// Record is given the outcome of every call. It waits for nothing: a log that is stuck must not hold up calls.
func (c *Health) Record(call Call, err error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, ErrReadOnly):
		c.failing, c.full = time.Time{}, errors.Is(err, ErrFull)
		c.setState(ReadOnly, now, err)
	case errors.Is(err, authcore.ErrUnavailable):
		if c.failing.IsZero() {
			c.failing = now
		}
		if c.failed++; c.failed == 1 {
			c.first = err
		}
		if now.Sub(c.failing) >= patience {
			c.setState(Away, now, err)
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Whoever asked has gone: that tells nothing of the database.
	default: // an answer, if only a fault of ours
		c.failing = time.Time{}
		if c.failed > 0 && c.is == Up && now.Sub(c.told) >= failedRest {
			c.say(stateChange{was: Up, is: Up, failed: c.failed, err: c.first})
			c.failed, c.told = 0, now
		}
		writable := err == nil && (call.Writes || call.Probe && !c.full)
		if c.is == Away || c.is == ReadOnly && writable {
			c.setState(Up, now, nil)
		}
	}
}

// setState must be called with c.mu held.
func (c *Health) setState(state State, now time.Time, err error) {
	if state == c.is {
		return
	}
	c.say(stateChange{was: c.is, is: state, lasted: now.Sub(c.since), err: err})
	c.is, c.since, c.failed = state, now, 0
}

// say leaves to whoever writes the log what it has to tell. It must be called with c.mu held.
func (c *Health) say(to stateChange) {
	if len(c.unsaid) == mostUnsaid {
		c.unsaid = slices.Delete(c.unsaid, 0, 1)
	}
	c.unsaid = append(c.unsaid, to)
	select {
	case c.wake <- struct{}{}:
	default: // whoever is awake finds it
	}
}

// Run writes the log's lines until ctx ends. One call at a time.
func (c *Health) Run(ctx context.Context) {
	for {
		c.write()
		select {
		case <-c.wake:
		case <-ctx.Done():
			c.write()
			return
		}
	}
}

// write writes a line for each change that has none.
func (c *Health) write() {
	c.mu.Lock()
	changes := c.unsaid
	c.unsaid = nil
	c.mu.Unlock()
	for _, to := range changes {
		if to.failed > 0 {
			c.logger.Warn("the database did not answer in time: what needed it has failed, and may be tried again",
				"component", "database", "state", "late", "error", to.err, "calls", to.failed)
			continue
		}
		log := c.logger.With("component", "database", "state", string(to.is))
		switch to.is {
		case Away:
			log.Warn("the database does not answer: sign-ins, refreshes and changes fail", "error", to.err)
		case ReadOnly:
			log.Warn("the database accepts no changes: sign-ins and refreshes fail", "error", to.err)
		case Up:
			log.Info("the database works again", "was", string(to.was), "outage", to.lasted)
		}
	}
}

// State returns how the database is, and whether the last calls leave that open.
func (c *Health) State() (is State, doubtful bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.is, c.is == Away || !c.failing.IsZero()
}
