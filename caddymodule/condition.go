package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/sqlstore"
)

// condition is how the database is, as this process's calls find it. The log has one line for each change of it, however
// many calls it concerns: what a call says by itself is for its caller, and would be a line for each request of an outage.
// It is safe for concurrent use.
type condition struct {
	logger *slog.Logger
	now    func() time.Time // the real clock

	mu      sync.Mutex
	is      databaseState
	since   time.Time // of that state
	failing time.Time // since when no call has been answered; zero while calls are
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

func newCondition(logger *slog.Logger, now func() time.Time) *condition {
	return &condition{logger: logger, now: now, is: databaseUp, since: now()}
}

// told is given the outcome of every call.
func (c *condition) told(call sqlstore.Call, err error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, sqlstore.ErrReadOnly):
		c.failing = time.Time{}
		c.become(databaseReadOnly, now, err)
	case errors.Is(err, authcore.ErrUnavailable):
		if c.failing.IsZero() {
			c.failing = now
		}
		if now.Sub(c.failing) >= patience {
			c.become(databaseAway, now, err)
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Whoever asked has gone: that tells nothing of the database.
	default: // an answer, if only a fault of ours
		c.failing = time.Time{}
		if c.is == databaseAway || c.is == databaseReadOnly && call.Writes && err == nil {
			c.become(databaseUp, now, nil)
		}
	}
}

// become must be called with c.mu held.
func (c *condition) become(state databaseState, now time.Time, err error) {
	was, lasted := c.is, now.Sub(c.since)
	if state == was {
		return
	}
	c.is, c.since = state, now
	log := c.logger.With("component", "database", "state", string(state))
	switch state {
	case databaseAway:
		log.Warn("the database does not answer: nobody can sign in or refresh, and nothing is changed", "error", err)
	case databaseReadOnly:
		log.Warn("the database takes no changes: nobody can sign in or refresh", "error", err)
	case databaseUp:
		log.Info("the database works again", "was", string(was), "outage", lasted)
	}
}

// state returns how the database is, and whether the last calls leave that open.
func (c *condition) state() (is databaseState, doubtful bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.is, c.is == databaseAway || !c.failing.IsZero()
}

// lookEvery is how often a node looks at its own health.
const lookEvery = 500 * time.Millisecond

// look tells of changes of health that nothing else would notice, until ctx ends: without requests nobody would ask a
// database that is away whether it is back.
func (a *App) look(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a.node.aging.look(a)
		if _, doubtful := a.node.condition.state(); doubtful {
			_ = a.node.store.Ping(ctx) // the condition hears of it
		}
		if caddy.Exiting() {
			a.tellDraining()
		}
	}
}

// tellDraining says once that the process is ending.
func (a *App) tellDraining() {
	a.node.drained.Do(func() {
		nodeLogger().Info("the node is draining: it is not ready, and serves until its requests have ended", "component", "node", "state", "draining")
	})
}

// aging is whether a node's view of revocations is too old.
type aging struct {
	mu    sync.Mutex
	stale bool
	since time.Time
}

// look compares the view with what the configuration bears, and tells of a change once.
func (g *aging) look(a *App) {
	limit := a.stalest()
	if limit <= 0 {
		return
	}
	age := a.node.freshness.Age()
	stale, now := age > limit, time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if stale == g.stale {
		return
	}
	lasted := now.Sub(g.since)
	g.stale, g.since = stale, now
	log := nodeLogger().With("component", "revocation_view")
	switch {
	case stale && a.cfg.onStale == onStaleServe:
		log.Warn("neither the database nor Redis confirms the view of revocations; requests are served by it all the same",
			"state", "stale", "age", age, "max_staleness", limit)
	case stale:
		log.Warn("neither the database nor Redis confirms the view of revocations; guarded requests are refused",
			"state", "stale", "age", age, "max_staleness", limit)
	default:
		log.Info("the view of revocations is confirmed again", "state", "fresh", "outage", lasted)
	}
}

// stalest is how old the view of revocations may get, by the strictest that the configuration says; 0 is any age.
func (a *App) stalest() time.Duration {
	if a.cfg.sqlitePath != "" {
		return 0
	}
	limit := a.cfg.maxStaleness
	if own := time.Duration(a.strictest.Load()); own > 0 {
		limit = min(limit, own)
	}
	return limit
}
