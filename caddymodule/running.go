package caddymodule

import (
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// started are the apps that have started and not stopped, in the order of their start: one, and two for the moment of a
// reload. When Caddy rejects a new configuration after our part of it has started, it stops that one again, and what it
// had changed of the shared node must be as the old one wants it.
var started struct {
	mu   sync.Mutex
	apps []*App
}

// takeOver makes the settings of a starting app those of its node.
func takeOver(a *App) error {
	started.mu.Lock()
	defer started.mu.Unlock()
	if err := a.apply(); err != nil {
		return err
	}
	started.apps = append(started.apps, a)
	return nil
}

// releaseApp forgets a stopping app. Its node goes back to the settings of the newest app that is left on it.
func releaseApp(a *App) error {
	started.mu.Lock()
	defer started.mu.Unlock()
	started.apps = slices.DeleteFunc(started.apps, func(o *App) bool { return o == a })
	for _, o := range slices.Backward(started.apps) {
		if o.node == a.node {
			return o.apply()
		}
	}
	return nil
}

// running returns the app of the present configuration; nil when it has none.
func running() *App {
	started.mu.Lock()
	defer started.mu.Unlock()
	if n := len(started.apps); n > 0 {
		return started.apps[n-1]
	}
	return nil
}

// leaving reports whether nothing is left that could revoke anything on this node, when the last app on it stops: the process
// ends, its start has failed, or the configuration has another database or none. An app that is about to stop still counts.
func (n *node) leaving() bool {
	if caddy.Exiting() {
		return true
	}
	started.mu.Lock()
	defer started.mu.Unlock()
	left := 0
	for _, a := range started.apps {
		if a.node == n {
			left++
		}
	}
	return left <= 1
}

// retune gives the node's counters what has been set while the gateway runs. Those of a configuration that is going, or not there yet, have
// no say.
func (a *App) retune() {
	started.mu.Lock()
	defer started.mu.Unlock()
	if n := len(started.apps); n == 0 || started.apps[n-1] != a {
		return
	}
	if err := a.node.reconfigure(a.cfg); err != nil {
		a.logger.Error("could not apply run-time settings", "error", err)
	}
}

// apply gives the node the app's settings.
func (a *App) apply() error {
	if err := a.node.reconfigure(a.cfg); err != nil {
		return err
	}
	a.node.ring.Store(a.core.Load().ring)
	a.node.revoker.PublishTo(a.publisher())
	return nil
}
