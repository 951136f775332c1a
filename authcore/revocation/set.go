package revocation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Set is this node's view of what is revoked. It is exact: nothing that was applied is
// forgotten before its Until, and nothing that was not applied is reported.
//
// Check takes no lock and allocates nothing, so requests on all processors read side by
// side; Apply and Sweep lock one of the 64 parts of a table at a time. All methods are
// safe for concurrent use. A revocation takes 43 to 53 bytes of memory.
type Set struct {
	now      func() time.Time
	sessions table // value unused
	epochs   table // value: lowest epoch still accepted
	roles    table // value: lowest roles version still accepted
}

// sweepGrace is how long after its Until a revocation is still kept, for the case that
// the clock was ahead when the sweep ran.
const sweepGrace = time.Minute

// NewSet returns an empty set. A nil now means [time.Now].
func NewSet(now func() time.Time) *Set {
	if now == nil {
		now = time.Now
	}
	s := &Set{now: now}
	for _, t := range []*table{&s.sessions, &s.epochs, &s.roles} {
		t.seed = [2]uint64{rand.Uint64(), rand.Uint64()}
	}
	return s
}

// Check reports what is known of a session whose token carries the given epoch and
// roles version. It does not look at the clock: an entry whose Until has passed may
// still answer Revoked until it is swept, when every token it concerns has expired.
func (s *Set) Check(session, account uuid.UUID, epoch, rolesVersion int64) authcore.Verdict {
	if s.sessions.live.Load() != 0 {
		if _, found := s.sessions.get(session); found {
			return authcore.Revoked
		}
	}
	if s.epochs.live.Load() != 0 {
		if lowest, found := s.epochs.get(account); found && epoch < lowest {
			return authcore.Revoked
		}
	}
	if s.roles.live.Load() != 0 {
		if lowest, found := s.roles.get(account); found && rolesVersion < lowest {
			return authcore.Outdated
		}
	}
	return authcore.Live
}

// Apply takes revocations in. When it returns, every later Check heeds them. Applying
// one twice, or several in any order, gives the same set: the latest Until and the
// highest epoch and roles version win. A revocation that names neither a session nor an
// account is ignored.
func (s *Set) Apply(rs ...authcore.Revocation) {
	for _, r := range rs {
		until := r.Until.UnixMicro()
		switch {
		case r.SessionID != uuid.Nil:
			s.sessions.put(r.SessionID, 0, until)
		case r.AccountID != uuid.Nil:
			if r.Epoch > 0 {
				s.epochs.put(r.AccountID, r.Epoch, until)
			}
			if r.RolesVersion > 0 {
				s.roles.put(r.AccountID, r.RolesVersion, until)
			}
		}
	}
}

// Source returns revocations with Seq greater than after that still matter at now, in
// order of Seq; none when there are no more. [authcore.SessionStore.LiveRevocations] is
// one.
type Source func(ctx context.Context, after int64, now time.Time) ([]authcore.Revocation, error)

// Load applies everything source has after the given sequence number, page by page, and
// returns the highest sequence number seen. What was applied before an error stays.
func (s *Set) Load(ctx context.Context, source Source, after int64) (last int64, err error) {
	for last = after; ; {
		rs, err := source(ctx, last, s.now())
		if err != nil {
			return last, fmt.Errorf("reading revocations after %d: %w", last, err)
		}
		s.Apply(rs...)
		before := last
		for _, r := range rs {
			last = max(last, r.Seq)
		}
		if last == before {
			return last, nil
		}
	}
}

// Len returns the number of entries; an account whose epoch and roles version are both
// revoked counts twice.
func (s *Set) Len() int {
	return int(s.sessions.live.Load() + s.epochs.live.Load() + s.roles.live.Load())
}

// Sweep drops the entries whose Until passed more than a minute ago and returns how many
// that were. It works part by part and never holds up a Check; parts in which nothing
// can have expired are not looked at. Meant to be called about once a minute.
func (s *Set) Sweep() (dropped int) {
	before := s.now().Add(-sweepGrace).UnixMicro()
	return s.sessions.sweep(before) + s.epochs.sweep(before) + s.roles.sweep(before)
}

// Interface guards
var _ authcore.Revocations = (*Set)(nil)
