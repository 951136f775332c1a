package sqlstore

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const removePhone = `update users set phone = '', phone_verified_at = null, pending_phone = '', pending_phone_until = null, updated_at = $2
	where id = $1
	returning ` + accountColumns

// RemoveContact implements contact.Store.
func (s *Store) RemoveContact(ctx context.Context, r contact.Removal) (a authcore.Account, err error) {
	err = s.change(ctx, "remove contact", func(ctx context.Context, q *tx) error {
		if a, err = sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, r.AccountID); err != nil {
			return err
		}
		fx, err := r.Prepare(a)
		if err != nil {
			return err
		}
		if a, err = sqldb.One(ctx, q, scanAccount, removePhone, r.AccountID, micros(r.Now)); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}
