package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const selectSealedMails = `select id, kind, sealed, created_at, attempts, channel, account_id from outbox
	where id > $1 and sealed is not null order by id limit $2`

// SealedMails implements operator.Store.
func (s *Store) SealedMails(ctx context.Context, after uuid.UUID, limit int) (mails []authcore.Mail, err error) {
	err = s.Read(ctx, "read sealed mails", func(ctx context.Context, q sqldb.Querier) error {
		mails, err = sqldb.All(ctx, q, scanMail, selectSealedMails, after, limit)
		return err
	})
	return mails, err
}

const resealMail = "update outbox set sealed = $3 where id = $1 and sealed = $2"

// ResealMail implements operator.Store.
func (s *Store) ResealMail(ctx context.Context, id uuid.UUID, old, sealed []byte) error {
	return s.Single(ctx, "seal mail again", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, resealMail, id, old, sealed)
		return err
	})
}

// DropMail implements operator.Store.
func (s *Store) DropMail(ctx context.Context, id uuid.UUID, now time.Time) error {
	return s.Single(ctx, "drop mail", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, finishMail, id, micros(now))
		return err
	})
}
