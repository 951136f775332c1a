package lockout

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	// pollEvery is how often it is looked whether a try has ended on another node.
	pollEvery = 20 * time.Millisecond
	// storeLimit is how long the store may take over one change.
	storeLimit = 2 * time.Second
	// changes is how often a change is tried that other nodes get ahead of.
	changes = 100
)

// Store keeps failed sign-ins.
type Store interface {
	// Lockout returns what is stored under a key. ErrNotFound.
	Lockout(ctx context.Context, key string) (authcore.Lockout, error)
	// ChangeLockout puts next (zero: nothing) in the place of what is stored under a key, if that still is old (zero: nothing).
	// It reports whether it was: of several callers that know the same exactly one changes it.
	ChangeLockout(ctx context.Context, key string, old, next authcore.Lockout) (changed bool, err error)
	// ClearLockout removes what is stored under a key, whatever it is, and under each key that continues it with
	// [authcore.LockoutDeviceDigits] hexadecimal digits.
	ClearLockout(ctx context.Context, key string) error
}

// Config is what [Lockouts] need.
type Config struct {
	Policy
	Store     Store                // required
	Key       func() secret.MACKey // required: names are MACed under it before they are stored; always the same
	Logger    *slog.Logger         // nil means slog.Default
	Now       func() time.Time     // nil means time.Now
	QueueWait time.Duration        // how long Begin waits for other tries; default 2s
}

// Lockouts count failed sign-ins per name, whether an account of that name exists or not. They are safe for concurrent
// use, and nodes on one store count together.
//
// Running tries count as failures until their result is known, so that of any number of parallel wrong passwords no more
// than Failures are tried, while right ones only queue for each other. The Failures-th failure within Window locks the name
// for First; each further lock is twice as long, up to Max. After a lock the budget is full again. A success forgets
// failures and doubling; the doubling is also forgotten when Window has passed after the end of a lock without another try.
//
// The store holds names only as MACs under a key that is not in the store in clear. A store that fails lets nobody try, and
// a failure that could not be written counts once its try has run for half a minute.
type Lockouts struct {
	store     Store
	key       func() secret.MACKey
	logger    *slog.Logger
	now       func() time.Time
	queueWait time.Duration
	policy    atomic.Pointer[Policy]

	mu     sync.Mutex
	queues map[string]*queue // by key: whoever asks for a name at the moment; guarded by mu
}

// queue lets one caller after the other ask for a place, so that of a thousand who wait one looks.
type queue struct {
	turn    chan struct{} // holds one token while somebody asks
	changed chan struct{} // holds one token after a try has ended on this node
	callers int           // guarded by Lockouts.mu
}

