package factor

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// ByAdministrator is why a sign-in asks for a second factor where an administrator wants it so of the one account.
const ByAdministrator = "administrator"

// Demand has sign-ins of single accounts ask for a second factor, whatever their owners have chosen. It is for administrators and for whoever
// runs the gateway. It is safe for concurrent use.
type Demand struct{ *Factors }

// Set makes the demand on an account, or lifts it: nothing else does. The owner is told. Where it is so already nothing changes. Sessions
// go on: the next sign-in owes it. [authcore.InvalidToken] when the account is gone.
func (d Demand) Set(ctx context.Context, account uuid.UUID, demand bool, by authcore.Client) error {
	_, err := retry(func() (struct{}, error) {
		s, err := d.state(ctx, account)
		if err != nil || demand == s.Account.MFADemanded() {
			return struct{}{}, err
		}
		c := Change{Was: s, Now: d.now(), Demand: &demand}
		kind, mail := authcore.EventMFAReleased, authcore.MailMFAReleased
		if demand {
			kind, mail = authcore.EventMFARequired, authcore.MailMFARequired
		}
		event := audit.Event(kind, account, by, c.Now)
		c.Effects.Events = []authcore.Event{event}
		if err := d.cfg.Notices.Security(ctx, &c.Effects, notice.Notice{Kind: mail, Event: event, Account: s.Account, Client: by}); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, d.cfg.Store.ChangeFactors(ctx, c)
	})
	return err
}
