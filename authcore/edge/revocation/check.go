package revocation

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Check reports what is known of a session whose token carries the given epoch and
// roles version. It does not look at the clock: an entry whose Until has passed may
// still answer Revoked until it is swept, when every token it concerns has expired.
func (s *Set) Check(session, account uuid.UUID, epoch, rolesVersion int64) authcore.Verdict {
	if s.live.Load() == 0 {
		return authcore.Valid
	}
	// Both are asked before either answers, so that the processor waits for memory once.
	byID, byAccount := keyed(&s.seed, session), keyed(&s.seed, account)
	p, q := s.shard(byID), s.shard(byAccount)
	sessionLive, accountLive := p.excludes(byID), q.excludes(byAccount)
	if !sessionLive {
		if value, found := p.tables[ofSession].get(byID); found {
			if value == authcore.SessionReplaced {
				return authcore.Replaced
			}
			return authcore.Revoked
		}
	}
	if accountLive {
		return authcore.Valid
	}
	if lowest, found := q.tables[ofEpoch].get(byAccount); found && epoch < lowest {
		return authcore.Revoked
	}
	if lowest, found := q.tables[ofRoles].get(byAccount); found && rolesVersion < lowest {
		return authcore.RolesChanged
	}
	return authcore.Valid
}

func (s *Set) shard(k key) *shard { return &s.parts[k.h>>(64-partBits)] }

// excludes reports that nothing is known of an id. A part whose filter is not yet there, or is about to be replaced, may
// lack only what an Apply that has not returned is putting in.
func (p *shard) excludes(k key) bool {
	f := p.filter.Load()
	return f == nil || f.excludes(k.h)
}

// excludes reports that an id with this hash was never marked.
func (f *filter) excludes(h uint64) bool {
	m := mask(h)
	return f.word(h).Load()&m != m
}

// word takes the bits of the hash below those that choose the part; mask takes the lowest.
func (f *filter) word(h uint64) *atomic.Uint64 {
	at, _ := bits.Mul64(h<<partBits, uint64(len(f.words)))
	return &f.words[at]
}

func mask(h uint64) uint64 {
	return 1<<(h&63) | 1<<(h>>6&63) | 1<<(h>>12&63) | 1<<(h>>18&63)
}

// Exceeds reports whether the snapshot is older than bound, or is of before a pause of this process, however
// short that was against bound: a request must not be answered by it then. It takes no lock. It finds out
// by itself, for after a pause a request may run before any worker does. Pauses of less than two and a half seconds
// go unnoticed, and all of them while Watch does not run.
func (f *Staleness) Exceeds(bound time.Duration) bool {
	// A pause between these two must not go unnoticed either, so the clock comes last.
	s := f.state.Load()
	now := momentOf(f.now())
	return s.asleep || s.asOf.IsZero() || now.since(s.asOf) > bound || now.suspended(s.tick)
}

// state is what a request needs to know, at one moment.
type state struct {
	asOf   moment // the snapshot is complete up to here
	tick   moment
	asleep bool // the process was paused, and nothing that began after that has confirmed the snapshot
}

// moment is a time with its wall clock apart, which takes a while to work out.
type moment struct {
	time.Time
	wall int64 // in nanoseconds
}

func momentOf(t time.Time) moment { return moment{t, t.UnixNano()} }

// since returns how long ago an earlier moment was, by the clock that has moved further.
func (m moment) since(earlier moment) time.Duration {
	return max(m.Sub(earlier.Time), time.Duration(m.wall-earlier.wall), 0)
}

// suspended reports whether the process was paused between a tick, if there was one, and m.
func (m moment) suspended(tick moment) bool { return !tick.IsZero() && m.since(tick) > suspendedFor }
