package sqlstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// sessionSearch is a list of sessions in the making. What leads it has an index that finds the rows in the order of the list, or an account's
// few; of these at most admin.Tested are tested for the rest.
type sessionSearch struct {
	args  []any
	leads string
	led   bool
	rest  []sessionTest
}

// sessionTest is a condition that is tested. Its parameter comes after all those of what leads.
type sessionTest struct {
	condition string
	value     any
}

func (l *sessionSearch) place(v any) string {
	l.args = append(l.args, v)
	return "$" + strconv.Itoa(len(l.args))
}

// filter adds a condition: of the first the index leads, and the others are written so that no index answers them, for what fits both is
// not looked for in two.
func (l *sessionSearch) filter(lead, test string, value any) {
	if l.led {
		l.rest = append(l.rest, sessionTest{test, value})
		return
	}
	l.led, l.leads = true, l.leads+" and "+lead+l.place(value)
}

// hostOf is the host in the origin of a session, as the index of hosts has it.
func (s *Store) hostOf() string {
	if s.Dialect().Name == sqldb.Postgres {
		return "split_part(host, '://', 2)"
	}
	return "substr(host, instr(host, '://') + 3)"
}

// searchSessions chooses what leads: what is rarest.
func (s *Store) searchSessions(q admin.SessionQuery) *sessionSearch {
	l := &sessionSearch{leads: "revoked_at is null"}
	if q.Account != uuid.Nil { // the account's index knows of all; none of the others is of use
		l.leads = "coalesce(revoked_at, 0) = 0"
	}
	if q.Account != uuid.Nil {
		l.filter("account_id = ", "account_id = ", q.Account)
	}
	if q.Host != "" {
		l.filter("host is not null and "+s.hostOf()+" = ", "coalesce("+s.hostOf()+", '') = ", q.Host)
	}
	if q.Addr != "" { // it never leads: refreshes change addresses, and an index of them would make each dearer
		l.rest = append(l.rest, sessionTest{"addr = ", q.Addr})
	}
	if !q.Older.IsZero() {
		l.leads += " and (created_at, id) < (" + l.place(micros(q.Older.At)) + ", " + l.place(q.Older.ID) + ")"
	}
	return l
}

func (l *sessionSearch) tests() (text string) {
	for _, t := range l.rest {
		text += " and " + t.condition + l.place(t.value)
	}
	return text
}

const newestSessions = " order by created_at desc, id desc limit "

// end finds the last of the rows that are tested.
func (l *sessionSearch) end() string {
	return "select created_at, id from sessions where " + l.leads + newestSessions + "1 offset " + strconv.Itoa(admin.Tested-1)
}

// page is the statement of a page: of the live ones that fit down to a row, as many as are asked for.
func (l *sessionSearch) page(q admin.SessionQuery, tested cursor.Position) string {
	text := "select " + sessionColumns + " from sessions where " + l.leads
	if !tested.IsZero() {
		at := l.place(micros(tested.At))
		text += " and (created_at, id) >= (" + at + ", " + l.place(tested.ID) + ") and created_at >= " + at // Postgres knows of the second alone how few rows those are
	}
	now := l.place(micros(q.Now))
	return text + l.tests() + " and refresh_expires_at > " + now + " and expires_at > " + now + // see live
		" and account_epoch = (select epoch from users where users.id = sessions.account_id)" + newestSessions + l.place(q.Limit+1)
}

// SessionsOfAll implements admin.SessionStore.
func (s *Store) SessionsOfAll(ctx context.Context, q admin.SessionQuery) (p admin.SessionPage, err error) {
	err = s.Read(ctx, "list sessions of everybody", func(ctx context.Context, db sqldb.Querier) error {
		l := s.searchSessions(q)
		p.Next, err = sqldb.One(ctx, db, scanPosition, l.end(), l.args...)
		if err != nil && !errors.Is(err, authcore.ErrNotFound) { // with fewer rows none is left to test
			return err
		}
		if p.Sessions, err = sqldb.All(ctx, db, scanSession, l.page(q, p.Next), l.args...); err != nil {
			return err
		}
		if len(p.Sessions) > q.Limit {
			p.Sessions = p.Sessions[:q.Limit]
			end := p.Sessions[q.Limit-1]
			p.Next = cursor.Position{At: end.CreatedAt, ID: end.ID}
		}
		return nil
	})
	return p, err
}

const endSessionsOfAll = `update sessions set revoked_at = $1, successor = null
	where revoked_at is null and id in (select id from sessions
		where revoked_at is null and (refresh_expires_at > $1 or access_until > $1) and id `

// EndSessions implements admin.SessionStore.
func (s *Store) EndSessions(ctx context.Context, ids []uuid.UUID, now time.Time, told session.Told) (ended []authcore.Revocation, err error) {
	err = s.change(ctx, "end sessions", func(ctx context.Context, q *tx) error {
		text := endSessionsOfAll + s.Dialect().AnyOf("$2") + " order by id" + s.Dialect().ForUpdate + ")" + whatEnded
		if ended, err = revokeThose(ctx, q, text, now, micros(now), s.Dialect().List(ids)); err != nil {
			return err
		}
		parents := map[uuid.UUID][]uuid.UUID{}
		for _, r := range ended {
			parents[r.AccountID] = append(parents[r.AccountID], r.SessionID)
		}
		for account, of := range parents {
			children, err := s.endChildren(ctx, q, account, of, now)
			if err != nil {
				return err
			}
			ended = append(ended, children...)
		}
		if len(ended) == 0 {
			return authcore.ErrNotFound
		}
		return record(ctx, q, told(ended))
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}
