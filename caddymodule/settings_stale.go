package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const (
	// shortestStaleness leaves room for the second between two confirmations, and for a slow one.
	shortestStaleness = 3 * time.Second
	defaultStaleness  = 30 * time.Second

	onStaleDeny  = "deny"
	onStaleServe = "serve"
)

// checkStaleness judges `max_staleness`, of the global block and of guards.
func checkStaleness(v caddy.Duration) error { return within(v, shortestStaleness, longestDay) }

// checkOnStale judges `on_stale`, of the global block and of guards.
func checkOnStale(v string) error { return oneOf(v, onStaleDeny, onStaleServe) }

// onPostgres runs a check of an option that was given, which needs Postgres.
func onPostgres(s *Settings, given bool, check error) error {
	if !given {
		return nil
	}
	return cmp.Or(check, needsPostgres(s))
}

func resolveStaleness(s *Settings, r *resolved) error {
	r.maxStaleness = orDefault(s.MaxStaleness, defaultStaleness)
	r.onStale = cmp.Or(s.OnStale, onStaleDeny)
	return nil
}

// limitStaleness decides how old the snapshot of revocations may be for this guard; 0 is no limit.
func (g *Guard) limitStaleness() error {
	cfg := g.app.cfg
	if cfg.sqlitePath != "" {
		if g.MaxStaleness != 0 || g.OnStale != "" {
			return errors.New("gatehouse_guard: max_staleness and on_stale need Postgres (option database)")
		}
		return nil
	}
	if cmp.Or(g.OnStale, cfg.onStale) == onStaleDeny {
		g.way.Policy.MaxStaleness = cmp.Or(time.Duration(g.MaxStaleness), cfg.maxStaleness)
	} else if g.MaxStaleness != 0 {
		return fmt.Errorf("gatehouse_guard: max_staleness has no effect together with on_stale %s", onStaleServe)
	}
	g.app.bounds.add(g.way.Policy.MaxStaleness)
	return nil
}

// bound is how old the snapshot of revocations may be for the pages and the API; 0 is any age.
func (r *resolved) bound() time.Duration {
	if r.sqlitePath != "" || r.onStale != onStaleDeny {
		return 0
	}
	return r.maxStaleness
}

// beyond reports whether a snapshot of this age is too old for somebody with this bound.
func beyond(age, bound time.Duration) bool { return bound > 0 && age > bound }

// stale reports whether this node's snapshot of revocations is too old for the pages and the API.
func (a *App) stale() bool {
	bound := a.cfg.bound()
	return bound > 0 && a.node.staleness.Exceeds(bound)
}

// bounds are how old the snapshot of revocations may be for each guard of a configuration; 0 is any age.
type bounds struct {
	mu     sync.Mutex
	guards []time.Duration
}

func (b *bounds) add(guard time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.guards = append(b.guards, guard)
}

// all returns them. Nobody changes what it returns.
func (b *bounds) all() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.guards
}

// stalest is how old the snapshot of revocations may get, by the strictest that the configuration says; 0 is any age.
func (a *App) stalest() time.Duration {
	if a.cfg.sqlitePath != "" {
		return 0
	}
	limit := a.cfg.maxStaleness
	for _, bound := range a.bounds.all() {
		if bound > 0 {
			limit = min(limit, bound)
		}
	}
	return limit
}

// refusers are those of a configuration that refuse signed-in users by a snapshot of some age.
type refusers struct {
	guards   int // how many there are
	refusing int // how many of them refuse
	pages    bool
}

// refusersAt returns who refuses by a snapshot of this age.
func (a *App) refusersAt(age time.Duration) refusers {
	guards := a.bounds.all()
	r := refusers{guards: len(guards), pages: beyond(age, a.cfg.bound())}
	for _, bound := range guards {
		if beyond(age, bound) {
			r.refusing++
		}
	}
	return r
}

// effect is what visitors have of it, in the words of the log.
func (r refusers) effect() string {
	switch {
	case r.pages && r.refusing == r.guards:
		return "signed-in users are refused"
	case r.pages && r.refusing == 0:
		return "guards still serve, pages and API refuse signed-in users"
	case r.pages:
		return "pages, API and some guards refuse signed-in users, the other guards still serve"
	case r.refusing == 0:
		return "requests are still served"
	case r.refusing == r.guards:
		return "guards refuse signed-in users, pages and API still serve"
	default:
		return "some guards refuse signed-in users, everything else is still served"
	}
}
