package profile

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// An account may change its username so often: names that were used stay its own for ever, and nobody may collect them.
const (
	renames      = 3
	renameWindow = 30 * 24 * time.Hour
)

// attempts is how often a change is tried while other requests rename the account: oftener than they can.
const attempts = renames + 2

// update changes the profile. A change of the username is told of to its owner and counted; the first one that is set is none.
func (p *Profiles) update(ctx context.Context, id uuid.UUID, change authcore.ProfileChange, c authcore.Client) (a authcore.Account, err error) {
	for range attempts {
		var (
			before authcore.Account
			fx     authcore.Effects
		)
		if before, err = p.store.AccountByID(ctx, id); err != nil {
			return a, err
		}
		now := p.clock.Now()
		change.Rename = nil
		if change.Username != nil && *change.Username != before.Username {
			change.Rename = &authcore.Rename{From: before.Username, Since: now.Add(-renameWindow), Most: renames}
			if err = p.mayTake(*change.Username, before, c); err != nil {
				return a, err
			}
		}
		if err = p.leavesWayIn(ctx, before, change); err != nil {
			return a, err
		}
		if fx, err = p.effects(ctx, before, change, c, now); err != nil {
			return a, err
		}
		if a, err = p.store.UpdateProfile(ctx, id, change, p.uniqueUsernames, now, fx); !errors.Is(err, ErrRenamed) {
			return a, err
		}
	}
	return a, err
}

// mayTake refuses a username that a rule keeps from people who sign up, and from those who have. Administrators have any.
func (p *Profiles) mayTake(username string, by authcore.Account, c authcore.Client) error {
	if p.admins.Administers(by) {
		return nil
	}
	return p.blocks.MayTake(username, by.ID, c)
}

// leavesWayIn refuses to remove the username of an account that nothing else lets in. What else does must still do so when the change is
// written.
func (p *Profiles) leavesWayIn(ctx context.Context, before authcore.Account, change authcore.ProfileChange) error {
	if change.Rename == nil || *change.Username != "" {
		return nil
	}
	after := before
	after.Username = ""
	left, err := factor.WaysIn{Factors: p.factors}.Left(ctx, after)
	if err != nil {
		return err
	}
	if !left.None {
		change.Rename.Before, change.Rename.Left = &before, left.LastWay
		return nil
	}
	if had, err := (factor.WaysIn{Factors: p.factors}).Left(ctx, before); err != nil || had.None {
		return err
	}
	return authcore.Refuse(authcore.LastWayIn, "Without a username you could not sign in any more.")
}

// effects tells of a change of the profile.
func (p *Profiles) effects(ctx context.Context, before authcore.Account, change authcore.ProfileChange, c authcore.Client,
	now time.Time) (fx authcore.Effects, err error) {
	fx.Events = []authcore.Event{audit.Event(authcore.EventProfileChanged, before.ID, c, now)}
	if err := p.losesNumber(ctx, &fx, before, change, c, now); err != nil {
		return fx, err
	}
	if change.Rename == nil || before.Username == "" {
		return fx, nil
	}
	event := audit.Event(authcore.EventUsernameChanged, before.ID, c, now)
	fx.Events = append(fx.Events, event)
	return fx, p.notices.Security(ctx, &fx, notice.Notice{Kind: authcore.MailUsernameChanged, Event: event, Account: before,
		Undo: notice.Undo{Username: notice.FormerUsername(before)}, Client: c})
}

// losesNumber tells of a change of the contact number by which the account loses one that was verified: it may be how its owner recovers.
func (p *Profiles) losesNumber(ctx context.Context, fx *authcore.Effects, before authcore.Account, change authcore.ProfileChange,
	c authcore.Client, now time.Time) error {
	if change.Phone == nil || *change.Phone == before.Phone || !before.PhoneVerified() {
		return nil
	}
	event := audit.Event(authcore.EventPhoneChanged, before.ID, c, now)
	fx.Events = append(fx.Events, event)
	return p.notices.Security(ctx, fx, notice.Notice{Kind: authcore.MailPhoneChanged, Event: event, Account: before,
		Undo: notice.Undo{Phone: notice.FormerPhone(before)}, Client: c})
}
