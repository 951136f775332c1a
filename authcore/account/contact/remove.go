package contact

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// removals is how often a removal is tried while other requests change the account.
const removals = 3

// RemoveEmail empties the account's address, and forgets what it wanted to be known by. It returns the account as it is then; where there
// is nothing to remove nothing changes. The address is told, with a link that takes it back, and what was sent to it is dead.
// Refusals: [authcore.LastWayIn]; [authcore.InvalidToken] when the account is gone.
func (f *Flow) RemoveEmail(ctx context.Context, account uuid.UUID, c authcore.Client) (authcore.Account, error) {
	return f.remove(ctx, byEmail, account, c)
}

// RemovePhone is [Flow.RemoveEmail] for the account's number.
func (f *Flow) RemovePhone(ctx context.Context, account uuid.UUID, c authcore.Client) (authcore.Account, error) {
	return f.remove(ctx, byPhone, account, c)
}

func (f *Flow) remove(ctx context.Context, ch channel, account uuid.UUID, c authcore.Client) (after authcore.Account, err error) {
	for range removals {
		var before authcore.Account
		if before, err = f.account(ctx, account); err != nil {
			return after, err
		}
		r := Removal{Channel: ch.by, Before: before, Now: f.now()}
		if r.Left, r.Effects, err = f.removed(ctx, ch, before, c); err != nil {
			return after, err
		}
		after, err = f.cfg.Store.RemoveContact(ctx, r)
		if !errors.Is(err, authcore.ErrNotFound) { // else it was changed meanwhile, which may have taken its other way in
			break
		}
	}
	if err != nil {
		return after, fmt.Errorf("remove %s: %w", ch.field, err)
	}
	return after, nil
}

// removed returns what alone a removal leaves, and its effects, or its refusal.
func (f *Flow) removed(ctx context.Context, ch channel, before authcore.Account, c authcore.Client) (last authcore.LastWay, fx authcore.Effects, err error) {
	if value, _ := ch.of(before); value == "" {
		return last, fx, nil
	}
	left, err := factor.WaysIn{Factors: f.cfg.Factors}.Left(ctx, ch.without(before))
	if err != nil {
		return last, fx, err
	}
	if left.None {
		return last, fx, authcore.Refuse(authcore.LastWayIn, "Without this you could not sign in any more. Set a username or another way to sign in first.")
	}
	event := audit.Event(ch.changed, before.ID, c, f.now())
	fx.Events = []authcore.Event{event}
	return left.LastWay, fx, f.cfg.Notices.Security(ctx, &fx, notice.Notice{Kind: ch.tells, Event: event, Account: before, Undo: ch.undo(before), Client: c})
}
