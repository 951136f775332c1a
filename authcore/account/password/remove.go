package password

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

// Remove removes the account's password and ends every session, so that its owner signs in without one from now on. The owner is told, with
// a link that takes the account back. Where there is none nothing changes, and removed is false. Refusals: [authcore.LastWayIn] where nothing else signs in,
// or where what does is not enough for the second factor that is asked for: recovery by mail is no way in, it sets a password;
// [authcore.InvalidToken] when the account is gone or disabled; [authcore.NotFound] where passwords are off.
func (f *Flow) Remove(ctx context.Context, account uuid.UUID, c authcore.Client) (removed bool, err error) {
	if err := f.on(); err != nil {
		return false, err
	}
	for range removals {
		if removed, err = f.remove(ctx, account, c); !errors.Is(err, authcore.ErrNotFound) { // else account or factors were changed meanwhile
			return removed, err
		}
	}
	return false, fmt.Errorf("remove password: %w", err)
}

// MayRemove reports whether [Flow.Remove] would remove the password of the account.
func (f *Flow) MayRemove(ctx context.Context, a authcore.Account) (bool, error) {
	if a.PasswordHash == "" || f.cfg.Off {
		return false, nil
	}
	a.PasswordHash = ""
	left, err := factor.WaysIn{Factors: f.cfg.Factors}.Left(ctx, a)
	return err == nil && !left.None, err
}

func (f *Flow) remove(ctx context.Context, account uuid.UUID, c authcore.Client) (removed bool, err error) {
	was, err := f.cfg.Store.FactorState(ctx, account, f.now())
	if was.Account, err = authcore.Owner(was.Account, err); err != nil {
		return false, err
	}
	if was.Account.PasswordHash == "" {
		return false, nil
	}
	after := was.Account
	after.PasswordHash = ""
	left, err := factor.WaysIn{Factors: f.cfg.Factors}.LeftBy(ctx, after, was.Factors)
	if err != nil {
		return false, err
	}
	if left.None {
		return false, authcore.Refuse(authcore.LastWayIn, "Without a password you could not sign in any more. Set up another way to sign in first.")
	}
	event := audit.Event(authcore.EventPasswordRemoved, account, c, f.now())
	change := factor.Change{Was: was, DropPassword: true, Left: left.LastWay, EndTrust: true, EndSessions: true, Now: f.now(),
		Effects: authcore.Effects{Events: []authcore.Event{event}}}
	err = f.cfg.Notices.Security(ctx, &change.Effects, notice.Notice{
		Kind: authcore.MailPasswordRemoved, Event: event, Account: was.Account, Undo: notice.Undo{Password: true}, Client: c,
	})
	if err != nil {
		return false, err
	}
	return true, f.cfg.Store.ChangeFactors(ctx, change)
}
