package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	eventColumns = "id, kind, at, account_id, session_id, result, method, addr, user_agent, device_id, host, actor_id, actor_via, details"
	insertMail   = `insert into outbox (id, kind, sealed, created_at, attempts, due_at, sms_due_at, done_at, channel, account_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
)

// Record implements attempt.Store.
func (s *Store) Record(ctx context.Context, fx authcore.Effects) error {
	return s.change(ctx, "record events", func(ctx context.Context, q *tx) error { return record(ctx, q, fx) })
}

// record writes what belongs to the change of this transaction. An event without an id gets one.
func record(ctx context.Context, q *tx, fx authcore.Effects) error {
	if err := recordEvents(ctx, q, fx.Events); err != nil {
		return err
	}
	for _, m := range fx.Mails {
		sealed, due, smsDue, done := m.Sealed, micros(m.CreatedAt), any(nil), any(nil)
		switch {
		case m.Dummy:
			sealed, due, done = nil, nil, due
		case m.Channel == authcore.BySMS:
			due, smsDue = nil, due
		}
		_, err := sqldb.Exec(ctx, q, insertMail, m.ID, string(m.Kind), sealed, micros(m.CreatedAt), m.Attempts, due, smsDue, done,
			string(m.Channel), orNull(m.AccountID))
		if err != nil {
			return err
		}
		q.done.Mails++
		if !m.Dummy {
			q.done.Kinds = append(q.done.Kinds, m.Kind)
		}
	}
	return recordLinks(ctx, q, fx.SecurityLinks)
}

// recordEvents writes events in one statement: what several changes have in common is that they are told of.
func recordEvents(ctx context.Context, q *tx, events []authcore.Event) error {
	if len(events) == 0 {
		return nil
	}
	var text strings.Builder
	text.WriteString("insert into events (" + eventColumns + ") values ")
	args := make([]any, 0, len(events)*14)
	by := authcore.AdminCallOf(ctx)
	for i, e := range events {
		e = by.By(e)
		if e.ID == uuid.Nil {
			e.ID = newID()
		}
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString("(" + parametersAfter(len(args), eventColumns) + ")")
		args = append(args, e.ID, string(e.Kind), micros(e.At), orNull(e.AccountID), orNull(e.SessionID),
			e.Result, e.Method, e.Addr, e.UserAgent, orNull(e.DeviceID), e.Host, orNull(e.ActorID), e.Via, e.Details)
		q.done.Events = append(q.done.Events, e)
	}
	_, err := sqldb.Exec(ctx, q, text.String(), args...)
	return err
}

// recordCall writes the event of the call of the administration that this change is made for, if there is one and no change of it has done so.
func recordCall(ctx context.Context, q *tx) error {
	call := authcore.AdminCallOf(ctx)
	if call.Written() {
		return nil
	}
	return recordEvents(ctx, q, []authcore.Event{call.Event(audit.Success)})
}

const selectRead = "select count(*) from (select 1 from events where actor_id = $1 and kind = $2 and at > $3 and coalesce(cast(account_id as text), '') = $4 limit 1) as one"

// RecordRead implements admin.GateStore. Of several reads at once one is told: they wait for each other, but only where none has been told lately.
func (s *Store) RecordRead(ctx context.Context, e authcore.Event, since time.Time) error {
	about := ""
	if e.AccountID != uuid.Nil {
		about = e.AccountID.String()
	}
	told := func(ctx context.Context, q sqldb.Querier) (bool, error) {
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, selectRead, e.ActorID, string(e.Kind), micros(since), about)
		return n > 0, err
	}
	var done bool
	err := s.Read(ctx, "look for read of administrator", func(ctx context.Context, q sqldb.Querier) (err error) {
		done, err = told(ctx, q)
		return err
	})
	if err != nil || done {
		return err
	}
	return s.change(ctx, "record read of administrator", func(ctx context.Context, q *tx) error {
		if err := s.Dialect().Serialise(ctx, q, "reads of "+e.ActorID.String()); err != nil {
			return err
		}
		if done, err := told(ctx, q); err != nil || done {
			return err
		}
		return recordEvents(ctx, q, []authcore.Event{e})
	})
}
