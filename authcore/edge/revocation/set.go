package revocation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Set is this node's snapshot of what is revoked. It is exact: nothing that was applied is
// forgotten before its Until, and nothing that was not applied is reported.
//
// Check takes no lock and allocates nothing, so requests on all processors read side by
// side; Apply and Sweep lock one of the 64 parts at a time. All methods are safe for
// concurrent use. A revocation takes 45 to 57 bytes of memory.
type Set struct {
	now   func() time.Time
	seed  [2]uint64
	live  atomic.Int64 // entries in all parts, changed under each one's lock; zero lets Check return at once
	parts [parts]shard

	watcher atomic.Pointer[func([]authcore.Revocation)]
}

// sweepGrace is how long after its Until a revocation is still kept, for the case that
// the clock was ahead when the sweep ran.
const sweepGrace = time.Minute

// NewSet returns an empty set. A nil now means [time.Now].
func NewSet(now func() time.Time) *Set {
	if now == nil {
		now = time.Now
	}
	return &Set{now: now, seed: [2]uint64{rand.Uint64(), rand.Uint64()}}
}

// Watch has news called with whatever says more than the set knew, once the set heeds it. news must not block, and keeps no
// hold of what it gets. There is one watcher.
func (s *Set) Watch(news func([]authcore.Revocation)) { s.watcher.Store(&news) }

// Apply takes revocations in. When it returns, every later Check heeds them. Applying
// one twice, or several in any order, gives the same set: the latest Until and the
// highest epoch and roles version win. A revocation that names neither a session nor an
// account is ignored.
func (s *Set) Apply(rs ...authcore.Revocation) {
	watcher := s.watcher.Load()
	var news []authcore.Revocation
	for _, r := range rs {
		if s.apply(r) && watcher != nil {
			news = append(news, r)
		}
	}
	if len(news) > 0 {
		(*watcher)(news)
	}
}

func (s *Set) apply(r authcore.Revocation) (news bool) {
	until := r.Until.UnixMicro()
	switch {
	case r.SessionID != uuid.Nil:
		return s.put(ofSession, r.SessionID, r.RolesVersion, until)
	case r.AccountID != uuid.Nil:
		if r.Epoch > 0 {
			news = s.put(ofEpoch, r.AccountID, r.Epoch, until)
		}
		if r.RolesVersion > 0 {
			news = s.put(ofRoles, r.AccountID, r.RolesVersion, until) || news
		}
	}
	return news
}

func (s *Set) put(kind int, id uuid.UUID, value, until int64) (news bool) {
	k := keyed(&s.seed, id)
	return s.shard(k).put(s, kind, k, value, until)
}

// Source is the database. It returns the revocations whose Until is after now with Seq greater than after, in order of Seq: the first
// ones, up to a page of its choosing, and none only when there are no more. Who wants all asks again after the last one's Seq. A row
// may show after others with a higher Seq. Two are returned, while they are stored, even if their Until has passed: that with Seq
// after+1, for who knows it, and finds it, knows that no number from there on means anything else; and the newest of all, so that who
// has read all goes on behind those that have ended.
type Source func(ctx context.Context, after int64, now time.Time) ([]authcore.Revocation, error)

// Load applies everything source has after the given sequence number, one page after the
// other so that no more than one is held, and returns the highest sequence number seen.
// What was applied before an error stays. A row that shows only after the page it belongs
// to was read is not applied: who needs it loads again from further back.
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
func (s *Set) Len() int { return int(s.live.Load()) }

// Sweep drops the entries whose Until passed more than a minute before at and returns how many
// that were. It works part by part and never holds up a Check; parts in which nothing
// can have expired are not looked at. Meant to be called about once a minute.
func (s *Set) Sweep(at time.Time) (dropped int) {
	before := at.Add(-sweepGrace).UnixMicro()
	for i := range s.parts {
		dropped += s.parts[i].sweep(s, before)
	}
	return dropped
}

// Interface guards
var _ authcore.Revocations = (*Set)(nil)
