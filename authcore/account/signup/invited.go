package signup

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
)

// invited returns the open invitation that somebody signs up with, a zero one for none, and fills in the address that it is bound to.
// A token that is good for one address must not make an account of another (contract §7.4).
func invited(ctx context.Context, cfg Config, in *RegisterInput) (authcore.Invitation, error) {
	if in.Invitation == "" {
		if cfg.Settings.Mode == Invite {
			return authcore.Invitation{}, errNoInvitation()
		}
		return authcore.Invitation{}, nil
	}
	i, err := cfg.Invitations.Find(ctx, in.Invitation)
	if err != nil || i.Address == "" {
		return i, err
	}
	if in.Email == "" {
		in.Email = i.Address
	}
	if address, err := identifier.NewEmail(in.Email); err != nil || address != i.Address {
		return i, invite.Refuse()
	}
	return i, nil
}

func errNoInvitation() error {
	return authcore.Refuse(authcore.InvitationRequired, "You need an invitation to sign up here.")
}

// registerInvited makes the account at once. The token of a bound invitation went to its address alone: who shows it has verified that
// address.
func (f *Flow) registerInvited(ctx context.Context, a application, hash string, i authcore.Invitation, c authcore.Client) (Registered, error) {
	account, now := a.account(), f.now()
	account.ID, account.PasswordHash, account.EmailVerifiedAt = uuid.New(), hash, now
	account.CreatedAt, account.UpdatedAt = now, now
	registered := audit.Event(authcore.EventRegistered, account.ID, c, now)
	registered.Method = "invitation"
	made, err := f.cfg.Store.CreateInvited(ctx, authcore.SignUp{
		Account: account, Create: true, Identifiers: f.cfg.Settings.identifiers(account), InvitationID: i.ID,
		Verified: authcore.Identifier{Kind: authcore.KindEmail, Value: i.Address}, Unique: f.cfg.Settings.Identities, Now: now,
		Closed: audit.Event(authcore.EventDisabled, uuid.Nil, authcore.Client{}, now),
		Opening: authcore.SessionOpening{
			Effects: authcore.Effects{Events: []authcore.Event{registered, audit.Event(authcore.EventVerified, account.ID, c, now)}},
		},
	})
	var taken *authcore.TakenError
	switch {
	case errors.As(err, &taken):
		return Registered{}, conflict(taken)
	case errors.Is(err, authcore.ErrInvitation): // another request was faster, or it was revoked meanwhile
		return Registered{}, invite.Refuse()
	case err != nil:
		return Registered{}, fmt.Errorf("create invited account: %w", err)
	}
	return Registered{Account: &made}, nil
}
