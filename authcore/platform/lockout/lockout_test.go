package lockout_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockouttest"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// rows is a store in memory that can be made to fail.
type rows struct {
	mu      sync.Mutex
	rows    map[string]authcore.Lockout
	written int
	down    error
}

func (r *rows) Lockout(ctx context.Context, key string) (authcore.Lockout, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, found := r.rows[key]
	if err := errors.Join(ctx.Err(), r.down); err != nil || !found {
		return authcore.Lockout{}, cmp.Or(err, authcore.ErrNotFound)
	}
	return l, nil
}

func (r *rows) ChangeLockout(ctx context.Context, key string, old, next authcore.Lockout) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(ctx.Err(), r.down); err != nil {
		return false, err
	}
	if r.rows == nil {
		r.rows = map[string]authcore.Lockout{}
	}
	if r.rows[key] != old {
		return false, nil
	}
	r.written++
	if r.rows[key] = next; next.Key == "" {
		delete(r.rows, key)
	}
	return true, nil
}

func (r *rows) ClearLockout(ctx context.Context, key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(ctx.Err(), r.down); err != nil {
		return err
	}
	for stored := range r.rows {
		if stored == key || strings.HasPrefix(stored, key) && len(stored) == len(key)+authcore.LockoutDeviceDigits {
			delete(r.rows, stored)
		}
	}
	return nil
}

func (r *rows) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = err
}

func newLockouts(tb testing.TB, cfg lockout.Config) *lockout.Lockouts {
	tb.Helper()
	sealer, err := secret.NewSealer(secret.FromString(strings.Repeat("k", 32)))
	if err != nil {
		tb.Fatal(err)
	}
	cfg.Key = func() secret.MACKey { return sealer.MACKey("lockout names") }
	l, err := lockout.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestLockouts_Conformance(t *testing.T) {
	t.Parallel()
	lockouttest.Run(t, time.Nanosecond, func(tb testing.TB, p lockouttest.Policy) attempt.Lockouts {
		policy := lockout.Policy{Failures: p.Failures, Window: p.Window, First: p.First, Max: p.Max, Device: p.Device}
		return newLockouts(tb, lockout.Config{Policy: policy, Store: &rows{}})
	})
}

// either spreads tries over two nodes with one store.
type either struct {
	nodes [2]attempt.Lockouts
	next  *int
	mu    *sync.Mutex
}

func (e either) node() attempt.Lockouts {
	e.mu.Lock()
	defer e.mu.Unlock()
	*e.next++
	return e.nodes[*e.next%2]
}

func (e either) Begin(ctx context.Context, key string) (attempt.Attempt, time.Duration, error) {
	return e.node().Begin(ctx, key)
}

func (e either) BeginOn(ctx context.Context, key, device string) (attempt.Attempt, time.Duration, error) {
	return e.node().BeginOn(ctx, key, device)
}

func (e either) Fail(ctx context.Context, key string) (bool, error) { return e.node().Fail(ctx, key) }

func (e either) Reset(ctx context.Context, key string) error { return e.node().Reset(ctx, key) }

// TestLockouts_ConformanceOfTwoNodes: what holds for one holds for two.
func TestLockouts_ConformanceOfTwoNodes(t *testing.T) {
	t.Parallel()
	lockouttest.Run(t, time.Nanosecond, func(tb testing.TB, p lockouttest.Policy) attempt.Lockouts {
		store := &rows{}
		cfg := lockout.Config{Policy: lockout.Policy{Failures: p.Failures, Window: p.Window, First: p.First, Max: p.Max, Device: p.Device}, Store: store}
		return either{[2]attempt.Lockouts{newLockouts(tb, cfg), newLockouts(tb, cfg)}, new(int), new(sync.Mutex)}
	})
}

func begin(t *testing.T, l attempt.Lockouts, key string) attempt.Attempt {
	t.Helper()
	a, wait, err := l.Begin(t.Context(), key)
	if a == nil {
		t.Fatalf("begin: wait %v, %v; want a try", wait, err)
	}
	return a
}

func wait(t *testing.T, l attempt.Lockouts, key string) time.Duration {
	t.Helper()
	a, wait, err := l.Begin(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a != nil {
		a.Cancel()
	}
	return wait
}

func lock(t *testing.T, l attempt.Lockouts, key string) {
	t.Helper()
	for range 100 {
		if begin(t, l, key).Failed(t.Context()) {
			return
		}
	}
	t.Fatal("a hundred failures have not locked")
}

// TestL08_ParallelGuesses is 200 wrong passwords at once against the default of five.
func TestL08_ParallelGuesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLockouts(t, lockout.Config{Store: &rows{}})
		var mu sync.Mutex
		hashed := 0
		var all sync.WaitGroup
		for range soak.N(200, 5_000) {
			all.Go(func() {
				a, _, err := l.Begin(context.Background(), "victim")
				if err != nil {
					t.Error(err)
				}
				if a == nil {
					return
				}
				mu.Lock()
				hashed++
				mu.Unlock()
				time.Sleep(50 * time.Millisecond)
				a.Failed(context.Background())
			})
		}
		all.Wait()
		if hashed != 5 {
			t.Errorf("%d wrong passwords were hashed, want 5", hashed)
		}
	})
}

