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

// An SMS is due by a column of its own. Nodes of the release before know none but due_at: they would take an SMS for a mail, fail to
// send it, and hold it back from the others until its code has expired.
const (
	mailDue = "due_at"
	smsDue  = "sms_due_at"
)

// claimDue takes what is due by a column. Materialised, or else Postgres may run the select again for each row and claim more than
// the limit.
func claimDue(due, skipLocked string) string {
	return "with due as materialized (select id from outbox where " + due + " <= $1 order by " + due + ", id limit $3" + skipLocked + `)
		update outbox set ` + due + ` = $2, attempts = attempts + 1
		where id in (select id from due)
		returning id, kind, sealed, created_at, attempts - 1, channel, account_id`
}

// ClaimMail implements notify.Store. A claim counts as a try even if the process dies during it; Attempts are
// the tries before this one.
func (s *Store) ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) (mails []authcore.Mail, err error) {
	return s.claim(ctx, "claim mail", mailDue, now, lease, limit)
}

// ClaimSMS implements notify.Store. It is ClaimMail for SMS.
func (s *Store) ClaimSMS(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]authcore.Mail, error) {
	return s.claim(ctx, "claim SMS", smsDue, now, lease, limit)
}

func (s *Store) claim(ctx context.Context, step, due string, now time.Time, lease time.Duration, limit int) (mails []authcore.Mail, err error) {
	err = s.Single(ctx, step, func(ctx context.Context, q sqldb.Querier) error {
		mails, err = sqldb.All(ctx, q, scanMail, claimDue(due, s.Dialect().SkipLocked), micros(now), micros(now.Add(lease)), limit)
		return err
	})
	slices.SortFunc(mails, func(a, b authcore.Mail) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return mails, err
}

const finishMail = "update outbox set sealed = null, due_at = null, sms_due_at = null, done_at = $2 where id = $1 and done_at is null"

// MailSent implements notify.Store.
func (s *Store) MailSent(ctx context.Context, id uuid.UUID, now time.Time) error {
	return s.Single(ctx, "mark mail as sent", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, finishMail, id, micros(now))
		return err
	})
}

const postponeMail = `update outbox set due_at = case when channel = 'phone' then null else cast($2 as bigint) end,
	sms_due_at = case when channel = 'phone' then cast($2 as bigint) end where id = $1 and done_at is null`

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

// OutboxDepth implements notify.Store.
func (s *Store) OutboxDepth(ctx context.Context) (int, time.Time, error) {
	return s.depth(ctx, "count outbox", mailDue)
}

// SMSDepth implements notify.Store.
func (s *Store) SMSDepth(ctx context.Context) (int, time.Time, error) {
	return s.depth(ctx, "count SMS", smsDue)
}

func (s *Store) depth(ctx context.Context, step, due string) (int, time.Time, error) {
	type depth struct {
		waiting int
		oldest  time.Time
	}
	var d depth
	err := s.Read(ctx, step, func(ctx context.Context, q sqldb.Querier) (err error) {
		d, err = sqldb.One(ctx, q, func(r sqldb.Row) (d depth, err error) { return d, r.Scan(&d.waiting, &stamp{&d.oldest}) },
			"select count(*), min(created_at) from outbox where "+due+" is not null")
		return err
	})
	return d.waiting, d.oldest, err
}

// smsKept is longer than a worker tries to send an SMS.
const smsKept = 25 * time.Hour

const (
	oldSMS    = "outbox where sms_due_at is not null and created_at <= $1"
	giveUpSMS = "update outbox set sealed = null, sms_due_at = null, done_at = $2 where sms_due_at is not null and created_at <= $1"
)

// sweepSMS gives up on SMS that nobody sends: where the option was taken away no worker does, and their content must not stay.
func (s *Store) sweepSMS(ctx context.Context, now time.Time) error {
	var found int64
	err := s.Read(ctx, "look for old SMS", func(ctx context.Context, q sqldb.Querier) (err error) {
		found, err = sqldb.One(ctx, q, sqldb.ScanInt, some(oldSMS), micros(now.Add(-smsKept)))
		return err
	})
	if err != nil || found == 0 {
		return err
	}
	return s.Single(ctx, "give up on old SMS", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, giveUpSMS, micros(now.Add(-smsKept)), micros(now))
		return err
	})
}
