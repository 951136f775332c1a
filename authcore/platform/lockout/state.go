package lockout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// runLimit is how long a try may take. One of which nothing was heard for longer counts as a failure: its node died.
const runLimit = 30 * time.Second

// state is what is known of one name. Its methods are the rules; they do no I/O.
type state struct {
	tries []try     // within the window, oldest first
	until time.Time // while locks > 0: the end of the last lock, or a later try
	locks int       // since the last success
}

// try is a running attempt, or one that failed.
type try struct {
	id     uint64
	at     time.Time
	failed bool
}

// expire forgets what time has made void.
func (s *state) expire(now time.Time, p *Policy) {
	// A lock longer than the policy's longest: the clock went back or the policy changed.
	if latest := now.Add(p.Max); s.until.After(latest) {
		s.until = latest
	}
	kept := s.tries[:0]
	failed := 0
	for _, t := range s.tries {
		if t.at.After(now) {
			t.at = now
		}
		t.failed = t.failed || now.Sub(t.at) > runLimit
		if now.Sub(t.at) < p.Window {
			kept = append(kept, t)
			if t.failed {
				failed++
			}
		}
	}
	// After the policy became stricter, or a node died, the next failure locks.
	s.tries = slices.DeleteFunc(kept, func(t try) bool {
		if !t.failed || failed < p.Failures {
			return false
		}
		failed--
		return true
	})
	if len(s.tries) == 0 && now.Sub(s.until) >= p.Window {
		s.locks = 0
	}
}

// lockedFor returns how much longer the name is locked; 0 or less: it is not.
func (s *state) lockedFor(now time.Time) time.Duration {
	if s.locks == 0 {
		return 0
	}
	return s.until.Sub(now)
}

// begin lets a try run, if there is a place. Running tries count as failures, so that of any number of parallel wrong
// passwords no more than Failures are tried (L08).
func (s *state) begin(id uint64, now time.Time, p *Policy) bool {
	if len(s.tries) >= p.Failures {
		return false
	}
	s.tries = append(s.tries, try{id: id, at: now})
	s.touch(now)
	return true
}

// fail counts a failure and reports whether it locked. A try that a success has forgotten meanwhile counts all the same.
func (s *state) fail(id uint64, now time.Time, p *Policy) (locked bool) {
	s.remove(id)
	s.tries = append(s.tries, try{id: id, at: now, failed: true})
	s.touch(now)
	failed := 0
	for _, t := range s.tries {
		if t.failed {
			failed++
		}
	}
	if failed < p.Failures {
		return false
	}
	s.forgetFailures()
	s.until = now.Add(p.length(s.locks))
	s.locks++
	return true
}

// succeed forgets failures, lock and doubling. Tries that still run stay: their results are not known.
func (s *state) succeed(id uint64, now time.Time) {
	s.remove(id)
	s.forgetFailures()
	s.until, s.locks = now, 0
}

func (s *state) forgetFailures() {
	s.tries = slices.DeleteFunc(s.tries, func(t try) bool { return t.failed })
}

// touch keeps the end of a row, by which it is swept, no earlier than its last change.
func (s *state) touch(now time.Time) {
	if now.After(s.until) {
		s.until = now
	}
}

// remove takes back a try.
func (s *state) remove(id uint64) {
	s.tries = slices.DeleteFunc(s.tries, func(t try) bool { return t.id == id })
}

// has reports whether a try counts.
func (s *state) has(id uint64) bool {
	return slices.ContainsFunc(s.tries, func(t try) bool { return t.id == id })
}

// read takes over a row; a zero one is of a name of which nothing is known. What no node writes is left out of its tries.
func read(row authcore.Lockout) *state {
	s := &state{until: row.Until, locks: row.Level + 1}
	if row.Key == "" {
		s.locks = 0
	}
	for text := range strings.FieldsSeq(row.Tries) {
		id, rest, _ := strings.Cut(text, "@")
		at, failed := strings.CutSuffix(rest, "!")
		number, err := strconv.ParseUint(id, 16, 64)
		micros, err2 := strconv.ParseInt(at, 10, 64)
		if err == nil && err2 == nil {
			s.tries = append(s.tries, try{number, time.UnixMicro(micros), failed})
		}
	}
	return s
}

// row returns the state as it is stored under a key; a zero one when there is nothing to store.
func (s *state) row(key string, p *Policy) (row authcore.Lockout) {
	if len(s.tries) == 0 && s.locks == 0 {
		return row
	}
	last := s.until
	var b strings.Builder
	for i, t := range s.tries {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%x@%d", t.id, t.at.UnixMicro())
		if t.failed {
			b.WriteByte('!')
		}
		if t.at.After(last) {
			last = t.at
		}
	}
	return authcore.Lockout{Key: key, Until: s.until, Level: s.locks - 1, Tries: b.String(), VoidAt: last.Add(p.Window)}
}

// same reports whether two rows say the same.
func same(a, b authcore.Lockout) bool {
	return a.Key == b.Key && a.Until.Equal(b.Until) && a.Level == b.Level && a.Tries == b.Tries
}
