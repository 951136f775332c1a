package password

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Remove refuses to remove the account's password. People sign in by passwords alone, so nobody has another way in: recovery by mail
// is none, it sets a password. Refusals: [authcore.LastWayIn]; [authcore.InvalidToken] when the account is gone or disabled.
func (f *Flow) Remove(ctx context.Context, account uuid.UUID) error {
	if _, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, account)); err != nil {
		return err
	}
	return authcore.Refuse(authcore.LastWayIn, "Without a password you could not sign in any more.")
}
