package throttle

import (
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// lockoutPart holds a sixty-fourth of the names.
type lockoutPart struct {
	mu    sync.Mutex
	names map[secret.Digest]*name // guarded by mu
	room  int
}

// name is what is known of one name. All fields but storing are guarded by the part's mu.
type name struct {
	failures []failure // within the window, oldest first
	running  int       // tries whose result is not known
	queue    []*waiter // who waits for one of them, in order
	until    time.Time // end of the lock
	locks    int       // locks since the last success
	stored   bool      // the store may have a row
	unsaved  int       // writes of a lock to the store that have not ended
	own      ledger    // what this node need not be told

	storing sync.Mutex // orders writes to the store; taken before the part's mu
}

// failure is a try that failed. By its number nodes tell whether they mean the same one.
type failure struct {
	try int64
	at  time.Time
}

// waiter is a call of Begin in the queue. granted is guarded by the part's mu and set
// before ready is closed.
type waiter struct {
	ready   chan struct{}
	granted bool
}

// get returns the name of a digest, made if there was none; nil when there is no room.
// The part must be locked.
func (p *lockoutPart) get(d secret.Digest, now time.Time, policy *Policy) *name {
	if n := p.names[d]; n != nil {
		n.settle(now, policy)
		return n
	}
	if !p.makeRoom(now, policy) {
		return nil
	}
	n := &name{}
	p.names[d] = n
	return n
}

// makeRoom drops what is forgotten among a few names and reports whether one more fits.
func (p *lockoutPart) makeRoom(now time.Time, policy *Policy) bool {
	sample := sampleNew
	if len(p.names) >= p.room {
		sample = sampleFull
	}
	var victim secret.Digest
	fewest := -1
	for d, n := range p.names { // Go starts at a random place
		n.settle(now, policy)
		if n.idle() && !n.until.After(now) {
			if n.known() == 0 && n.locks == 0 && n.own.locks == 0 {
				delete(p.names, d)
			} else if fewest < 0 || n.known() < fewest {
				victim, fewest = d, n.known()
			}
		}
		if sample--; sample == 0 {
			break
		}
	}
	if len(p.names) < p.room {
		return true
	}
	if fewest < 0 {
		return false
	}
	delete(p.names, victim)
	return true
}

func (n *name) idle() bool { return n.running == 0 && len(n.queue) == 0 }

// settle forgets what time has made void.
func (n *name) settle(now time.Time, policy *Policy) {
	// A lock longer than the policy's longest: the clock went back or the policy changed.
	if n.until.Sub(now) > policy.Max {
		n.until = now.Add(policy.Max)
	}
	kept := n.failures[:0]
	for _, f := range n.failures {
		if f.at.After(now) {
			f.at = now
		}
		if now.Sub(f.at) < policy.Window {
			kept = append(kept, f)
		}
	}
	// After the policy became stricter the next failure locks.
	n.failures = kept[max(0, len(kept)-policy.Failures+1):]
	if len(kept) == 0 && n.idle() && now.Sub(n.until) >= policy.Window {
		n.locks = 0
	}
	n.own.settle(now, policy, n.idle())
}

// admits reports whether one more try may run, as far as this node decides it.
func (n *name) admits(policy *Policy) bool {
	if policy.shared { // Redis may have been made to forget what this node has counted
		return min(len(n.own.failures), policy.Failures-1)+n.running < policy.Failures
	}
	return n.spent(policy)+n.running < policy.share()
}

// spent is how much of this node's share failures have used up. One try is always left: the failures of all nodes are more
// than those of one.
func (n *name) spent(policy *Policy) int { return min(n.known(), policy.share()-1) }

// known is how many failures this node knows of.
func (n *name) known() int { return max(len(n.failures), len(n.own.failures)) }

// wake lets as many of the queue run as the budget allows.
func (n *name) wake(policy *Policy) {
	for len(n.queue) > 0 && n.admits(policy) {
		n.running++
		n.queue[0].granted = true
		close(n.queue[0].ready)
		n.queue = n.queue[1:]
	}
}

// turnAway ends the waiting of everybody in the queue.
func (n *name) turnAway() {
	for _, w := range n.queue {
		close(w.ready)
	}
	n.queue = nil
}

// leave takes w out of the queue.
func (n *name) leave(w *waiter) {
	for i := range n.queue {
		if n.queue[i] == w {
			n.queue = append(n.queue[:i], n.queue[i+1:]...)
			return
		}
	}
}

// fail counts a failure and locks when it was the last one allowed.
func (n *name) fail(try int64, now time.Time, policy *Policy) (locked bool) {
	n.failures = append(n.failures, failure{try, now})
	if len(n.failures) < policy.share() {
		return false
	}
	n.failures = nil
	n.until = now.Add(policy.length(n.locks))
	n.locks++
	n.turnAway()
	return true
}

// read takes over a row of the store.
func (n *name) read(row authcore.Lockout) {
	n.until, n.locks, n.stored = row.Until, row.Level+1, true
	n.own.until, n.own.locks = n.until, n.locks
}

// clear forgets failures, lock and doubling, at a moment.
func (n *name) clear(at time.Time) {
	n.failures, n.until, n.locks = nil, time.Time{}, 0
	n.own.clear(at)
}

// share is how many failures this node allows.
func (p *Policy) share() int { return max(1, p.Failures/max(1, p.among)) }

// length returns how long the next lock after so many is.
func (p *Policy) length(locks int) time.Duration {
	d := p.First
	for ; locks > 0 && d < p.Max; locks-- {
		d *= 2
	}
	return min(d, p.Max)
}
