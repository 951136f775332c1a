package password

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// Resets are mails that have the owner of an account choose a new password, at the wish of an administrator. All fields are required but where
// they say otherwise. It is safe for concurrent use.
type Resets struct {
	Store interface {
		IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	}
	Challenges *challenge.Issuer
	Off        bool // passwords are; false is possible
	Now        authcore.Clock
}

// Resets returns those of the flow.
func (f *Flow) Resets() *Resets {
	return &Resets{Store: f.cfg.Store, Challenges: f.cfg.Challenges, Off: f.cfg.Off, Now: f.cfg.Now}
}

// Send mails the owner of an account a code and link for a new password, as Forgot does, at the wish of an administrator; the
// administrator sees neither. It goes to the address, verified or not, else to the verified number. Refusals: [authcore.Conflict] where there is nowhere
// to send it, [authcore.RateLimited], [authcore.NotFound] where passwords are off; [authcore.Unavailable].
func (f *Resets) Send(ctx context.Context, a authcore.Account, c authcore.Client) error {
	if f.Off {
		return errOff()
	}
	r := challenge.Request{Purpose: authcore.PurposeResetPassword, Subject: identifier.AccountKey(a.ID), Client: c, Save: f.Store.IssueChallenge,
		Known: &challenge.Known{Account: a.ID, To: recipient(a)}}
	switch {
	case a.Disabled():
		return authcore.Refuse(authcore.Conflict, "The account is disabled.")
	case a.Email != "":
	case a.PhoneVerified():
		r.Subject += byNumber
		r.Channel, r.Known.To = authcore.BySMS, challenge.Recipient{Channel: authcore.BySMS, Address: a.Phone, Lang: a.Locale}
	default:
		return authcore.Refuse(authcore.Conflict, "The account has no address to send it to.")
	}
	r.Counted = r.Known.To.Address
	r.Events = []authcore.Event{audit.Event(authcore.EventResetRequested, a.ID, authcore.Client{}, f.Now.Now())}
	wait, _, err := f.Challenges.Request(ctx, r)
	if err == nil && wait > 0 {
		return challenge.Spent(wait)
	}
	return err
}
