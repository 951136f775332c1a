package caddymodule

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// lookEvery is how often a node looks at its own health.
const lookEvery = 500 * time.Millisecond

// look tells of changes of health until ctx ends, of those too that nothing else would notice: without requests nobody would
// ask a database that is away whether it is back. While a reload has two configurations on one node, the old one looks.
func (a *App) look(ctx context.Context) {
	select {
	case a.node.looking <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-a.node.looking }()
	var telling sync.WaitGroup
	telling.Go(func() { a.node.dbHealth.Run(ctx) })
	defer telling.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a.node.viewAge.look(a, logsink.Present())
		a.node.unread.look(a.node, logsink.Present())
		if is, doubtful := a.node.dbHealth.State(); doubtful || is == sqldb.ReadOnly {
			_ = a.node.store.Ping(ctx) // the condition hears of it
		}
		if caddy.Exiting() {
			a.tellDraining()
		}
	}
}

// unread is whether revocations cannot be read from the database, as of the last look. It belongs to who looks.
type unread struct {
	is    bool
	since time.Time
}

// unreadLimit is for how long the revocations may not have been read from the database: several times of what lies between two readings.
const unreadLimit = 10 * time.Second

// blind reports whether the database's revocations cannot be read, for whatever cause, while other questions may be answered.
func (n *node) blind() bool {
	return n.poller != nil && (n.poller.Failing() || time.Since(n.staleness.Stored()) > unreadLimit)
}

// look tells of a change once. Where the database says why, the reader of revocations has told.
func (u *unread) look(n *node, logger *slog.Logger) {
	blind := n.blind()
	if blind == u.is {
		return
	}
	log := logger.With("component", "revocations")
	if u.is = blind; blind {
		u.since = time.Now()
		log.Warn("revocations cannot be read from the database; the node is not ready", "state", "unread")
		return
	}
	log.Info("revocations can be read again", "state", "read", "outage", time.Since(u.since))
}

// tellDraining says once that the process is ending.
func (a *App) tellDraining() {
	a.node.drained.Do(func() {
		logsink.Present().Info("the node is shutting down: it is not ready, and completes open requests", "component", "node", "state", "draining")
	})
}

// staleLog is whether a node's snapshot of revocations is too old, and for whom. It belongs to who looks.
type staleLog struct {
	stale   bool
	since   time.Time
	refused refusers
}

// look compares the snapshot with what the configuration bears, and tells of a change once.
func (g *staleLog) look(a *App, logger *slog.Logger) {
	limit := a.stalest()
	if limit <= 0 {
		return
	}
	age, now := a.node.staleness.Age(), time.Now()
	stale, refused := age > limit, a.refusersAt(age)
	if stale == g.stale && (!stale || refused == g.refused) {
		return
	}
	if stale && !g.stale {
		g.since = now
	}
	g.stale, g.refused = stale, refused
	log := logger.With("component", "revocation_view")
	if !stale {
		log.Info("the revocation list is confirmed again", "state", "fresh", "outage", now.Sub(g.since))
		return
	}
	log.Warn("the revocation list is too old, because neither the database nor Redis confirms it; "+refused.effect(), "state", "stale", "age", age,
		"max_staleness", limit, "guards", refused.guards, "refusing_guards", refused.refusing, "pages_refuse", refused.pages)
}
