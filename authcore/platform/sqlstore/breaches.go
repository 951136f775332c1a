package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const tellBreach = "update users set breach_told_at = $3 where id = $1 and password_hash = $2 and breach_told_at is null returning id"

// TellBreach implements breach.Store.
func (s *Store) TellBreach(ctx context.Context, account uuid.UUID, hash string, at time.Time, fx authcore.Effects) error {
	return s.change(ctx, "tell of a breached password", func(ctx context.Context, q *tx) error {
		if _, err := sqldb.One(ctx, q, scanID, tellBreach, account, hash, micros(at)); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}
