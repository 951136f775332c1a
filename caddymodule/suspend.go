package caddymodule

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// woken is told that this process was paused for a while: stopped by a signal, suspended with its machine, or without a
// processor. What others revoked meanwhile is in the database.
func (n *node) woken(pause time.Duration) {
	n.poller.Look()
	logsink.Present().Warn("the process was suspended; refusing tokens until the revocation list is confirmed", "component", "node",
		"state", "resumed", "pause", pause)
}
