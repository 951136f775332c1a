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

// Policy is when a name is locked. A zero field means its default.
type Policy struct {
	Failures int           // failures within Window that lock; default 5
	Window   time.Duration // default 15m
	First    time.Duration // length of the first lock; default 1m
	Max      time.Duration // the longest a lock gets by doubling; default 1h
	Off      bool          // nothing is counted or locked

	shared bool // Redis decides; this node only bounds how many ask it
	among  int  // the nodes that each count alone; 0 is one
}

// LockoutConfig is what [Lockouts] need.
type LockoutConfig struct {
	Policy
	Store     authcore.LockoutStore // required
	Key       func() secret.MACKey  // required: names are MACed under it before they are stored; always the same
	Logger    *slog.Logger          // nil means slog.Default
	Now       func() time.Time      // nil means time.Now
	QueueWait time.Duration         // how long Begin waits for other tries; default 2s
	MaxKeys   int                   // bounds the names remembered; default 262 144
}

// Lockouts count failed sign-ins per name, whether an account of that name exists or
// not. They are safe for concurrent use.
//
// Running tries count as failures until their result is known, so that of any number of
// parallel wrong passwords no more than Failures are tried, while right ones only queue
// for each other. The Failures-th failure within Window locks the name for First; each
// further lock is twice as long, up to Max. After a lock the budget is full again. A
// success forgets failures and doubling; the doubling is also forgotten when Window has
// passed after the end of a lock without another failure.
//
// A lock is written to the store when it begins and is back after a restart ([Lockouts.Load]);
// failures that have not led to a lock are not. A store that fails never unlocks
// anybody. Names are kept and stored only as MACs under a key that is not in the store in
// clear.
//
// Memory is bounded: a name without lock and without running tries makes way for
// another, the one with the fewest failures among a sample of sixteen. Where the sample
// has none, the new name has to wait. Filling the memory so takes Failures password
// hashes per name, far more than a node computes before the locks end.
//
// Where [Lockouts.Share] names a Redis, all of that holds for the nodes together.
type Lockouts struct {
	store     authcore.LockoutStore
	key       func() secret.MACKey
	logger    *slog.Logger
	now       func() time.Time
	queueWait time.Duration
	policy    atomic.Pointer[Policy]
	redis     atomic.Pointer[Redis] // nil: this node counts alone
	parts     [shards]lockoutPart
}

// fullWait is what a caller is told to wait who found no place in time.
const fullWait = time.Second

// storeLimit is how long the store may take over a lock.
const storeLimit = 2 * time.Second

// NewLockouts returns lockouts without any failures. Call Load before use.
func NewLockouts(cfg LockoutConfig) (*Lockouts, error) {
	if cfg.Store == nil {
		return nil, errors.New("lockouts need a store")
	}
	if cfg.Key == nil {
		return nil, errors.New("lockouts need a key")
	}
	l := &Lockouts{store: cfg.Store, key: cfg.Key, logger: cfg.Logger, now: cfg.Now, queueWait: cfg.QueueWait}
	if l.logger == nil {
		l.logger = slog.Default()
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.queueWait == 0 {
		l.queueWait = 2 * time.Second
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = 1 << 18
	}
	if cfg.MaxKeys < shards {
		return nil, fmt.Errorf("lockouts need room for at least %d names", shards)
	}
	for i := range l.parts {
		l.parts[i].room = cfg.MaxKeys / shards
		l.parts[i].names = map[secret.Digest]*name{}
	}
	return l, l.Reconfigure(cfg)
}

// Reconfigure changes the policy and keeps all failures, running tries and locks; only
// Policy is read. On an error nothing has changed.
func (l *Lockouts) Reconfigure(cfg LockoutConfig) error {
	p := cfg.Policy
	if p.Failures == 0 {
		p.Failures = 5
	}
	if p.Window == 0 {
		p.Window = 15 * time.Minute
	}
	if p.First == 0 {
		p.First = time.Minute
	}
	if p.Max == 0 {
		p.Max = max(time.Hour, p.First)
	}
	switch {
	case p.Failures < 1 || p.Failures > 100:
		return errors.New("lockout failures must be from 1 to 100")
	case p.Window < time.Second || p.First < time.Second:
		return errors.New("lockout window and first must be at least 1s")
	case p.Max < p.First || p.Max > 24*time.Hour:
		return errors.New("lockout max must be from first to 24h")
	}
	l.policy.Store(&p)
	return nil
}

// Load brings back the locks in the store, and how often those that ended lately had
// doubled.
func (l *Lockouts) Load(ctx context.Context) error {
	now := l.now()
	stored, err := l.store.Lockouts(ctx, now.Add(-l.policy.Load().Window))
	if err != nil {
		return fmt.Errorf("reading lockouts: %w", err)
	}
	for _, lock := range stored {
		raw, err := hex.DecodeString(lock.Key)
		digest, ok := secret.DigestFrom(raw)
		if err != nil || !ok {
			continue // not one of ours; the sweep of the store will remove it
		}
		p := l.part(digest)
		p.mu.Lock()
		if n := p.get(digest, now, l.policy.Load()); n != nil && n.until.Before(lock.Until) {
			n.read(lock)
		}
		p.mu.Unlock()
	}
	return nil
}

// Len returns how many names are remembered.
func (l *Lockouts) Len() (n int) {
	for i := range l.parts {
		p := &l.parts[i]
		p.mu.Lock()
		n += len(p.names)
		p.mu.Unlock()
	}
	return n
}

func (l *Lockouts) part(d secret.Digest) *lockoutPart { return &l.parts[d[0]%shards] }

func (l *Lockouts) digest(key string) secret.Digest { return l.key().MAC([]byte(key)) }

// Interface guards
var _ authcore.Lockouts = (*Lockouts)(nil)
