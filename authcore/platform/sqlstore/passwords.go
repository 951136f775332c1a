package sqlstore

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// A short password never stands alone: second factors may have been switched off since the password was looked at.
const changePassword = `update users set password_hash = $3, password_short = $5, breach_told_at = null, epoch = epoch + 1, updated_at = $4
	where id = $1 and password_hash = $2 and disabled_at is null and (mfa_enabled_at is not null or not $5)
	returning ` + accountColumns

// ChangePassword implements password.Store.
func (s *Store) ChangePassword(ctx context.Context, c authcore.PasswordChange) (a authcore.Account, rev authcore.Revocation, err error) {
	err = s.change(ctx, "change password", func(ctx context.Context, q *tx) error {
		a, rev, err = s.changePassword(ctx, q, c)
		return err
	})
	if err != nil {
		return authcore.Account{}, authcore.Revocation{}, err
	}
	return a, rev, nil
}

func (s *Store) changePassword(ctx context.Context, q *tx, c authcore.PasswordChange) (a authcore.Account, rev authcore.Revocation, err error) {
	// Challenges before the account, as in reset: who takes locks in one order meets nobody in a deadlock.
	if _, err = sqldb.Exec(ctx, q, dropChallenges, c.AccountID, string(authcore.PurposeVerifyEmail)); err != nil {
		return a, rev, err
	}
	if a, err = sqldb.One(ctx, q, scanAccount, changePassword, c.AccountID, c.Old, c.PasswordHash, micros(c.Now), c.Short); err != nil {
		return a, rev, err
	}
	if rev, err = s.endSessions(ctx, q, a, c.Now); err != nil {
		return a, rev, err
	}
	if _, err = sqldb.Exec(ctx, q, endTrust, a.ID); err != nil {
		return a, rev, err
	}
	return a, rev, record(ctx, q, c.Effects)
}
