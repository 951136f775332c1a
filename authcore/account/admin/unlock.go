package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// UnlockerConfig is what an Unlocker needs; all of it is required.
type UnlockerConfig struct {
	Store attempt.Store
	Locks Locks
	Now   authcore.Clock
}

// Unlocker lets people in whom the defence keeps out. It is safe for concurrent use.
type Unlocker struct{ cfg UnlockerConfig }

// NewUnlocker checks cfg.
func NewUnlocker(cfg UnlockerConfig) (*Unlocker, error) {
	if cfg.Store == nil || cfg.Locks == nil || cfg.Now == nil {
		return nil, errors.New("admin: store, locks and clock are required")
	}
	return &Unlocker{cfg}, nil
}

// Unlock forgets the wrong passwords of an account and the lock that they made. [authcore.Unavailable].
func (u *Unlocker) Unlock(ctx context.Context, account uuid.UUID) error {
	if err := u.cfg.Locks.Reset(ctx, identifier.AccountKey(account)); err != nil {
		return fmt.Errorf("unlock account: %w", err)
	}
	e := toldBy(ctx, audit.Event(authcore.EventUnlocked, account, authcore.Client{}, u.cfg.Now.Now()))
	return u.cfg.Store.Record(ctx, authcore.Effects{Events: []authcore.Event{e}})
}
