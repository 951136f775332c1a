package throttle

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
)

const (
	// pollEvery is how often a try asks again while all that are allowed at once run, on whatever nodes.
	pollEvery = 20 * time.Millisecond
	// runLimit is after how long a try of a node that told nothing of its end no longer counts.
	runLimit = 30 * time.Second
)

// The statuses of the script.
const (
	admitted = iota
	locked
	full
)

// tally is what all nodes together know of a name.
type tally struct {
	status int64
	until  time.Duration // end of the lock from now; may have passed
	locks  int
	ages   []time.Duration // of the failures
}

// Share makes the nodes that share r count together; nil makes this node count alone. Redis decides then: each node
// remembers what it was told, and goes on from there with Failures divided by the number of nodes while Redis is away.
// Locks are in the store all the same, from where Load brings those of other nodes when Redis has lost them.
func (l *Lockouts) Share(r *Redis) { l.redis.Store(r) }

// current is the policy by which this node decides at the moment.
func (l *Lockouts) current() *Policy {
	p, r := l.policy.Load(), l.redis.Load()
	if r == nil {
		return p
	}
	c := *p
	if r.Away() {
		c.Failures = max(1, p.Failures/r.Nodes())
	} else {
		c.shared = true
	}
	return &c
}

// confirm asks the other nodes for a try that has a place on this one, until then at most while all places are taken there.
func (l *Lockouts) confirm(ctx context.Context, t *try, until time.Time) (authcore.Attempt, time.Duration, error) {
	r := l.redis.Load()
	if r == nil {
		return t, 0, nil
	}
	id := uuid.NewString()
	for {
		asked := l.now() // before, so that what is remembered is never later than what Redis knows
		told, err := l.ask(ctx, r, t.digest, "begin", id, t.memory()...)
		if err != nil && ctx.Err() == nil {
			return t.alone()
		}
		if err == nil && told.status == admitted {
			t.p.mu.Lock()
			t.n.learn(asked, told)
			t.p.mu.Unlock()
			t.id = id
			return t, 0, nil
		}
		left := until.Sub(l.now())
		if err == nil && told.status == full && left > 0 {
			if err = pause(ctx, min(pollEvery, left)); err == nil {
				continue
			}
		}
		t.p.mu.Lock()
		defer t.p.mu.Unlock()
		if err != nil {
			t.leave()
			return nil, 0, err
		}
		if t.n.learn(asked, told) {
			t.n.running--
			return nil, told.until, nil
		}
		t.leave()
		return nil, fullWait, nil
	}
}

// alone decides of a try after Redis went away.
func (t *try) alone() (authcore.Attempt, time.Duration, error) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	now, policy := t.l.now(), t.l.current()
	t.n.settle(now, policy)
	wait := t.n.until.Sub(now)
	if wait <= 0 && len(t.n.failures)+t.n.running > policy.Failures {
		wait = fullWait
	}
	if wait > 0 {
		t.leave()
		return nil, wait, nil
	}
	return t, 0, nil
}

// tell tells Redis how a try ended; known is whether it did, and what told is then. Who hangs up must not be able to keep
// it back.
func (t *try) tell(ctx context.Context, end string) (told tally, known bool) {
	r := t.l.redis.Load()
	if r == nil || t.id == "" {
		return told, false
	}
	told, err := t.l.ask(context.WithoutCancel(ctx), r, t.digest, end, t.id)
	return told, err == nil
}

// forget makes Redis forget failures and lock of a name. If it is away then, the lock stands until its end on the nodes
// that know of it.
func (l *Lockouts) forget(ctx context.Context, digest secret.Digest) {
	if r := l.redis.Load(); r != nil {
		_, _ = l.ask(context.WithoutCancel(ctx), r, digest, "forget", "")
	}
}

// ask calls the script for one name.
func (l *Lockouts) ask(ctx context.Context, r *Redis, digest secret.Digest, op, id string, memory ...any) (told tally, err error) {
	p := l.policy.Load()
	args := append([]any{r.clock(), op, id, p.Failures, p.Window.Microseconds(), p.First.Microseconds(), p.Max.Microseconds(),
		runLimit.Microseconds()}, memory...)
	got, err := r.run(ctx, nameScript, []string{r.cfg.Link.Key("name:{" + hex.EncodeToString(digest[:16]) + "}")}, args...)
	if err != nil {
		return told, err
	}
	if len(got) < 3 {
		return told, errAnswer
	}
	told.status, told.until, told.locks = got[0], time.Duration(got[1])*time.Microsecond, int(got[2])
	for _, age := range got[3:] {
		told.ages = append(told.ages, time.Duration(age)*time.Microsecond)
	}
	return told, nil
}

// memory is what this node remembers of the name, as the script takes it.
func (t *try) memory() []any {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	now := t.l.now()
	memory := []any{t.n.until.Sub(now).Microseconds(), t.n.locks}
	for _, at := range t.n.failures {
		memory = append(memory, max(0, now.Sub(at)).Microseconds())
	}
	return memory
}

// learn takes over what all nodes knew of the name at a moment, and reports whether it is locked. The part must be locked.
func (n *name) learn(at time.Time, told tally) (isLocked bool) {
	n.locks, n.until, n.failures = told.locks, time.Time{}, nil
	if told.locks > 0 {
		n.until, n.stored = at.Add(told.until), true
	}
	for _, age := range told.ages {
		n.failures = append(n.failures, at.Add(-age))
	}
	slices.SortFunc(n.failures, time.Time.Compare)
	if told.status == locked {
		n.turnAway()
	}
	return told.status == locked
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
