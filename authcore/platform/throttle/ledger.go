package throttle

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// clocksDiffer bounds by how much the clocks of two nodes do: both go by the database's.
const clocksDiffer = time.Second

// ledger is what a node knows of a name by itself, beside what Redis tells: failures of its own tries, and locks that it made
// or read from the store. Redis's word alone takes nothing from it, for others may write there: time does, a success or
// reset of this node, the pardon of another one, and the store.
type ledger struct {
	failures []time.Time // within the window, oldest first
	until    time.Time   // end of the last lock
	locks    int         // locks since the last success
	pardoned time.Time   // the newest pardon that was heeded
}

// settle forgets what time has made void.
func (o *ledger) settle(now time.Time, policy *Policy, idle bool) {
	kept := o.failures[:0]
	for _, at := range o.failures {
		if at.After(now) {
			at = now
		}
		if now.Sub(at) < policy.Window {
			kept = append(kept, at)
		}
	}
	o.failures = kept[max(0, len(kept)-policy.Failures+1):]
	if o.pardoned.After(now) { // the clock went back
		o.pardoned = now
	}
	if len(kept) == 0 && idle && now.Sub(o.until) >= policy.Window {
		o.locks = 0
	}
}

// heed forgets what a pardon is for. Each counts once, when it is first heard of: repeated, it would reach as far beyond
// its moment as clocks differ, again and again. One from the future waits.
func (o *ledger) heed(pardon, now time.Time, policy *Policy) {
	if !pardon.After(o.pardoned) || pardon.After(now.Add(clocksDiffer)) {
		return
	}
	o.pardoned = pardon
	o.drop(pardon.Add(clocksDiffer))
	if o.locks > 0 && !pardon.Before(o.until.Add(-policy.length(o.locks-1))) { // the last lock had begun
		o.locks = 0
	}
}

// drop forgets the failures up to a moment.
func (o *ledger) drop(upTo time.Time) {
	kept := o.failures[:0]
	for _, at := range o.failures {
		if at.After(upTo) {
			kept = append(kept, at)
		}
	}
	o.failures = kept
}

// add counts a failure and reports whether there are as many as lock.
func (o *ledger) add(now time.Time, policy *Policy) bool {
	o.settle(now, policy, false)
	o.failures = append(o.failures, now)
	return len(o.failures) >= policy.Failures
}

// lock notes a lock that this node made.
func (o *ledger) lock(until time.Time, locks int) { o.failures, o.until, o.locks = nil, until, locks }

// clear forgets all but the pardon of this very moment, which others will repeat.
func (o *ledger) clear(at time.Time) { *o = ledger{pardoned: at} }

// falls reports whether a lock that Redis tells of, at a failure of this node, falls short of what this node knows: then
// somebody took something out of Redis.
func (n *name) falls(now time.Time, policy *Policy) bool {
	return n.locks <= n.own.locks || n.until.Before(now.Add(policy.length(n.own.locks)-clocksDiffer))
}

// insist decides after a failure by what this node counted itself, where Redis says otherwise: told is whether it told of
// a lock. The store has the last word, asked once: failures from before a lock that another node made led to that one, and
// a row that is gone was cleared by a success. Where the store does not say, the name is locked.
func (t *try) insist(ctx context.Context, now time.Time, told bool) (locked bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	t.n.storing.Lock() // a reset must not be overtaken by what was read before it
	defer t.n.storing.Unlock()
	row, err := t.l.store.Lockout(ctx, hex.EncodeToString(t.digest[:]))
	policy := t.l.current()
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	n, own := t.n, &t.n.own
	switch {
	case err == nil && now.Sub(row.Until) < policy.Window:
		own.drop(row.Until.Add(-policy.length(row.Level)))
		own.until, own.locks = row.Until, max(own.locks, row.Level+1)
		if row.Until.After(n.until) {
			n.until, n.locks, n.stored = row.Until, max(n.locks, row.Level+1), true
		}
	case errors.Is(err, authcore.ErrNotFound):
		own.locks = 0
	}
	if !told && n.until.After(now) { // the lock of another node
		n.turnAway()
		return false
	}
	if !told && len(own.failures) < policy.Failures {
		return false
	}
	if until := now.Add(policy.length(own.locks)); until.After(n.until) {
		n.until = until
	}
	n.failures, n.locks = nil, max(n.locks, own.locks+1)
	own.lock(n.until, n.locks)
	n.turnAway()
	return true
}
