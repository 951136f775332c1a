package throttle

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// The statuses of the script.
const (
	admitted = iota
	locked
	full
	lockedNow // by this question: what several nodes knew is as much as locks
)

// tally is what all nodes together know of a name.
type tally struct {
	status int64
	until  time.Duration // end of the lock from now; may have passed
	locks  int
	failed []failed
	pardon time.Time // the newest that Redis has of a node
}

// failed is a failure as scripts tell of it.
type failed struct {
	try int64
	age time.Duration
}

// ask calls the script for one name. more is what the node remembers, or a pardon.
func (l *Lockouts) ask(ctx context.Context, r *Redis, digest secret.Digest, op string, try int64, more ...any) (told tally, err error) {
	p := l.policy.Load()
	args := append([]any{r.clock(), op, try, p.Failures, p.Window.Microseconds(), p.First.Microseconds(), p.Max.Microseconds(),
		runLimit.Microseconds()}, more...)
	tag := hex.EncodeToString(digest[:16])
	got, err := r.run(ctx, r.of(ofNames, tag), nameScript, []string{r.cfg.Link.Key("name:{" + tag + "}")}, args...)
	if err != nil {
		return told, err
	}
	const head = 3 + pardonWords
	if len(got) < head || (len(got)-head)%2 != 0 {
		return told, errAnswer
	}
	told.status, told.until, told.locks = got[0], time.Duration(got[1])*time.Microsecond, int(got[2])
	told.pardon = l.pardoned(digest, [pardonWords]int64(got[3:head]))
	for i := head; i < len(got); i += 2 {
		told.failed = append(told.failed, failed{got[i], time.Duration(got[i+1]) * time.Microsecond})
	}
	return told, nil
}

// memory is what a node remembers of a name.
type memory struct {
	until time.Duration // end of the lock from now; may have passed
	args  []any         // all of it as the script takes it
}

func (t *try) memory() memory {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	now := t.l.now()
	m := memory{until: t.n.until.Sub(now)}
	m.args = []any{m.until.Microseconds(), t.n.locks}
	for _, f := range t.n.failures {
		m.args = append(m.args, f.try, max(0, now.Sub(f.at)).Microseconds())
	}
	return m
}

// learn takes over what all nodes knew of the name at a moment, and reports whether it is locked. A lock that this node
// remembers ends no sooner by that, and what it has counted itself stands unless a node has pardoned it. The part must be
// locked.
func (n *name) learn(at time.Time, told tally, policy *Policy) (isLocked bool) {
	n.own.heed(told.pardon, at, policy)
	var until time.Time
	if told.locks > 0 {
		until, n.stored = at.Add(told.until), true
	}
	if n.until.After(at) && n.until.After(until) {
		n.locks = max(n.locks, told.locks)
	} else {
		n.until, n.locks = until, told.locks
	}
	before := n.failures
	n.failures = nil
	for _, f := range told.failed {
		n.failures = append(n.failures, failure{f.try, at.Add(-f.age)})
	}
	for _, f := range before { // those since the question, which others of this node's tries have counted
		if f.at.After(at) && !slices.ContainsFunc(n.failures, func(known failure) bool { return known.try == f.try }) {
			n.failures = append(n.failures, f)
		}
	}
	slices.SortFunc(n.failures, func(a, b failure) int { return a.at.Compare(b.at) })
	isLocked = told.status == locked || told.status == lockedNow
	if isLocked {
		n.turnAway()
	}
	return isLocked
}

// correct replaces the end of a lock, unless another one began meanwhile.
func (n *name) correct(p *lockoutPart, from, to time.Time, locks int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n.until.Equal(from) {
		n.until, n.locks = to, locks
		n.own.until, n.own.locks = to, locks
	}
}
