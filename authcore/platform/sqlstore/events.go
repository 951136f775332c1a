package sqlstore

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	eventColumns = "id, kind, at, account_id, session_id, result, method, addr, user_agent, device_id, host"
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
	args := make([]any, 0, len(events)*11)
	for i, e := range events {
		if e.ID == uuid.Nil {
			e.ID = newID()
		}
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString("(" + parametersAfter(len(args), eventColumns) + ")")
		args = append(args, e.ID, string(e.Kind), micros(e.At), orNull(e.AccountID), orNull(e.SessionID),
			e.Result, e.Method, e.Addr, e.UserAgent, orNull(e.DeviceID), e.Host)
		q.done.Events = append(q.done.Events, e)
	}
	_, err := sqldb.Exec(ctx, q, text.String(), args...)
	return err
}
