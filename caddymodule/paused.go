package caddymodule

import "time"

// woken is told that this process was paused for a while: stopped by a signal, suspended with its machine, or without a
// processor. What others revoked meanwhile is in the database.
func (n *node) woken(pause time.Duration) {
	n.follower.Look()
	nodeLogger().Warn("the node was paused; its view of revocations does not count until it is confirmed again", "component", "node",
		"state", "resumed", "pause", pause)
}
