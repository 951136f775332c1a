package passhash

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/crypto/argon2"
)

// ErrBusy is returned when no worker came free in time, or too many callers wait already.
// The caller answers 503 with Retry-After; the password was not looked at.
var ErrBusy = errors.New("password hashing is at capacity")

// Config sets the cost and the bounds of a [Hasher]. The zero Config is the default.
type Config struct {
	// Params is the cost of new hashes. Default: [DefaultParams].
	Params Params
	// Workers is how many hashes run at once; each takes Params.MemoryKiB and one
	// processor per thread. Default: all processors but one, at least one: a hash yields
	// its processor late, so that with all of them hashing a guarded request would wait
	// for the turn of a hash at every step.
	Workers int
	// QueueWait is how long a caller waits for a worker. Default: 2 s.
	QueueWait time.Duration
	// MaxQueue is how many callers may wait. Default: 64 per worker.
	MaxQueue int
}

// Hasher hashes and checks passwords in a bounded pool, in the order of arrival. It is
// safe for concurrent use, has no goroutines of its own and needs no closing.
type Hasher struct {
	params Params
	wait   time.Duration
	slots  chan struct{} // holds one for each hash that runs
	queue  chan struct{} // holds one for each caller that waits
	dummy  phc
	trace  Trace
}

// Trace is told when a caller asks for a worker, and by done whether one came free; see [Hasher.SetTrace].
type Trace func(ctx context.Context, step string) (within context.Context, done func(error))

// SetTrace lets t be told of every wait for a worker, also of those that take no time. It is called before the first hash.
func (h *Hasher) SetTrace(t Trace) { h.trace = t }

// New returns a Hasher. Negative bounds and a cost outside the caps are errors.
func New(cfg Config) (*Hasher, error) {
	if cfg.Params == (Params{}) {
		cfg.Params = DefaultParams
	}
	if err := cfg.Params.check(); err != nil {
		return nil, err
	}
	if cfg.Workers < 0 || cfg.QueueWait < 0 || cfg.MaxQueue < 0 {
		return nil, errors.New("password hashing workers, queue wait and queue length must not be negative")
	}
	if cfg.Workers == 0 {
		cfg.Workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if cfg.QueueWait == 0 {
		cfg.QueueWait = 2 * time.Second
	}
	if cfg.MaxQueue == 0 {
		cfg.MaxQueue = 64 * cfg.Workers
	}
	// No password is known for a random key: computing one here would only cost time.
	dummy := phc{Params: cfg.Params, salt: random(saltSize), key: random(keySize)}
	return &Hasher{
		params: cfg.Params,
		wait:   cfg.QueueWait,
		slots:  make(chan struct{}, cfg.Workers),
		queue:  make(chan struct{}, cfg.MaxQueue),
		dummy:  dummy,
	}, nil
}

// Hash returns the PHC text of password at the configured cost under a fresh salt. The
// whole password counts: nothing is cut off, and NUL is a byte like others. Errors are
// [ErrBusy] and ctx's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	return h.HashSalted(ctx, random(saltSize), password)
}

// HashSalted is Hash under the given salt of 16 bytes, which must differ between people and
// be unknown to strangers beforehand: random, or a MAC of who it is under a secret key.
func (h *Hasher) HashSalted(ctx context.Context, salt []byte, password string) (string, error) {
	if len(salt) != saltSize {
		return "", fmt.Errorf("hashing password: the salt has %d bytes, want %d", len(salt), saltSize)
	}
	if err := h.acquire(ctx); err != nil {
		return "", fmt.Errorf("hashing password: %w", err)
	}
	defer h.release()
	p := h.params
	key := argon2.IDKey([]byte(password), salt, p.Time, p.MemoryKiB, p.Threads, keySize)
	return phc{Params: p, salt: salt, key: key}.String(), nil
}