// TestL12_ParallelOwner is 20 right passwords at once, hashed two at a time.
func TestL12_ParallelOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLockouts(t, lockout.Config{Store: &rows{}})
		ownersAtOnce(t, l)
	})
}

// ownersAtOnce is 20 right passwords, hashed two at a time, on the nodes in turn. It is called in a bubble of synctest: the time of
// a hash is that of the bubble.
func ownersAtOnce(t *testing.T, nodes ...attempt.Lockouts) {
	t.Helper()
	cores := make(chan struct{}, 2)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			a, wait, err := nodes[i%len(nodes)].Begin(context.Background(), "owner")
			if a == nil {
				t.Errorf("turned away: wait %v, %v", wait, err)
				return
			}
			cores <- struct{}{}
			time.Sleep(60 * time.Millisecond)
			<-cores
			a.Succeeded(context.Background())
		})
	}
	all.Wait()
}

// TestL13_OwnSuccess alternates guesses on a victim with sign-ins of the attacker's own: the victim's failures are not reset
// by them.
func TestL13_OwnSuccess(t *testing.T) {
	t.Parallel()
	l := newLockouts(t, lockout.Config{Store: &rows{}, Now: newClock().now})
	guesses := 0
	for i := range 50 {
		if i%5 == 4 {
			begin(t, l, "attacker").Succeeded(t.Context())
			continue
		}
		if a, _, err := l.Begin(t.Context(), "victim"); err != nil {
			t.Fatal(err)
		} else if a != nil {
			guesses++
			a.Failed(t.Context())
		}
	}
	if guesses != 5 {
		t.Errorf("%d guesses got through, want 5", guesses)
	}
}

// TestL07_OneCounterPerKey: whatever spellings the caller maps to one key share one
// budget, and a store never sees the name.
func TestL07_OneCounterPerKey(t *testing.T) {
	t.Parallel()
	store := &rows{}
	l := newLockouts(t, lockout.Config{Store: store, Now: newClock().now})
	for range 4 {
		begin(t, l, "bob@example.com").Failed(t.Context())
	}
	if !begin(t, l, "bob@example.com").Failed(t.Context()) {
		t.Error("the fifth failure of one key has not locked it")
	}
	for key := range store.rows {
		if strings.Contains(key, "bob") || key == fmt.Sprintf("%x", secret.SumString("bob@example.com")) || len(key) != 64 {
			t.Errorf("stored under %q, which tells the name", key)
		}
	}
}

