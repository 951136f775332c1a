package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

func scanMail(r sqldb.Row) (m authcore.Mail, err error) {
	return m, r.Scan(&m.ID, &m.Kind, &m.Sealed, &stamp{&m.CreatedAt}, &m.Attempts, &m.Channel, &optional{&m.AccountID})
}

// Materialised, or else Postgres may run the select again for each row and claim more than the limit.
const (
	claimMail = `with due as materialized (
			select id from outbox where due_at <= $1 order by due_at, id limit $3`
	claimDue = `)
		update outbox set due_at = $2, attempts = attempts + 1
		where id in (select id from due)
		returning id, kind, sealed, created_at, attempts - 1, channel, account_id`
)

// ClaimMail implements notify.Store. A claim counts as a try even if the process dies during it; Attempts are
// the tries before this one.
func (s *Store) ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) (mails []authcore.Mail, err error) {
	err = s.Single(ctx, "claim mail", func(ctx context.Context, q sqldb.Querier) error {
		mails, err = sqldb.All(ctx, q, scanMail, claimMail+s.Dialect().SkipLocked+claimDue, micros(now), micros(now.Add(lease)), limit)
		return err
	})
	slices.SortFunc(mails, func(a, b authcore.Mail) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return mails, err
}

const finishMail = "update outbox set sealed = null, due_at = null, done_at = $2 where id = $1 and done_at is null"

// MailSent implements notify.Store.
func (s *Store) MailSent(ctx context.Context, id uuid.UUID, now time.Time) error {
	return s.Single(ctx, "mark mail as sent", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, finishMail, id, micros(now))
		return err
	})
}

const postponeMail = "update outbox set due_at = $2 where id = $1 and done_at is null"

// MailFailed implements notify.Store. A mail that is given up loses its content too.
func (s *Store) MailFailed(ctx context.Context, id uuid.UUID, next time.Time, drop bool) error {
	return s.Single(ctx, "mark mail as failed", func(ctx context.Context, q sqldb.Querier) error {
		if drop {
			_, err := sqldb.Exec(ctx, q, finishMail, id, micros(s.now()))
			return err
		}
		_, err := sqldb.Exec(ctx, q, postponeMail, id, micros(next))
		return err
	})
}

const outboxDepth = "select count(*), min(created_at) from outbox where due_at is not null"

// OutboxDepth implements notify.Store.
func (s *Store) OutboxDepth(ctx context.Context) (int, time.Time, error) {
	type depth struct {
		waiting int
		oldest  time.Time
	}
	var d depth
	err := s.Read(ctx, "count outbox", func(ctx context.Context, q sqldb.Querier) (err error) {
		d, err = sqldb.One(ctx, q, func(r sqldb.Row) (d depth, err error) { return d, r.Scan(&d.waiting, &stamp{&d.oldest}) }, outboxDepth)
		return err
	})
	return d.waiting, d.oldest, err
}
