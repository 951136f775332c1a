package attempt

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// Desk is where tries are asked for and reported. It is safe for concurrent use.
type Desk struct {
	Lockouts authcore.Lockouts
	Store    authcore.EventStore
}

// Begin asks to try a password under key. It refuses with [authcore.AccountLocked] and RetryAfter. Of the attempt exactly
// one method must be called, or [Desk.Failed] in its place.
func (d Desk) Begin(ctx context.Context, key string) (authcore.Attempt, error) {
	attempt, wait, err := d.Lockouts.Begin(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("begin try at a password: %w", err)
	}
	if attempt == nil {
		return nil, authcore.RefuseFor(authcore.AccountLocked,
			"Too many failed sign-ins. Try again later or reset the password.", max(wait, time.Second))
	}
	return attempt, nil
}

// Failed counts a wrong password and records failure, for accounts that do not exist too: else the write would tell them
// apart. A lock that comes of it is recorded with it. A client that hangs up does not undo it.
func (d Desk) Failed(ctx context.Context, attempt authcore.Attempt, failure authcore.Event, c authcore.Client) error {
	ctx = context.WithoutCancel(ctx)
	fx := authcore.Effects{Events: []authcore.Event{failure}}
	if attempt.Failed(ctx) {
		fx.Events = append(fx.Events,
			audit.Failure(authcore.EventAccountLocked, failure.AccountID, c, authcore.AccountLocked, failure.At))
	}
	if err := d.Store.Record(ctx, fx); err != nil {
		return fmt.Errorf("record wrong password: %w", err)
	}
	return nil
}
