package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// dbHealth is how the database is, as this process's calls find it. The log has one line for each change of it, however
// many calls it concerns: what a call says by itself is for its caller, and would be a line for each request of an outage.
// It is safe for concurrent use.
type dbHealth struct {
	logger *slog.Logger
	now    func() time.Time // the real clock
	wake   chan struct{}    // there is something in unsaid

	mu      sync.Mutex // never held while the log is written
	is      databaseState
	since   time.Time // of that state
	full    bool      // it takes no changes since its disk is full
	failing time.Time // since when no call has been answered; zero while calls are
	unsaid  []change  // what the log has no line of yet, in the order it came about
}

// change is one of the database's state.
type change struct {
	was, is databaseState
	lasted  time.Duration // what was
	err     error         // of the call that made it known
}

// databaseState is one of a few, in the words of the log.
type databaseState string

const (
	databaseUp       databaseState = "up"
	databaseReadOnly databaseState = "read_only"
	databaseAway     databaseState = "away"
)

// patience is for how long nothing at all must be answered before the database counts as away: under load a single call
// may run out of time.
const patience = time.Second

// mostUnsaid bounds what is kept for a log that takes no lines. The oldest are left out then.
const mostUnsaid = 64

func newDBHealth(logger *slog.Logger, now func() time.Time) *dbHealth {
	return &dbHealth{logger: logger, now: now, wake: make(chan struct{}, 1), is: databaseUp, since: now()}
}

// told is given the outcome of every call. It waits for nothing: a log that is stuck must not hold up calls.
func (c *dbHealth) told(call sqldb.Call, err error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, sqldb.ErrReadOnly):
		c.failing, c.full = time.Time{}, errors.Is(err, sqldb.ErrFull)
		c.setState(databaseReadOnly, now, err)
	case errors.Is(err, authcore.ErrUnavailable):
		if c.failing.IsZero() {
			c.failing = now
		}
		if now.Sub(c.failing) >= patience {
			c.setState(databaseAway, now, err)
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Whoever asked has gone: that tells nothing of the database.
	default: // an answer, if only a fault of ours
		c.failing = time.Time{}
		writable := err == nil && (call.Writes || call.Probe && !c.full)
		if c.is == databaseAway || c.is == databaseReadOnly && writable {
			c.setState(databaseUp, now, nil)
		}
	}
}

// setState must be called with c.mu held.
func (c *dbHealth) setState(state databaseState, now time.Time, err error) {
	if state == c.is {
		return
	}
	if len(c.unsaid) == mostUnsaid {
		c.unsaid = slices.Delete(c.unsaid, 0, 1)
	}
	c.unsaid = append(c.unsaid, change{was: c.is, is: state, lasted: now.Sub(c.since), err: err})
	c.is, c.since = state, now
	select {
	case c.wake <- struct{}{}:
	default: // whoever is awake finds it
	}
}

// tell writes the log's lines until ctx ends. One call at a time.
func (c *dbHealth) tell(ctx context.Context) {
	for {
		c.say()
		select {
		case <-c.wake:
		case <-ctx.Done():
			c.say()
			return
		}
	}
}

// say writes a line for each change that has none.
func (c *dbHealth) say() {
	c.mu.Lock()
	changes := c.unsaid
	c.unsaid = nil
	c.mu.Unlock()
	for _, to := range changes {
		log := c.logger.With("component", "database", "state", string(to.is))
		switch to.is {
		case databaseAway:
			log.Warn("the database does not answer: sign-ins, refreshes and changes fail", "error", to.err)
		case databaseReadOnly:
			log.Warn("the database accepts no changes: sign-ins and refreshes fail", "error", to.err)
		case databaseUp:
			log.Info("the database works again", "was", string(to.was), "outage", to.lasted)
		}
	}
}

// state returns how the database is, and whether the last calls leave that open.
func (c *dbHealth) state() (is databaseState, doubtful bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.is, c.is == databaseAway || !c.failing.IsZero()
}
