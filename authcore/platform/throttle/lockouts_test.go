package throttle_test

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
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/throttle"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/throttletest"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// rows is a store of locks in memory that can be made to fail.
type rows struct {
	mu    sync.Mutex
	rows  map[string]authcore.Lockout
	asked int // for single locks
	down  error
}

func (r *rows) SaveLockout(ctx context.Context, l authcore.Lockout) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(ctx.Err(), r.down); err != nil {
		return err
	}
	if r.rows == nil {
		r.rows = map[string]authcore.Lockout{}
	}
	r.rows[l.Key] = l
	return nil
}

func (r *rows) ClearLockout(ctx context.Context, key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(ctx.Err(), r.down); err != nil {
		return err
	}
	delete(r.rows, key)
	return nil
}

func (r *rows) Lockout(ctx context.Context, key string) (authcore.Lockout, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	l, found := r.rows[key]
	if err := errors.Join(ctx.Err(), r.down); err != nil || !found {
		return authcore.Lockout{}, cmp.Or(err, authcore.ErrNotFound)
	}
	return l, nil
}

func (r *rows) Lockouts(ctx context.Context, since time.Time) (ls []authcore.Lockout, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.rows {
		if l.Until.After(since) {
			ls = append(ls, l)
		}
	}
	return ls, errors.Join(ctx.Err(), r.down)
}

func (r *rows) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = err
}