func TestLockouts_SurviveARestart(t *testing.T) {
	t.Parallel()
	c, store := newClock(), &rows{}
	cfg := lockout.Config{Store: store, Now: c.now}
	l := newLockouts(t, cfg)
	lock(t, l, "a")
	c.advance(time.Minute)
	lock(t, l, "a")
	lock(t, l, "b")

	again := newLockouts(t, cfg)
	if got := wait(t, again, "a"); got != 2*time.Minute {
		t.Errorf("after a restart a waits %v, want 2m", got)
	}
	c.advance(2 * time.Minute)
	lock(t, again, "a")
	if got := wait(t, again, "a"); got != 4*time.Minute {
		t.Errorf("the doubling was forgotten: a waits %v, want 4m", got)
	}
	begin(t, again, "b").Succeeded(t.Context())
	if err := again.Reset(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if len(store.rows) != 0 {
		t.Errorf("%d rows are left after a success and a reset", len(store.rows))
	}
}

// TestLockouts_AStoreThatFails lets nobody try, and forgets no failure: one that could not be written counts after a while.
func TestLockouts_AStoreThatFails(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	store, c := &rows{}, newClock()
	l := newLockouts(t, lockout.Config{Store: store, Now: c.now,
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	var tries []attempt.Attempt
	for range 4 {
		tries = append(tries, begin(t, l, "bob@example.com"))
	}
	store.fail(authcore.ErrUnavailable)
	for _, a := range tries {
		a.Failed(t.Context())
	}
	if a, _, err := l.Begin(t.Context(), "bob@example.com"); a != nil || !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("a try while nobody counts: %v, want the store's error", err)
	}
	if err := l.Reset(t.Context(), "bob@example.com"); !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("reset: got %v, want the store's error", err)
	}
	store.fail(nil)
	c.advance(31 * time.Second)
	if !begin(t, l, "bob@example.com").Failed(t.Context()) {
		t.Error("failures that could not be written were forgotten")
	}
	if log.Len() == 0 || strings.Contains(log.String(), "bob") || strings.Contains(log.String(), "level=WARN") {
		t.Errorf("log is %q, want a line for debugging without the name", log.String())
	}
}

// TestLockouts_ANodeThatDies leaves tries that run for ever: they count as failures, and hold nobody up for longer.
func TestLockouts_ANodeThatDies(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLockouts(t, lockout.Config{Store: &rows{}, Now: c.now, QueueWait: time.Millisecond})
	for range 5 {
		begin(t, l, "a")
	}
	if _, _, err := l.Begin(t.Context(), "a"); !errors.Is(err, attempt.ErrFull) {
		t.Errorf("with all places taken: %v", err)
	}
	c.advance(31 * time.Second)
	if !begin(t, l, "a").Failed(t.Context()) {
		t.Error("the tries of a node that died were forgotten")
	}
}

// TestLockouts_ALockedNameIsNotWritten: whoever knocks at a lock costs one look at the store.
func TestLockouts_ALockedNameIsNotWritten(t *testing.T) {
	t.Parallel()
	store := &rows{}
	l := newLockouts(t, lockout.Config{Store: store, Now: newClock().now})
	lock(t, l, "a")
	before := store.written
	for range 100 {
		wait(t, l, "a")
	}
	if store.written != before {
		t.Errorf("written %d times", store.written-before)
	}
}

// TestLockouts_RowOfAnOlderProgram: a row with a lock and nothing else holds and doubles; one with junk for tries is a lock too.
func TestLockouts_RowOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	c, store := newClock(), &rows{}
	l := newLockouts(t, lockout.Config{Store: store, Now: c.now})
	lock(t, l, "a")
	for key := range store.rows {
		store.rows[key] = authcore.Lockout{Key: key, Until: c.now().Add(2 * time.Minute), Level: 1, Tries: "x 1@ @2! zz@9"}
	}
	if got := wait(t, l, "a"); got != 2*time.Minute {
		t.Errorf("waits %v, want 2m", got)
	}
	c.advance(2 * time.Minute)
	lock(t, l, "a")
	if got := wait(t, l, "a"); got != 4*time.Minute {
		t.Errorf("the next lock is %v, want 4m", got)
	}
}

func TestLockouts_HangingUpKeepsNothingOutOfTheStore(t *testing.T) {
	t.Parallel()
	store := &rows{}
	l := newLockouts(t, lockout.Config{Store: store, Now: newClock().now})
	ctx, cancel := context.WithCancel(t.Context())
	var tries []attempt.Attempt
	for range 5 {
		tries = append(tries, begin(t, l, "a"))
	}
	cancel()
	for _, a := range tries {
		a.Failed(ctx)
	}
	if wait(t, l, "a") == 0 {
		t.Error("five failures of who hung up have not locked")
	}
}

func TestLockouts_Reconfigure(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLockouts(t, lockout.Config{Store: &rows{}, Now: c.now})
	for range 4 {
		begin(t, l, "a").Failed(t.Context())
	}
	if err := l.Reconfigure(lockout.Policy{Failures: 2}); err != nil {
		t.Fatal(err)
	}
	if !begin(t, l, "a").Failed(t.Context()) {
		t.Error("earlier failures were forgotten with the new policy")
	}
	if err := l.Reconfigure(lockout.Policy{Off: true}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if begin(t, l, "a").Failed(t.Context()) {
			t.Error("locked although off")
		}
	}
	if err := l.Reconfigure(lockout.Policy{}); err != nil {
		t.Fatal(err)
	}
	if wait(t, l, "a") != time.Minute {
		t.Error("the lock of before was forgotten while off")
	}
	if err := l.Reconfigure(lockout.Policy{First: time.Hour, Max: time.Minute}); err == nil {
		t.Error("a longest lock below the first one was taken")
	}
}

func TestLockouts_ClockSetBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLockouts(t, lockout.Config{Store: &rows{}, Now: c.now})
	lock(t, l, "locked")
	begin(t, l, "failed").Failed(t.Context())
	c.advance(-100 * time.Hour)
	if got := wait(t, l, "locked"); got <= 0 || got > time.Hour {
		t.Errorf("waits %v with the clock set back, want up to the longest lock", got)
	}
	c.advance(time.Hour)
	if got := wait(t, l, "locked"); got != 0 {
		t.Errorf("still waits %v after the longest lock", got)
	}
}
