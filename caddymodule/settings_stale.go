package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/httpapi"
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

// limitStaleness decides how old the view of revocations may be for this guard; 0 is no limit.
func (g *Guard) limitStaleness() error {
	cfg := g.app.cfg
	if cfg.sqlitePath != "" {
		if g.MaxStaleness != 0 || g.OnStale != "" {
			return errors.New("gatehouse_guard: max_staleness and on_stale need Postgres (option database)")
		}
		return nil
	}
	if cmp.Or(g.OnStale, cfg.onStale) == onStaleDeny {
		g.maxAge = cmp.Or(time.Duration(g.MaxStaleness), cfg.maxStaleness)
		if known := g.app.strictest.Load(); known == 0 || int64(g.maxAge) < known {
			g.app.strictest.Store(int64(g.maxAge)) // guards are provisioned one after the other
		}
	} else if g.MaxStaleness != 0 {
		return fmt.Errorf("gatehouse_guard: max_staleness has no effect with on_stale %s", onStaleServe)
	}
	return nil
}

// stale reports whether this node's view of revocations is too old for the portal and the API.
func (a *App) stale() bool {
	return a.cfg.sqlitePath == "" && a.cfg.onStale == onStaleDeny && a.node.freshness.Age() > a.cfg.maxStaleness
}

// stale reports whether this node has not learned of revocations for longer than this guard bears. A process that was
// paused finds out here, at its first request, and not when its workers have caught up.
// Whom the database has just confirmed, by a renewal, it lets pass.
func (g *Guard) stale(who httpapi.Visitor) bool {
	return g.maxAge > 0 && !who.Renewed && g.app.node.freshness.Age() > g.maxAge
}
