package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sync/singleflight"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	// healthTimeout bounds a readiness check; a store that needs longer cannot serve a sign-in either.
	healthTimeout = time.Second
	// healthShared is for how long an answer of the database's is given to whoever asks. Anybody may, as often as they like, and
	// must not take connections away from sign-ins by it (D08).
	healthShared = 250 * time.Millisecond
)

// health is whether the node can serve as far as its database goes.
type health struct {
	asking singleflight.Group
	last   atomic.Pointer[answered]
}

// answered is an answer of the database's, and when it came.
type answered struct {
	at  time.Time
	err error
}

// ask returns the database's latest answer, or a new one that is shared by all who wait for it.
func (h *health) ask(ctx context.Context, ping func(context.Context) error) error {
	if a := h.last.Load(); a != nil && time.Since(a.at) < healthShared {
		return a.err
	}
	got := h.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout) // others wait for it, too
		defer cancel()
		err := ping(ctx)
		h.last.Store(&answered{time.Now(), err})
		return nil, err
	})
	select {
	case r := <-got:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// obstacle returns why the node cannot serve, as far as it knows without asking anybody; "" where it can.
func (a *App) obstacle() string {
	switch {
	case caddy.Exiting():
		return "the node is shutting down"
	case a.node.clock.Wrong():
		return "the clock of this node is wrong"
	}
	if c := a.core.Load(); c != nil && !c.ring.Signs() {
		return "this node has no keys to sign with"
	}
	return ""
}

// What a node lacks whose database is not as it should be.
const (
	noAnswer      = "the database does not answer"
	noChanges     = "the database accepts no changes"
	noRevocations = "revocations cannot be read from the database"
)

// unstored is the obstacle that the database's last answers are, asking nobody; "" for none.
func (n *node) unstored() string {
	is, doubtful := n.dbHealth.State()
	switch {
	case is == sqldb.ReadOnly:
		return noChanges
	case doubtful:
		return noAnswer
	case n.blind():
		return noRevocations
	}
	return ""
}

// unready is obstacle with the database's last answers counted in, for the metric: reading it asks nobody.
func (a *App) unready() string {
	if obstacle := a.obstacle(); obstacle != "" {
		return obstacle
	}
	return a.node.unstored()
}

// ping asks the database, and its condition hears of it.
func (a *App) ping(ctx context.Context) error {
	err := a.node.store.Ping(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		a.node.dbHealth.Record(sqldb.Call{}, fmt.Errorf("%w: %w", authcore.ErrUnavailable, err)) // nobody had gone: it was too slow
	}
	return err
}

// health reports whether this node can serve, in words that tell an outsider nothing of what it is made of. The log has the
// causes.
func (a *App) health(ctx context.Context) (ok bool, reasons []string) {
	if obstacle := a.obstacle(); obstacle != "" {
		return false, []string{obstacle}
	}
	if err := a.node.health.ask(ctx, a.ping); err != nil {
		a.logger.Debug("not ready: the database does not answer as it should", "error", err) // its condition has told
		if errors.Is(err, sqldb.ErrReadOnly) {
			return false, []string{noChanges}
		}
		return false, []string{noAnswer}
	}
	if is, _ := a.node.dbHealth.State(); is == sqldb.ReadOnly {
		return false, []string{noChanges}
	}
	if a.node.blind() {
		return false, []string{noRevocations}
	}
	if c := a.core.Load(); c != nil {
		// Mail is late, not lost, and taking nodes out of rotation would not send it.
		if _, _, lastErr := c.notifier.Health(); lastErr != "" {
			reasons = append(reasons, "mail is delayed")
		}
		if _, lastErr, _ := c.notifier.SMSHealth(); lastErr != "" {
			reasons = append(reasons, "SMS are delayed")
		}
	}
	if a.feed != nil && a.feed.Cause() != "" {
		reasons = append(reasons, "revocations from other nodes arrive late") // the database tells of them meanwhile
	}
	return true, reasons
}
