package throttle

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Begin implements [authcore.Lockouts]. A caller who finds no place within QueueWait,
// since all tries that are allowed at once still run, is told to wait a second.
func (l *Lockouts) Begin(ctx context.Context, key string) (authcore.Attempt, time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	policy := l.current()
	if policy.Off {
		return uncounted{}, 0, nil
	}
	deadline := time.Now().Add(l.queueWait) // l.now may be set back
	now, digest := l.now(), l.digest(key)
	p := l.part(digest)
	p.mu.Lock()
	n := p.get(digest, now, policy)
	if n == nil {
		p.mu.Unlock()
		return nil, fullWait, nil
	}
	t := &try{l: l, p: p, n: n, digest: digest, id: newTry()}
	if wait := n.until.Sub(now); wait > 0 && !policy.shared {
		p.mu.Unlock()
		return nil, wait, nil
	}
	w := &waiter{ready: make(chan struct{})}
	n.queue = append(n.queue, w)
	n.wake(policy)
	granted := w.granted
	p.mu.Unlock()
	if !granted {
		if wait, err := l.await(ctx, t, w); wait > 0 || err != nil {
			return nil, wait, err
		}
	}
	return l.confirm(ctx, t, deadline)
}

// await waits in the queue of t's name. It returns neither a wait nor an error when the place was given.
func (l *Lockouts) await(ctx context.Context, t *try, w *waiter) (time.Duration, error) {
	timer := time.NewTimer(l.queueWait)
	defer timer.Stop()
	var err error
	select {
	case <-w.ready:
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}

	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if !w.granted {
		t.n.leave(w)
		if err != nil {
			return 0, err
		}
		return max(t.n.until.Sub(l.now()), fullWait), nil
	}
	if err != nil { // the place came too late
		t.leave()
	}
	return 0, err
}

// Reset implements [authcore.Lockouts]. When the store fails the lock stands.
func (l *Lockouts) Reset(ctx context.Context, key string) error {
	digest := l.digest(key)
	p := l.part(digest)
	p.mu.Lock()
	n := p.names[digest]
	p.mu.Unlock()
	if n != nil {
		n.storing.Lock()
		defer n.storing.Unlock()
	}
	if err := l.store.ClearLockout(ctx, hex.EncodeToString(digest[:])); err != nil {
		return fmt.Errorf("clearing a lockout: %w", err)
	}
	at := l.now()
	l.forget(ctx, digest, at)
	if n != nil {
		p.mu.Lock()
		n.clear(at)
		n.stored = false
		n.wake(l.current())
		p.mu.Unlock()
	}
	return nil
}

// try is a running attempt.
type try struct {
	l      *Lockouts
	p      *lockoutPart
	n      *name // stays in the part's map while the try runs
	digest secret.Digest
	id     int64
	shared bool // Redis admitted it; else this node counts it alone
	done   atomic.Bool
}

// leave gives the place back. The part must be locked.
func (t *try) leave() {
	t.n.running--
	t.n.wake(t.l.current())
}

// Succeeded implements [authcore.Attempt].
func (t *try) Succeeded(ctx context.Context) {
	if t.done.Swap(true) {
		return
	}
	at := t.l.now()
	told, _ := t.tell(ctx, "succeed", words(t.l.pardon(t.digest, at))...)
	t.p.mu.Lock()
	t.n.clear(at)
	t.leave()
	stored := t.n.stored || told.status == locked // another node may have locked
	t.p.mu.Unlock()
	if stored {
		t.persist(ctx)
	}
}

// Failed implements [authcore.Attempt].
func (t *try) Failed(ctx context.Context) (locked bool) {
	if t.done.Swap(true) {
		return false
	}
	now := t.l.now()
	told, known := t.tell(ctx, "fail", t.memory().args...)
	policy := t.l.current()
	t.p.mu.Lock()
	n := t.n
	n.settle(now, policy)
	if known {
		locked = n.learn(now, told, policy)
	} else {
		locked = n.fail(t.id, now, policy)
	}
	insist := n.own.add(now, policy) && !locked
	if locked {
		if insist = n.falls(now, policy); !insist {
			n.own.lock(n.until, n.locks)
		}
	}
	if insist && (policy.shared || policy.among > 0) {
		t.p.mu.Unlock()
		locked = t.insist(ctx, now, locked)
		t.p.mu.Lock()
	}
	n.running--
	if locked {
		n.stored = true
		n.unsaved++
	} else {
		n.wake(policy)
	}
	t.p.mu.Unlock()
	if locked {
		t.save(ctx)
	}
	return locked
}

// Abandoned implements [authcore.Attempt].
func (t *try) Abandoned() {
	if t.done.Swap(true) {
		return
	}
	_, _ = t.tell(context.Background(), "abandon")
	t.p.mu.Lock()
	t.leave()
	t.p.mu.Unlock()
}

// save writes a lock that was counted as unsaved.
func (t *try) save(ctx context.Context) {
	t.persist(ctx)
	t.p.mu.Lock()
	t.n.unsaved--
	t.p.mu.Unlock()
}

// persist writes the lock as it is now: of several calls at once, whichever comes last
// leaves the newest state behind.
func (t *try) persist(ctx context.Context) {
	// Who hangs up before the answer must not be able to keep the lock out of the store.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	t.n.storing.Lock()
	defer t.n.storing.Unlock()
	t.p.mu.Lock()
	lock := authcore.Lockout{Key: hex.EncodeToString(t.digest[:]), Until: t.n.until, Level: t.n.locks - 1}
	t.p.mu.Unlock()

	var err error
	if lock.Level >= 0 {
		err = t.l.store.SaveLockout(ctx, lock)
	} else if err = t.l.store.ClearLockout(ctx, lock.Key); err == nil {
		t.p.mu.Lock()
		t.n.stored = t.n.locks > 0 // a lock that began meanwhile is written next
		t.p.mu.Unlock()
	}
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, authcore.ErrUnavailable) { // a store that is away tells of itself, once
			level = slog.LevelDebug
		}
		t.l.logger.Log(ctx, level, "writing a lockout to the store; it stands in memory", "error", err)
	}
}

// uncounted is the attempt where nothing is counted.
type uncounted struct{}

func (uncounted) Succeeded(context.Context)   {}
func (uncounted) Failed(context.Context) bool { return false }
func (uncounted) Abandoned()                  {}
