package sqlstore

import (
	"context"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notification"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const setMuted = "update users set muted = $2, updated_at = $3 where id = $1"

// ChangeMuted implements notification.Store. Whoever changes holds the account, so that no change is missed in the count and none is
// overwritten.
func (s *Store) ChangeMuted(ctx context.Context, c notification.Change) error {
	return s.change(ctx, "change notifications", func(ctx context.Context, q *tx) error {
		held, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, c.AccountID)
		if err != nil {
			return err
		}
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, countSince, c.AccountID, string(authcore.EventNotifications), micros(c.Since))
		switch {
		case err != nil:
			return err
		case held.Disabled():
			return authcore.ErrNotFound
		case n >= int64(c.Most):
			return notification.ErrLimit
		case !slices.Equal(held.Muted, c.From):
			return notification.ErrChanged
		}
		if _, err := sqldb.Exec(ctx, q, setMuted, c.AccountID, jsonText(c.To), micros(c.Now)); err != nil {
			return err
		}
		return record(ctx, q, c.Effects)
	})
}
