package throttle

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	// pollEvery is how often a try asks again while all that are allowed at once run, on whatever nodes.
	pollEvery = 20 * time.Millisecond
	// runLimit is after how long a try of a node that told nothing of its end no longer counts.
	runLimit = 30 * time.Second
)

// newTry numbers a try, as high as Lua can tell numbers apart.
func newTry() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return int64(binary.BigEndian.Uint64(b[:]) >> 11)
}

// Share makes the nodes that share r count together; nil makes this node count alone. Redis decides then: each node
// remembers what it was told, and goes on from there with Failures divided by the number of nodes while Redis is away.
// Locks are in the store all the same: there each node looks for the one name while Redis is away, or where it no longer
// knows a lock that the node remembers; from there Load brings those of other nodes when Redis has lost them.
func (l *Lockouts) Share(r *Redis) { l.redis.Store(r) }

// current is the policy by which this node decides at the moment.
func (l *Lockouts) current() *Policy {
	p, r := l.policy.Load(), l.redis.Load()
	if r == nil {
		return p
	}
	c := *p
	if r.Away() {
		c.among = r.Nodes()
	} else {
		c.shared = true
	}
	return &c
}

// confirm asks the other nodes for a try that has a place on this one, until then at most while all places are taken there:
// by the monotonic clock, for the database's may step back.
func (l *Lockouts) confirm(ctx context.Context, t *try, until time.Time) (authcore.Attempt, time.Duration, error) {
	r := l.redis.Load()
	if r == nil {
		return t, 0, nil
	}
	for {
		asked := l.now() // before, so that what is remembered is never later than what Redis knows
		known := t.memory()
		told, err := l.ask(ctx, r, t.digest, "begin", t.id, known.args...)
		if err != nil && ctx.Err() == nil {
			return t.alone(ctx)
		}
		if err == nil && known.until > told.until+time.Second && known.until > 0 {
			t.doubt(ctx, r, asked, &told)
		}
		left := time.Until(until)
		if err == nil && told.status == full && left > 0 {
			if err = pause(ctx, min(pollEvery, left)); err == nil {
				continue
			}
		}
		return t.settled(ctx, asked, told, err)
	}
}

// settled does what was decided of a try at a moment.
func (t *try) settled(ctx context.Context, asked time.Time, told tally, err error) (authcore.Attempt, time.Duration, error) {
	policy := t.l.current()
	t.p.mu.Lock()
	isLocked := err == nil && t.n.learn(asked, told, policy)
	made := isLocked && told.status == lockedNow
	if made {
		t.n.own.until, t.n.own.locks = t.n.until, max(t.n.own.locks, t.n.locks)
		t.n.unsaved++
	}
	switch {
	case isLocked:
		t.n.running--
	case err != nil || told.status == full:
		t.leave()
	default:
		t.shared = true
		t.n.wake(policy) // others on another node may have pardoned
	}
	t.p.mu.Unlock()
	if made {
		t.save(ctx)
	}
	switch {
	case err != nil:
		return nil, 0, err
	case isLocked:
		return nil, told.until, nil
	case told.status == full:
		return nil, fullWait, nil
	}
	return t, 0, nil
}

// doubt asks the store whether a lock that this node remembers, and that Redis does not know or would end sooner, was voided:
// who can write to Redis must not open it. Where the store does not say, the lock stands.
func (t *try) doubt(ctx context.Context, r *Redis, asked time.Time, told *tally) {
	t.p.mu.Lock()
	until, locks, unsaved := t.n.until, t.n.locks, t.n.unsaved > 0
	t.p.mu.Unlock()
	row, err := t.l.store.Lockout(ctx, hex.EncodeToString(t.digest[:]))
	switch {
	case err == nil:
		locks = row.Level + 1
		t.n.correct(t.p, until, row.Until, locks)
		until = row.Until
	case errors.Is(err, authcore.ErrNotFound) && !unsaved:
		t.n.correct(t.p, until, time.Time{}, 0)
		return
	}
	left := until.Sub(asked)
	if left <= 0 || left <= told.until {
		return
	}
	if told.status == admitted {
		_, _ = t.l.ask(context.WithoutCancel(ctx), r, t.digest, "abandon", t.id)
	}
	told.status, told.until, told.locks = locked, left, locks
}

// alone decides of a try after Redis went away. Locks of other nodes are in the store, which is asked for the one name:
// what each of them reads on its own comes a second later, and they would all have a share.
func (t *try) alone(ctx context.Context) (authcore.Attempt, time.Duration, error) {
	t.n.storing.Lock() // a reset must not be overtaken by what was read before it
	defer t.n.storing.Unlock()
	row, err := t.l.store.Lockout(ctx, hex.EncodeToString(t.digest[:]))
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if err == nil && row.Until.After(t.n.until) {
		t.n.read(row)
	}
	now, policy := t.l.now(), t.l.current()
	t.n.settle(now, policy)
	wait := t.n.until.Sub(now)
	if wait > 0 {
		t.n.turnAway()
	} else if t.n.spent(policy)+t.n.running > policy.share() {
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
func (t *try) tell(ctx context.Context, end string, more ...any) (told tally, known bool) {
	r := t.l.redis.Load()
	if r == nil || !t.shared {
		return told, false
	}
	told, err := t.l.ask(context.WithoutCancel(ctx), r, t.digest, end, t.id, more...)
	return told, err == nil
}

// forget makes Redis forget failures and lock of a name. If it is away then, the lock stands until its end on the nodes
// that know of it.
func (l *Lockouts) forget(ctx context.Context, digest secret.Digest, at time.Time) {
	if r := l.redis.Load(); r != nil {
		_, _ = l.ask(context.WithoutCancel(ctx), r, digest, "forget", 0, words(l.pardon(digest, at))...)
	}
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
