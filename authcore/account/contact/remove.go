package contact

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// RemovePhone empties the account's number and returns the account as it is then. Where there is none nothing changes. Refusals:
// [authcore.InvalidToken] when the account is gone.
func (f *Flow) RemovePhone(ctx context.Context, account uuid.UUID, c authcore.Client) (authcore.Account, error) {
	now := f.now()
	a, err := f.cfg.Store.RemoveContact(ctx, Removal{AccountID: account, Channel: authcore.BySMS, Now: now,
		Prepare: func(a authcore.Account) (fx authcore.Effects, err error) {
			if a.Phone != "" {
				fx.Events = []authcore.Event{audit.Event(authcore.EventPhoneChanged, account, c, now)}
			}
			return fx, nil
		}})
	return a, gone(err, "remove phone number")
}
