package caddymodule

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// heartbeat keeps the row by which administrators see this node.
func (a *App) heartbeat() stats.Heartbeat {
	version := Version()
	return stats.Heartbeat{Store: a.node.store, Ends: caddy.Exiting, Now: a.node.clock.Now, Logger: logsink.Present(), Look: func() stats.Node {
		n := stats.Node{ID: a.node.id, Version: version, State: stats.NodeReady, StartedAt: a.node.openedAt, ClockSkew: a.node.clock.Skew(),
			Settings: a.cfg.tuning.Version()}
		if a.unready() != "" {
			n.State = stats.NodeUnready
		}
		if a.cfg.sqlitePath == "" {
			n.ViewAge = a.node.staleness.Age()
		}
		return n
	}}
}