// New returns lockouts that count in cfg.Store.
func New(cfg Config) (*Lockouts, error) {
	if cfg.Store == nil || cfg.Key == nil {
		return nil, errors.New("lockouts need a store and a key")
	}
	l := &Lockouts{store: cfg.Store, key: cfg.Key, logger: cfg.Logger, now: cfg.Now, queueWait: cfg.QueueWait, queues: map[string]*queue{}}
	if l.logger == nil {
		l.logger = slog.Default()
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.queueWait == 0 {
		l.queueWait = 2 * time.Second
	}
	return l, l.Reconfigure(cfg.Policy)
}

// Reconfigure changes the policy and keeps all failures, running tries and locks. On an error nothing has changed.
func (l *Lockouts) Reconfigure(p Policy) error {
	whole, err := p.complete()
	if err != nil {
		return err
	}
	l.policy.Store(whole)
	return nil
}

// Begin implements [attempt.Lockouts]. A caller who finds no place within QueueWait, since all tries that are allowed at
// once still run, gets [attempt.ErrFull].
func (l *Lockouts) Begin(ctx context.Context, name string) (attempt.Attempt, time.Duration, error) {
	return l.BeginOn(ctx, name, "")
}

// BeginOn implements [attempt.Lockouts]. A device is counted under a key of its own, by the same rules but for Policy.Device.
func (l *Lockouts) BeginOn(ctx context.Context, name, device string) (attempt.Attempt, time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if l.policy.Load().Off {
		return uncounted{}, 0, nil
	}
	a := &runningTry{l: l, key: l.storedOn(name, device), device: device != "", id: binary.BigEndian.Uint64(secret.Random(8))}
	q := l.join(a.key)
	defer l.leave(a.key, q)
	timeout := time.NewTimer(l.queueWait)
	defer timeout.Stop()
	select {
	case q.turn <- struct{}{}:
		defer func() { <-q.turn }()
	case <-timeout.C:
		return nil, 0, attempt.ErrFull
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	return a.ask(ctx, q, timeout.C)
}

// Fail implements [attempt.Lockouts].
func (l *Lockouts) Fail(ctx context.Context, name string) (locked bool, err error) {
	if l.policy.Load().Off {
		return false, nil
	}
	key, id := l.stored(name), binary.BigEndian.Uint64(secret.Random(8))
	_, err = l.change(ctx, key, false, nil, func(s *state, now time.Time, p *Policy) {
		if locked = false; s.lockedFor(now) <= 0 {
			locked = s.fail(id, now, p)
		}
	})
	return locked, err
}

// Reset implements [attempt.Lockouts]. When the store fails the lock stands.
func (l *Lockouts) Reset(ctx context.Context, name string) error {
	key := l.stored(name)
	if err := l.store.ClearLockout(ctx, key); err != nil {
		return fmt.Errorf("clear lockout: %w", err)
	}
	l.wake(key)
	return nil
}

// LockedUntil implements [admin.Locks].
func (l *Lockouts) LockedUntil(ctx context.Context, name string) (time.Time, error) {
	found, err := l.store.Lockout(ctx, l.stored(name))
	if errors.Is(err, authcore.ErrNotFound) || err == nil && !found.Until.After(l.now()) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("find lockout: %w", err)
	}
	return found.Until, nil
}

// Key implements [admin.Locks].
func (l *Lockouts) Key(name string) string { return l.stored(name) }

func (l *Lockouts) stored(name string) string {
	digest := l.key().MAC([]byte(name))
	return hex.EncodeToString(digest[:])
}

// storedOn is stored for tries from a device; "" is none.
func (l *Lockouts) storedOn(name, device string) string {
	key := l.stored(name)
	if device == "" {
		return key
	}
	return key + l.stored(name + "\n" + device)[:authcore.LockoutDeviceDigits]
}

func (l *Lockouts) join(key string) *queue {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queues[key]
	if q == nil {
		q = &queue{turn: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
		l.queues[key] = q
	}
	q.callers++
	return q
}

func (l *Lockouts) leave(key string, q *queue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q.callers--; q.callers == 0 {
		delete(l.queues, key)
	}
}

// wake has whoever waits for a place of the name look again.
func (l *Lockouts) wake(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q := l.queues[key]; q != nil {
		select {
		case q.changed <- struct{}{}:
		default:
		}
	}
}

// change applies do to what the store knows of a key, and stores the result unless somebody else has changed it meanwhile:
// then do is applied to that. known is what the caller knows to be stored; nil is nothing. Who hangs up undoes no change:
// a guesser could keep failures out of the store like that.
func (l *Lockouts) change(ctx context.Context, key string, device bool, known *authcore.Lockout, do func(s *state, now time.Time, p *Policy)) (authcore.Lockout, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	for range changes {
		if known == nil {
			found, err := l.store.Lockout(ctx, key)
			if err != nil && !errors.Is(err, authcore.ErrNotFound) {
				return authcore.Lockout{}, err
			}
			known = &found
		}
		now, policy := l.now(), l.policy.Load().of(device)
		s := read(*known)
		s.expire(now, policy)
		do(s, now, policy)
		next := s.row(key, policy)
		if same(next, *known) {
			return next, nil
		}
		changed, err := l.store.ChangeLockout(ctx, key, *known, next)
		if err != nil {
			return authcore.Lockout{}, err
		}
		if changed {
			return next, nil
		}
		known = nil
	}
	return authcore.Lockout{}, fmt.Errorf("change a lockout that others keep changing: %w", authcore.ErrUnavailable)
}

// runningTry is a running attempt.
type runningTry struct {
	l      *Lockouts
	key    string
	device bool // it is counted as one of a device
	id     uint64
	row    authcore.Lockout // as this try left it when it began
	done   atomic.Bool
}

// ask asks for a place until there is one, the name is locked, or time is up.
func (a *runningTry) ask(ctx context.Context, q *queue, timeout <-chan time.Time) (attempt.Attempt, time.Duration, error) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		granted, wait, err := a.begin(ctx)
		switch {
		case err != nil:
			return nil, 0, err
		case granted && ctx.Err() != nil: // the place came too late
			a.Cancel()
			return nil, 0, ctx.Err()
		case granted:
			return a, 0, nil
		case wait > 0:
			return nil, wait, nil
		}
		select {
		case <-q.changed:
		case <-poll.C:
		case <-timeout:
			return nil, 0, attempt.ErrFull
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// begin asks once. A name that is locked is not written to.
func (a *runningTry) begin(ctx context.Context) (granted bool, wait time.Duration, err error) {
	a.row, err = a.l.change(ctx, a.key, a.device, nil, func(s *state, now time.Time, p *Policy) {
		// A change whose answer was lost is found done.
		if granted, wait = s.has(a.id), s.lockedFor(now); !granted && wait <= 0 {
			granted = s.begin(a.id, now, p)
		}
	})
	return granted, wait, err
}

// Succeeded implements [attempt.Attempt].
func (a *runningTry) Succeeded(ctx context.Context) {
	a.end(ctx, func(s *state, now time.Time, _ *Policy) { s.succeed(a.id, now) })
}

// Failed implements [attempt.Attempt].
func (a *runningTry) Failed(ctx context.Context) (locked bool) {
	a.end(ctx, func(s *state, now time.Time, p *Policy) { locked = s.fail(a.id, now, p) })
	return locked
}

// Cancel implements [attempt.Attempt].
func (a *runningTry) Cancel() {
	a.end(context.Background(), func(s *state, _ time.Time, _ *Policy) { s.remove(a.id) })
}

// end writes how the try ended. What cannot be written stays a running try, which counts as a failure in the end.
func (a *runningTry) end(ctx context.Context, do func(*state, time.Time, *Policy)) {
	if a.done.Swap(true) {
		return
	}
	_, err := a.l.change(ctx, a.key, a.device, &a.row, do)
	a.l.wake(a.key)
	if err == nil {
		return
	}
	level := slog.LevelWarn
	if errors.Is(err, authcore.ErrUnavailable) { // a store that is away is reported once, elsewhere
		level = slog.LevelDebug
	}
	a.l.logger.Log(ctx, level, "result of a sign-in not written to the lockouts; it counts as a failure", "error", err)
}

// uncounted is the attempt where nothing is counted.
type uncounted struct{}

func (uncounted) Succeeded(context.Context)   {}
func (uncounted) Failed(context.Context) bool { return false }
func (uncounted) Cancel()                     {}

// Interface guards
var _ attempt.Lockouts = (*Lockouts)(nil)
