package sqlstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	sweepBatch = 500
	// sweepBatches bounds what one sweep takes from a table: what a shorter retention leaves over must not keep SQLite's one writer busy.
	sweepBatches = 40
	// sessionPage and sessionPages bound how much of the sessions table one sweep looks at; the next goes on from there.
	sessionPage  = 1000
	sessionPages = 100
	// successorKept is longer than any leeway.
	successorKept = 2 * time.Minute
	mailKept      = 7 * 24 * time.Hour
	nodeKept      = time.Hour            // so long a node that was killed shows as lost
	statsKept     = 400 * 24 * time.Hour // a year, and what one compares it with
	// expiredKept is how long rows outlive the time from which nothing is done with them any more. Should the clock that a
	// sweep goes by be wrong, then what it took for expired is there when it is right again: a revocation above all, without
	// which a node that starts would take the revoked token.
	expiredKept = time.Hour
)

// expired is what goes from a table by an index alone. $1 is the time past which rows go.
type expired struct {
	table, key string
	dead       string
	since      string // the indexed column
	kept       time.Duration
	empty      string // what of the row goes instead of all of it
}

// expiries are all that expires, under what is kept by choice.
func expiries(r authcore.Retention) []expired {
	return []expired{
		{table: "registrations", key: "id", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		// An expired challenge stays while its spent attempts count.
		{table: "challenges", key: "id", dead: "expires_at <= $1 and (attempts_reset_at is null or attempts_reset_at <= $1)", since: "expires_at", kept: expiredKept},
		{table: "revocations", key: "seq", dead: "until <= $1", since: "until", kept: expiredKept},
		{table: "security_links", key: "id", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "pending_signins", key: "id", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "social_starts", key: "id", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "social_tokens", key: "id", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "used_tokens", key: "digest", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "dialect_tokens", key: "digest", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "provider_sessions", key: "session_id", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "factors", key: "id", dead: "confirmed_at is null and expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "outbox", key: "id", dead: "done_at is not null and done_at <= $1", since: "done_at", kept: mailKept},
		// A row of a node of the release before says nothing of when it is void; its doubling is forgotten then.
		{table: "lockouts", key: "key", dead: "until <= $1 and void_at <= $1", since: "until", kept: expiredKept},
		{table: "users", key: "id", dead: "pending_email_until <= $1", since: "pending_email_until", kept: expiredKept,
			empty: "pending_email = '', pending_email_until = null"},
		{table: "users", key: "id", dead: "pending_phone_until <= $1", since: "pending_phone_until", kept: expiredKept,
			empty: "pending_phone = '', pending_phone_until = null"},
		{table: "events", key: "id", dead: "at <= $1", since: "at", kept: r.Events},
		{table: "devices", key: "id", dead: "last_seen_at <= $1", since: "last_seen_at", kept: r.Devices},
		{table: "nodes", key: "id", dead: "seen_at <= $1", since: "seen_at", kept: nodeKept},
		{table: "blocks", key: "id", dead: "expires_at <= $1", since: "expires_at", kept: expiredKept},
		{table: "block_hits", key: "rule_id", dead: "last_hit_at <= $1", since: "last_hit_at", kept: r.Events},
		{table: "stats", key: "hour", dead: "hour <= $1", since: "hour", kept: statsKept},
		// A used one goes with the account that it made.
		{table: "invitations", key: "id", dead: "used_at is null and expires_at <= $1", since: "expires_at", kept: r.Invitations},
	}
}

// WithRetention returns a Store on the same database whose sweeps keep rows for so long.
func (s *Store) WithRetention(r authcore.Retention) *Store {
	derived := *s
	derived.retention = r
	return &derived
}

// some is a query that counts to one: whether there is anything to do is looked at before, for to write, be it nothing, takes SQLite's
// One writer and costs Postgres a transaction.
func some(from string) string {
	return "select count(*) from (select 1 from " + from + " limit 1) as dead"
}

func (e expired) look() string { return some(e.table + " where " + e.dead + " order by " + e.since) }

// remove removes at most a batch, so that no lock is held for long, and waits for nobody: what is locked goes next time.
func (e expired) remove(skipLocked string) string {
	remove := "delete from " + e.table
	if e.empty != "" {
		remove = "update " + e.table + " set " + e.empty
	}
	return remove + " where " + e.dead + " and " + e.key + " in (select " + e.key + " from " + e.table +
		" where " + e.dead + " order by " + e.since + " limit $2" + skipLocked + ")"
}

// Sweep implements storetest.Store. It works in small steps; stopped half-way, it has removed some.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	if err := s.eraseSuccessors(ctx, now); err != nil {
		return err
	}
	for _, e := range expiries(s.retention.OrDefault()) {
		if err := s.sweepExpired(ctx, e, now.Add(-e.kept)); err != nil {
			return err
		}
	}
	if err := s.sweepSMS(ctx, now); err != nil {
		return err
	}
	if err := s.sweepLate(ctx); err != nil {
		return err
	}
	if err := s.sweepSessions(ctx, now); err != nil {
		return err
	}
	return s.scrub(ctx)
}

