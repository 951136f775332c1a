package signup

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// invited returns the open invitation that somebody signs up with, a zero one for none, and fills in the address or number that it is bound to.
// A token that is good for one address must not make an account of another (contract §7.4).
func invited(ctx context.Context, cfg Config, in *RegisterInput) (authcore.Invitation, error) {
	if in.Invitation == "" {
		if cfg.Settings.Mode() == Invite {
			return authcore.Invitation{}, errNoInvitation()
		}
		return authcore.Invitation{}, nil
	}
	i, err := cfg.Invitations.Find(ctx, in.Invitation)
	if err != nil || i.Address == "" {
		return i, err
	}
	given, read := &in.Email, identifier.NewEmail
	if i.Channel == authcore.BySMS {
		given, read = &in.Phone, cfg.Numbers.Read
	}
	if *given == "" {
		*given = i.Address
	}
	if address, err := read(*given); err != nil || address != i.Address {
		return i, invite.Refuse()
	}
	return i, nil
}

// spends returns the invitation with that id, zero for none, for a new account. Its inviter is told when it is used: what came of it, and that it
// was used at all, is theirs to know; who it was, and from where, is not.
func spends(notices *notice.Notices, invitation uuid.UUID, c authcore.Client) authcore.Invited {
	if invitation == uuid.Nil {
		return authcore.Invited{}
	}
	return authcore.Invited{ID: invitation, Tell: func(inviter authcore.Account, open []authcore.SecurityLink, used authcore.Event) (fx authcore.Effects, err error) {
		err = notices.SecurityAmong(context.Background(), open, &fx, notice.Notice{
			Kind: authcore.MailInvitationUsed, Event: used, Account: inviter, Client: authcore.Client{Portal: c.Portal},
		})
		return fx, err
	}}
}

func errNoInvitation() error {
	return authcore.Refuse(authcore.InvitationRequired, "You need an invitation to sign up here.")
}

// registerInvited makes the account at once. The token of a bound invitation went to its address or number alone: who shows it has verified
// that.
func (f *Flow) registerInvited(ctx context.Context, a application, hash string, i authcore.Invitation, c authcore.Client) (Registered, error) {
	account, now := a.account(), f.now()
	account.ID, account.PasswordHash, account.CreatedAt, account.UpdatedAt = uuid.New(), hash, now, now
	to := target{i.Channel, i.Address}
	if to.channel == authcore.BySMS {
		account.PhoneVerifiedAt = now
	} else {
		account.EmailVerifiedAt = now
	}
	f.cfg.Settings.setAside(&account, to.channel, now)
	registered := audit.Event(authcore.EventRegistered, account.ID, c, now)
	registered.Method = audit.ByInvitation
	made, err := f.cfg.Store.CreateInvited(ctx, authcore.SignUp{
		Account: account, Create: true, Identifiers: f.cfg.Settings.identifiers(account), Invited: spends(f.cfg.Notices, i.ID, c),
		Verified: to.identifier(), Unique: f.cfg.Settings.Identities, Now: now,
		Closed: audit.Event(authcore.EventDisabled, uuid.Nil, authcore.Client{}, now),
		Opening: authcore.SessionOpening{
			Effects: authcore.Effects{Events: []authcore.Event{registered, audit.Event(authcore.EventVerified, account.ID, c, now)}},
		},
	})
	if err != nil {
		return Registered{}, refusal("create invited account", err)
	}
	return Registered{Account: &made}, nil
}