func sealer(tb testing.TB) *secret.Sealer {
	tb.Helper()
	s, err := secret.NewSealer(secret.FromString(strings.Repeat("k", 32)))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func newLockouts(tb testing.TB, cfg throttle.LockoutConfig) *throttle.Lockouts {
	tb.Helper()
	if cfg.Key == nil {
		key := sealer(tb).MACKey("lockout names")
		cfg.Key = func() secret.MACKey { return key }
	}
	l, err := throttle.NewLockouts(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func TestLockouts_Conformance(t *testing.T) {
	t.Parallel()
	throttletest.RunLockouts(t, time.Nanosecond, func(tb testing.TB, p throttletest.Policy) authcore.Lockouts {
		policy := throttle.Policy{Failures: p.Failures, Window: p.Window, First: p.First, Max: p.Max}
		return newLockouts(tb, throttle.LockoutConfig{Policy: policy, Store: &rows{}})
	})
}

func begin(t *testing.T, l authcore.Lockouts, key string) authcore.Attempt {
	t.Helper()
	a, wait, err := l.Begin(t.Context(), key)
	if a == nil {
		t.Fatalf("begin: wait %v, %v; want a try", wait, err)
	}
	return a
}

func wait(t *testing.T, l authcore.Lockouts, key string) time.Duration {
	t.Helper()
	a, wait, err := l.Begin(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a != nil {
		a.Abandoned()
	}
	return wait
}

func lock(t *testing.T, l authcore.Lockouts, key string) {
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
		l := newLockouts(t, throttle.LockoutConfig{Store: &rows{}})
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
		l := newLockouts(t, throttle.LockoutConfig{Store: &rows{}})
		ownersAtOnce(t, l)
	})
}

// ownersAtOnce is 20 right passwords, hashed two at a time, on the nodes in turn. It is called in a bubble of synctest: the time of
// a hash is that of the bubble.
func ownersAtOnce(t *testing.T, nodes ...authcore.Lockouts) {
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

// TestL13_OwnSuccess alternates guesses on a victim with sign-ins of the attacker's own:
// neither the victim's failures nor the address's count are reset by them.
func TestL13_OwnSuccess(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLockouts(t, throttle.LockoutConfig{Store: &rows{}, Now: c.now})
	m := newMemory(t, throttle.Config{Now: c.now})
	guesses, limited := 0, false
	for i := 0; i < 50 && !limited; i++ {
		if limited = take(t, m, login("192.0.2.1")) > 0; limited {
			break
		}
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
	if !limited {
		t.Error("own successes have reset the address's limit")
	}
}

// TestL07_OneCounterPerKey: whatever spellings the caller maps to one key share one
// budget, and a store never sees the name.
func TestL07_OneCounterPerKey(t *testing.T) {
	t.Parallel()
	store := &rows{}
	l := newLockouts(t, throttle.LockoutConfig{Store: store, Now: newClock().now})
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
	cfg := throttle.LockoutConfig{Store: store, Now: c.now}
	l := newLockouts(t, cfg)
	lock(t, l, "a")
	c.advance(time.Minute)
	lock(t, l, "a")
	lock(t, l, "b")

	again := newLockouts(t, cfg)
	if err := again.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
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

func TestLockouts_AStoreThatFailsUnlocksNobody(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	store := &rows{}
	l := newLockouts(t, throttle.LockoutConfig{Store: store, Now: newClock().now,
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	store.fail(authcore.ErrUnavailable)
	lock(t, l, "bob@example.com")
	if wait(t, l, "bob@example.com") != time.Minute {
		t.Error("not locked since the store failed")
	}
	if err := l.Reset(t.Context(), "bob@example.com"); !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("reset: got %v, want the store's error", err)
	}
	if wait(t, l, "bob@example.com") != time.Minute {
		t.Error("unlocked although the store failed")
	}
	if log.Len() == 0 || strings.Contains(log.String(), "bob") || strings.Contains(log.String(), "level=WARN") {
		t.Errorf("log is %q, want a line for debugging without the name", log.String())
	}
}

func TestLockouts_HangingUpKeepsNothingOutOfTheStore(t *testing.T) {
	t.Parallel()
	store := &rows{}
	l := newLockouts(t, throttle.LockoutConfig{Store: store, Now: newClock().now})
	ctx, cancel := context.WithCancel(t.Context())
	var tries []authcore.Attempt
	for range 5 {
		tries = append(tries, begin(t, l, "a"))
	}
	cancel()
	for _, a := range tries {
		a.Failed(ctx)
	}
	if len(store.rows) != 1 {
		t.Errorf("%d locks are stored, want 1", len(store.rows))
	}
}

func TestLockouts_Reconfigure(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLockouts(t, throttle.LockoutConfig{Store: &rows{}, Now: c.now})
	for range 4 {
		begin(t, l, "a").Failed(t.Context())
	}
	if err := l.Reconfigure(throttle.LockoutConfig{Policy: throttle.Policy{Failures: 2}}); err != nil {
		t.Fatal(err)
	}
	if !begin(t, l, "a").Failed(t.Context()) {
		t.Error("earlier failures were forgotten with the new policy")
	}
	if err := l.Reconfigure(throttle.LockoutConfig{Policy: throttle.Policy{Off: true}}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if begin(t, l, "a").Failed(t.Context()) {
			t.Error("locked although off")
		}
	}
	if err := l.Reconfigure(throttle.LockoutConfig{}); err != nil {
		t.Fatal(err)
	}
	if wait(t, l, "a") != time.Minute {
		t.Error("the lock of before was forgotten while off")
	}
	if err := l.Reconfigure(throttle.LockoutConfig{Policy: throttle.Policy{First: time.Hour, Max: time.Minute}}); err == nil {
		t.Error("a longest lock below the first one was taken")
	}
}

func TestLockouts_ClockSetBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLockouts(t, throttle.LockoutConfig{Store: &rows{}, Now: c.now})
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

func TestLockouts_Bounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLockouts(t, throttle.LockoutConfig{Store: &rows{}, Now: c.now, MaxKeys: 1024})
	for i := range 40 {
		lock(t, l, fmt.Sprint("locked ", i))
	}
	for i := range 20_000 {
		begin(t, l, fmt.Sprint("flood ", i)).Failed(t.Context())
	}
	if n := l.Len(); n > 1024 {
		t.Errorf("%d names are remembered, room is for 1024", n)
	}
	for i := range 40 {
		if wait(t, l, fmt.Sprint("locked ", i)) == 0 {
			t.Fatalf("name %d was unlocked by a flood of others", i)
		}
	}
}
