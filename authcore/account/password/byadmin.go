package password

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// SendResetForAdmin mails the owner of an account a code and link for a new password, as Forgot does, at the wish of an administrator; the
// administrator sees neither. It goes to the address, verified or not, else to the verified number. Refusals: [authcore.Conflict] where there is nowhere
// to send it, [authcore.RateLimited], [authcore.NotFound] where passwords are off; [authcore.Unavailable].
func (f *Flow) SendResetForAdmin(ctx context.Context, a authcore.Account, c authcore.Client) error {
	if err := f.on(); err != nil {
		return err
	}
	r := challenge.Request{Purpose: authcore.PurposeResetPassword, Subject: identifier.AccountKey(a.ID), Client: c, Save: f.cfg.Store.IssueChallenge,
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
	r.Events = []authcore.Event{audit.Event(authcore.EventResetRequested, a.ID, authcore.Client{}, f.now())}
	wait, _, err := f.cfg.Challenges.Request(ctx, r)
	if err == nil && wait > 0 {
		return challenge.Spent(wait)
	}
	return err
}
