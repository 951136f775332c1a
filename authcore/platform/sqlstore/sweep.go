package sqlstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	sweepBatch = 500
	// sessionPage and sessionPages bound how much of the sessions table one sweep looks at; the next goes on from there.
	sessionPage  = 1000
	sessionPages = 100
	// successorKept is longer than any leeway.
	successorKept = time.Minute
	mailKept      = 7 * 24 * time.Hour
	// expiredKept is how long rows outlive the time from which nothing is done with them any more. Should the clock that a
	// sweep goes by be wrong, then what it took for expired is there when it is right again: a revocation above all, without
	// which a node that starts would take the revoked token.
	expiredKept = time.Hour
)

// Each removes at most a batch, so that no lock is held for long, and waits for nobody: what is locked goes next
// time. $1 is the time past which rows go, $2 the batch.
const (
	sweepRegistrations = `delete from registrations where id in
		(select id from registrations where expires_at <= $1 order by expires_at limit $2`
	// An expired challenge stays while its spent attempts count.
	sweepChallenges = `delete from challenges where expires_at <= $1 and id in
		(select id from challenges where expires_at <= $1 and (attempts_reset_at is null or attempts_reset_at <= $1)
			order by expires_at limit $2`
	sweepRevocations = `delete from revocations where seq in
		(select seq from revocations where until <= $1 order by until limit $2`
	sweepMails = `delete from outbox where id in
		(select id from outbox where done_at is not null and done_at <= $1 order by done_at limit $2`
	// A row of a node of the release before says nothing of when it is void; its doubling is forgotten then.
	sweepLockouts = `delete from lockouts where until <= $1 and void_at <= $1 and key in
		(select key from lockouts where until <= $1 and void_at <= $1 order by until limit $2`
)

// Sweep implements authcore.Store. It works in small steps; stopped half-way, it has removed some.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	if err := s.eraseSuccessors(ctx, now); err != nil {
		return err
	}
	for _, step := range []struct {
		name, text string
		before     time.Time
	}{
		{"sweep registrations", sweepRegistrations, now.Add(-expiredKept)},
		{"sweep challenges", sweepChallenges, now.Add(-expiredKept)},
		{"sweep revocations", sweepRevocations, now.Add(-expiredKept)},
		{"sweep mails", sweepMails, now.Add(-mailKept)},
		{"sweep lockouts", sweepLockouts, now.Add(-expiredKept)},
	} {
		for more := true; more; {
			err := s.single(ctx, step.name, func(ctx context.Context, q querier) error {
				n, err := exec(ctx, q, step.text+s.sql.skipLocked+")", micros(step.before), sweepBatch)
				more = n == sweepBatch
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return s.sweepSessions(ctx, now)
}

// sweepCursor is how far the walk through the sessions has come.
type sweepCursor struct {
	mu   sync.Mutex // held during a walk
	last uuid.UUID
}

// No column of a refresh is indexed, so dead sessions are found by walking the primary key.
const (
	endOfPage  = "select id from sessions where id > $1 order by id limit 1 offset $2"
	deleteDead = `delete from sessions where id > $1 and id <= $2 and (access_until is null or access_until <= $3)
		and (revoked_at is not null or refresh_expires_at <= $3 or expires_at <= $3)`
	eraseLeftOver = `update sessions set successor = null
		where id > $1 and id <= $2 and successor is not null and rotated_at <= $3`
)

func scanID(r row) (id uuid.UUID, err error) { return id, r.Scan(&id) }

func (s *Store) sweepSessions(ctx context.Context, now time.Time) error {
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	for range sessionPages {
		from, to, last := s.sweep.last, uuid.Max, false
		err := s.read(ctx, "walk sessions", func(ctx context.Context, q querier) error {
			end, err := one(ctx, q, scanID, endOfPage, from, sessionPage-1)
			if last = errors.Is(err, authcore.ErrNotFound); last {
				return nil
			}
			to = end
			return err
		})
		if err != nil {
			return err
		}
		err = s.write(ctx, "sweep sessions", func(ctx context.Context, q querier) error {
			if _, err := exec(ctx, q, deleteDead, from, to, micros(now.Add(-expiredKept))); err != nil {
				return err
			}
			_, err := exec(ctx, q, eraseLeftOver, from, to, micros(now.Add(-successorKept)))
			return err
		})
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
		ids, last := s.erase.take(now)
		if len(ids) == 0 {
			return nil
		}
		err := s.single(ctx, "erase sealed successors", func(ctx context.Context, q querier) error {
			_, err := exec(ctx, q, eraseThose+s.sql.anyOf("$2"), micros(last), s.sql.list(ids))
			return err
		})
		if err != nil {
			return err
		}
	}
}
