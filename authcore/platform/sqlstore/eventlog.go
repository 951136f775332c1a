package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// ledKinds is how many kinds may lead a search, each along the index by kind; with more of them time leads.
const ledKinds = 8

// eventSearch is the selects that find events: each goes along one index, the latest first, and has conditions that are tested.
type eventSearch struct {
	args  []any
	parts []string        // what leads each select
	rest  eventlog.Filter // what is left to test
}

func (s *eventSearch) place(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

// ownDoing is what somebody has done to their own account by a session; see eventlog.ActorOf.
func ownDoing(actor string) string {
	return "account_id = " + actor + " and actor_id is null and actor_via = '' and session_id is not null"
}

// searchEvents chooses what leads: what is rarest. Each of them has an index that ends in time and id.
func searchEvents(q eventlog.Query) *eventSearch {
	s := &eventSearch{rest: q.Filter}
	byKind := len(q.Kinds) <= ledKinds
	failed := q.Result != "" && q.Result != audit.Success
	switch {
	case q.Session != uuid.Nil:
		s.parts, s.rest.Session = []string{"session_id = " + s.place(q.Session)}, uuid.Nil
	case q.Account != uuid.Nil:
		s.parts, s.rest.Account = []string{"account_id = " + s.place(q.Account)}, uuid.Nil
		if byKind {
			s.parts, s.rest.Kinds = s.ofKinds(s.parts[0]+" and ", q.Kinds), nil
		}
	case q.Actor != uuid.Nil:
		actor := s.place(q.Actor)
		s.parts, s.rest.Actor = []string{"actor_id = " + actor, ownDoing(actor)}, uuid.Nil
	case q.Addr != "":
		s.parts, s.rest.Addr = []string{"addr = " + s.place(q.Addr) + " and addr <> ''"}, ""
	case failed && len(q.Kinds) != 1: // fewer than what succeeds
		s.parts = []string{"at >= 0 and result <> '" + audit.Success + "'"}
		if q.Result == eventlog.Failure {
			s.rest.Result = ""
		}
	case byKind && len(q.Kinds) > 0:
		s.parts, s.rest.Kinds = s.ofKinds("", q.Kinds), nil
	default:
		s.parts = []string{"at >= 0"}
	}
	s.time(q)
	s.rest.From, s.rest.To = time.Time{}, time.Time{}
	return s
}

func (s *eventSearch) ofKinds(lead string, kinds []authcore.EventKind) []string {
	if len(kinds) == 0 {
		return []string{strings.TrimSuffix(lead, " and ")}
	}
	parts := make([]string, len(kinds))
	for i, k := range kinds {
		parts[i] = lead + "kind = " + s.place(string(k))
	}
	return parts
}

// time bounds every part: it is in every index.
func (s *eventSearch) time(q eventlog.Query) {
	bounds := ""
	if !q.From.IsZero() {
		bounds += " and at >= " + s.place(micros(q.From))
	}
	if !q.To.IsZero() {
		bounds += " and at < " + s.place(micros(q.To))
	}
	if !q.Older.IsZero() {
		bounds += " and (at, id) < (" + s.place(micros(q.Older.At)) + ", " + s.place(q.Older.ID) + ")"
	}
	for i := range s.parts {
		s.parts[i] += bounds
	}
}

const newestFirst = " order by at desc, id desc"

// union is a select of the columns for each part, with what follows its conditions.
func (s *eventSearch) union(columns, more string) string {
	selects := make([]string, len(s.parts))
	for i, part := range s.parts {
		selects[i] = "select * from (select " + columns + " from events where " + part + more + ") as p" + strconv.Itoa(i)
	}
	return strings.Join(selects, " union all ")
}

// end finds the last of the rows that are tested, which is the newest of the last of each part.
func (s *eventSearch) end(test int) string {
	nth := strconv.Itoa(max(test/len(s.parts), 1) - 1)
	return "select at, id from (" + s.union("at, id", newestFirst+" limit 1 offset "+nth) + ") as ends" + newestFirst + " limit 1"
}

// tests are the conditions that are tested, of rows from a position on; the zero one is none. No other select may follow with the same
// arguments.
func (s *eventSearch) tests(from cursor.Position) (text string) {
	and := func(condition string) { text += " and " + condition }
	if !from.IsZero() {
		at := s.place(micros(from.At))
		and("(at, id) >= (" + at + ", " + s.place(from.ID) + ") and at >= " + at) // Postgres knows of the second alone how few rows those are
	}
	if len(s.rest.Kinds) > 0 {
		places := make([]string, len(s.rest.Kinds))
		for i, k := range s.rest.Kinds {
			places[i] = s.place(string(k))
		}
		and("kind || '' in (" + strings.Join(places, ", ") + ")") // an expression, so that no index by kind is taken in place of what leads
	}
	switch s.rest.Result {
	case "":
	case eventlog.Failure:
		and("result <> '" + audit.Success + "'")
	default:
		and("result = " + s.place(s.rest.Result))
	}
	if s.rest.Account != uuid.Nil {
		and("account_id = " + s.place(s.rest.Account))
	}
	if s.rest.Actor != uuid.Nil {
		actor := s.place(s.rest.Actor)
		and("(actor_id = " + actor + " or " + ownDoing(actor) + ")")
	}
	if s.rest.Addr != "" {
		and("addr || '' = " + s.place(s.rest.Addr))
	}
	return text
}

// hasTests reports whether there are any.
func (s *eventSearch) hasTests() bool {
	return len(s.rest.Kinds) > 0 || s.rest.Result != "" || s.rest.Account != uuid.Nil || s.rest.Actor != uuid.Nil || s.rest.Addr != ""
}

// tested returns the last row that may be tested; zero where that is all. Where nothing is tested there is no such bound.
func (s *eventSearch) tested(ctx context.Context, db sqldb.Querier, test int, always bool) (cursor.Position, error) {
	if !s.hasTests() && !always {
		return cursor.Position{}, nil
	}
	found, err := sqldb.All(ctx, db, scanPosition, s.end(test), s.args...)
	if err != nil || len(found) == 0 {
		return cursor.Position{}, err
	}
	return found[0], nil
}

// FindEvents implements eventlog.Store.
func (s *Store) FindEvents(ctx context.Context, q eventlog.Query) (events []authcore.Event, tested cursor.Position, err error) {
	err = s.Read(ctx, "find events", func(ctx context.Context, db sqldb.Querier) error {
		search := searchEvents(q)
		if tested, err = search.tested(ctx, db, q.Test, false); err != nil {
			return err
		}
		tests := search.tests(tested)
		limit := " limit " + search.place(q.Limit)
		events, err = sqldb.All(ctx, db, scanEvent, "select * from ("+search.union(eventColumns, tests+newestFirst+limit)+") as every"+newestFirst+limit, search.args...)
		return err
	})
	return events, tested, err
}

// CountFitting implements eventlog.Store.
func (s *Store) CountFitting(ctx context.Context, q eventlog.Query) (n int64, tested cursor.Position, err error) {
	err = s.Read(ctx, "count events that fit", func(ctx context.Context, db sqldb.Querier) error {
		search := searchEvents(q)
		if tested, err = search.tested(ctx, db, q.Test, true); err != nil {
			return err
		}
		n, err = sqldb.One(ctx, db, sqldb.ScanInt, "select count(*) from ("+search.union("id", search.tests(tested))+") as every", search.args...)
		return err
	})
	return n, tested, err
}

// Newest implements eventlog.Store.
func (s *Store) Newest(ctx context.Context) (p cursor.Position, err error) {
	err = s.Read(ctx, "find newest event", func(ctx context.Context, db sqldb.Querier) error {
		found, err := sqldb.All(ctx, db, scanPosition, "select at, id from events"+newestFirst+" limit 1")
		if len(found) > 0 {
			p = found[0]
		}
		return err
	})
	return p, err
}

const selectNewer = "select at, id from events where (at, id) > ($1, $2) order by at, id limit $3"

// Newer implements eventlog.Store.
func (s *Store) Newer(ctx context.Context, after cursor.Position, limit int) (positions []cursor.Position, err error) {
	at := micros(after.At)
	if at == nil {
		at = int64(0)
	}
	err = s.Read(ctx, "find newer events", func(ctx context.Context, db sqldb.Querier) error {
		positions, err = sqldb.All(ctx, db, scanPosition, selectNewer, at, after.ID, limit)
		return err
	})
	return positions, err
}

// EventsByID implements eventlog.Store.
func (s *Store) EventsByID(ctx context.Context, ids []uuid.UUID) (events []authcore.Event, err error) {
	err = s.Read(ctx, "read events", func(ctx context.Context, db sqldb.Querier) error {
		events, err = sqldb.All(ctx, db, scanEvent, "select "+eventColumns+" from events where id "+s.Dialect().AnyOf("$1"), s.Dialect().List(ids))
		return err
	})
	return events, err
}

const selectLabels = "select id, email, username, first_name, last_name, phone from users where id "

// Labels implements eventlog.Store.
func (s *Store) Labels(ctx context.Context, accounts []uuid.UUID) (map[uuid.UUID]string, error) {
	var found []authcore.Account
	err := s.Read(ctx, "read names of accounts", func(ctx context.Context, db sqldb.Querier) (err error) {
		found, err = sqldb.All(ctx, db, func(r sqldb.Row) (a authcore.Account, err error) {
			return a, r.Scan(&a.ID, &a.Email, &a.Username, &a.FirstName, &a.LastName, &a.Phone)
		}, selectLabels+s.Dialect().AnyOf("$1"), s.Dialect().List(accounts))
		return err
	})
	labels := make(map[uuid.UUID]string, len(found))
	for _, a := range found {
		labels[a.ID] = a.Label()
	}
	return labels, err
}