func (s *Store) sweepExpired(ctx context.Context, e expired, before time.Time) error {
	var found int64
	err := s.Read(ctx, "look for expired "+e.table, func(ctx context.Context, q sqldb.Querier) (err error) {
		found, err = sqldb.One(ctx, q, sqldb.ScanInt, e.look(), micros(before))
		return err
	})
	more := found > 0
	for n := 0; more && err == nil && n < sweepBatches; n++ {
		err = s.Single(ctx, "sweep "+e.table, func(ctx context.Context, q sqldb.Querier) error {
			n, err := sqldb.Exec(ctx, q, e.remove(s.Dialect().SkipLocked), micros(before), sweepBatch)
			more = n == sweepBatch
			return err
		})
	}
	return err
}

// sweepCursor is how far the walk through the sessions has come.
type sweepCursor struct {
	mu   sync.Mutex // held during a walk
	last uuid.UUID
}

// No column of a refresh is indexed, so dead sessions are found by walking the primary key.
const (
	endOfPage = "select id from sessions where id > $1 order by id limit 1 offset $2"
	ofPage    = "sessions where id > $1 and id <= $2 and "
	dead      = "(access_until is null or access_until <= $3) and (revoked_at is not null or refresh_expires_at <= $3 or expires_at <= $3)"
	leftOver  = "successor is not null and rotated_at <= "

	deleteDead    = "delete from " + ofPage + dead
	eraseLeftOver = "update sessions set successor = null where id > $1 and id <= $2 and " + leftOver + "$3"
)

var lookAtPage = some(ofPage + "(" + dead + " or " + leftOver + "$4)")

func scanID(r sqldb.Row) (id uuid.UUID, err error) { return id, r.Scan(&id) }

func (s *Store) sweepSessions(ctx context.Context, now time.Time) error {
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	for range sessionPages {
		from, to, last, found := s.sweep.last, uuid.Max, false, int64(0)
		ended, rotated := micros(now.Add(-expiredKept)), micros(now.Add(-successorKept))
		err := s.Read(ctx, "walk sessions", func(ctx context.Context, q sqldb.Querier) error {
			end, err := sqldb.One(ctx, q, scanID, endOfPage, from, sessionPage-1)
			if last = errors.Is(err, authcore.ErrNotFound); !last {
				if err != nil {
					return err
				}
				to = end
			}
			found, err = sqldb.One(ctx, q, sqldb.ScanInt, lookAtPage, from, to, ended, rotated)
			return err
		})
		if err == nil && found > 0 {
			err = s.Write(ctx, "sweep sessions", func(ctx context.Context, q sqldb.Querier) error {
				if _, err := sqldb.Exec(ctx, q, deleteDead, from, to, ended); err != nil {
					return err
				}
				_, err := sqldb.Exec(ctx, q, eraseLeftOver, from, to, rotated)
				return err
			})
		}
		if err != nil {
			return err
		}
		if last {
			s.sweep.last = uuid.Nil
			return nil
		}
		s.sweep.last = to
	}
	return nil
}

// erasures remembers which sealed successors this store has written, so that the next sweep erases them without a
// search. Those of a process that died are found by the walk.
type erasures struct {
	mu      sync.Mutex
	rotated map[uuid.UUID]erasure
}

// erasure is the last rotation of a session, and when its leeway is over.
type erasure struct{ at, due time.Time }

// erasuresKept bounds the memory for it.
const erasuresKept = 100_000

func (e *erasures) later(session uuid.UUID, now time.Time, leeway time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.rotated == nil {
		e.rotated = make(map[uuid.UUID]erasure)
	}
	if _, known := e.rotated[session]; known || len(e.rotated) < erasuresKept {
		e.rotated[session] = erasure{at: now, due: now.Add(leeway)}
	}
}

// take returns up to a batch of sessions whose leeway is over, and when the last of them was rotated.
func (e *erasures) take(now time.Time) (ids []uuid.UUID, last time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, r := range e.rotated {
		if r.due.After(now) {
			continue
		}
		delete(e.rotated, id)
		if r.at.After(last) {
			last = r.at
		}
		if ids = append(ids, id); len(ids) == sweepBatch {
			break
		}
	}
	return ids, last
}

// A session that was rotated again meanwhile, here or elsewhere, has a newer successor, which stays.
const eraseThose = "update sessions set successor = null where successor is not null and rotated_at <= $1 and id "

func (s *Store) eraseSuccessors(ctx context.Context, now time.Time) error {
	for {
		ids, last := s.erasures.take(now)
		if len(ids) == 0 {
			return nil
		}
		err := s.Single(ctx, "erase sealed successors", func(ctx context.Context, q sqldb.Querier) error {
			_, err := sqldb.Exec(ctx, q, eraseThose+s.Dialect().AnyOf("$2"), micros(last), s.Dialect().List(ids))
			return err
		})
		if err != nil {
			return err
		}
	}
}