// Verify tells whether password is the one of the stored hash. Errors are [ErrMalformed],
// [ErrBusy] and ctx's; with an error the answer is false and means nothing.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (bool, error) {
	parsed, err := parse(stored)
	if err != nil {
		return false, fmt.Errorf("verifying password: %w", err)
	}
	if err := h.acquire(ctx); err != nil {
		return false, fmt.Errorf("verifying password: %w", err)
	}
	defer h.release()
	return parsed.matches(password), nil
}

// VerifyDummy does the work of Verify at the configured cost and fails like it when busy.
// Where there is no account or no password, it keeps the answer's time from telling so.
func (h *Hasher) VerifyDummy(ctx context.Context, password string) error {
	if err := h.acquire(ctx); err != nil {
		return fmt.Errorf("verifying password: %w", err)
	}
	defer h.release()
	h.dummy.matches(password)
	return nil
}

// NeedsRehash tells whether stored has another cost or sizes than new hashes have, and is
// to be replaced at the next good sign-in. It is true for a malformed one.
func (h *Hasher) NeedsRehash(stored string) bool {
	p, err := parse(stored)
	return err != nil || p.Params != h.params || len(p.salt) != saltSize || len(p.key) != keySize
}

// Room is how many hashes can run, and how many callers can wait for one.
func (h *Hasher) Room() (workers, queue int) { return cap(h.slots), cap(h.queue) }

// InFlight is the number of hashes that run now.
func (h *Hasher) InFlight() int { return len(h.slots) }

// Queued is the number of callers that wait now.
func (h *Hasher) Queued() int { return len(h.queue) }

func (h *Hasher) acquire(ctx context.Context) error {
	if h.trace == nil {
		return h.await(ctx)
	}
	ctx, done := h.trace(ctx, "wait for a password hash")
	err := h.await(ctx)
	done(err)
	return err
}

// await takes a worker. Whoever gave up is not worked for: a hash for a request that is
// gone takes the place of one that is not.
func (h *Hasher) await(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return ErrBusy
	}
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ErrBusy
	}
}

func (h *Hasher) release() { <-h.slots }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// HashWithSaltOf is Hash under the salt of an existing hash, so that [Hasher.VerifyAny] checks a password against both in one
// computation. It is for two hashes of which nobody may learn by time whether there are two. Where the existing hash is
// malformed or not of the configured cost, it is HashSalted under salt; a nil salt means a random one. The work is that
// of Hash in every case.
func (h *Hasher) HashWithSaltOf(ctx context.Context, existing string, salt []byte, password string) (string, error) {
	if like, err := parse(existing); err == nil && !h.NeedsRehash(existing) {
		salt = like.salt
	}
	if salt == nil {
		return h.Hash(ctx, password)
	}
	return h.HashSalted(ctx, salt, password)
}

// VerifyAny returns the index of the first of the stored hashes that the password is of, -1 for none, in the work of one:
// only those with the salt and cost of the first are looked at. Errors are those of Verify.
func (h *Hasher) VerifyAny(ctx context.Context, password string, stored ...string) (int, error) {
	parsed := make([]phc, len(stored))
	for i, s := range stored {
		var err error
		if parsed[i], err = parse(s); err != nil {
			return -1, fmt.Errorf("verifying password: %w", err)
		}
	}
	if len(parsed) == 0 {
		return -1, h.VerifyDummy(ctx, password)
	}
	if err := h.acquire(ctx); err != nil {
		return -1, fmt.Errorf("verifying password: %w", err)
	}
	defer h.release()
	first := parsed[0]
	key, found := first.derive(password), -1
	for i := len(parsed) - 1; i >= 0; i-- { // all of them, so that the place of the match takes no time either
		p := parsed[i]
		if p.Params == first.Params && bytes.Equal(p.salt, first.salt) && subtle.ConstantTimeCompare(key, p.key) == 1 {
			found = i
		}
	}
	return found, nil
}

// derive computes the key of password under h's salt and cost, as long as h's key.
func (h phc) derive(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.Time, h.MemoryKiB, h.Threads, uint32(len(h.key)))
}
