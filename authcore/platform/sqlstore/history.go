package sqlstore

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

func scanEvent(r sqldb.Row) (e authcore.Event, err error) {
	return e, r.Scan(&e.ID, &e.Kind, &stamp{&e.At}, &optional{&e.AccountID}, &optional{&e.SessionID}, &e.Result, &e.Method, &e.Addr,
		&e.UserAgent, &optional{&e.DeviceID}, &e.Host, &optional{&e.ActorID}, &e.Via, &e.Details)
}

// AccountEvents implements history.Store.
func (s *Store) AccountEvents(ctx context.Context, q history.Query) (events []authcore.Event, err error) {
	text, args := accountEvents(q)
	err = s.Read(ctx, "read history", func(ctx context.Context, db sqldb.Querier) error {
		events, err = sqldb.All(ctx, db, scanEvent, text, args...)
		return err
	})
	if !q.Newer.IsZero() {
		slices.Reverse(events)
	}
	return events, err
}

// accountEvents is one select for each kind, each along the index by account, kind and time up to the limit: an account may have
// any number of events, and of the one kind that is asked for none. A list of kinds in one select would be sorted whole.
func accountEvents(q history.Query) (text string, args []any) {
	place := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	order, where := " order by at desc, id desc", " where account_id = "+place(q.AccountID)+" and kind not like 'admin.%'"
	if q.Method != "" {
		where += " and method = " + place(q.Method)
	}
	if !q.Since.IsZero() {
		where += " and at >= " + place(micros(q.Since))
	}
	if !q.Until.IsZero() {
		where += " and at < " + place(micros(q.Until))
	}
	switch {
	case !q.Older.IsZero():
		where += " and (at, id) < (" + place(micros(q.Older.At)) + ", " + place(q.Older.ID) + ")"
	case !q.Newer.IsZero():
		order = " order by at, id"
		where += " and (at, id) > (" + place(micros(q.Newer.At)) + ", " + place(q.Newer.ID) + ")"
	}
	order += " limit " + place(q.Limit)
	all := "select " + eventColumns + " from events" + where
	if len(q.Kinds) == 0 {
		return all + order, args
	}
	parts := make([]string, len(q.Kinds))
	for i, kind := range q.Kinds {
		parts[i] = "select * from (" + all + " and kind = " + place(string(kind)) + order + ") as k" + strconv.Itoa(i)
	}
	return "select * from (" + strings.Join(parts, " union all ") + ") as every" + order, args
}
