package passhash

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cheap keeps the tests fast; the cost itself is checked by TestDefaults.
var cheap = Params{MemoryKiB: 64, Time: 1, Threads: 1}

func newHasher(t testing.TB, cfg Config) *Hasher {
	t.Helper()
	if cfg.Params == (Params{}) {
		cfg.Params = cheap
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hash(t testing.TB, h *Hasher, password string) string {
	t.Helper()
	stored, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func verify(t testing.TB, h *Hasher, stored, password string) bool {
	t.Helper()
	ok, err := h.Verify(t.Context(), stored, password)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	h, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	stored := hash(t, h, "correct horse battery staple")
	p, err := parse(stored)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=47104,t=1,p=1$") || len(p.salt) != 16 || len(p.key) != 32 {
		t.Errorf("got %s", stored)
	}
	if !verify(t, h, stored, "correct horse battery staple") || verify(t, h, stored, "correct horse battery stapler") {
		t.Error("verification is wrong")
	}
	if again := hash(t, h, "correct horse battery staple"); again == stored {
		t.Error("the salt is not fresh")
	}
}

// From the test suite of the reference implementation, phc-winner-argon2.
func TestVerify_Reference(t *testing.T) {
	t.Parallel()
	h := newHasher(t, Config{})
	const stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !verify(t, h, stored, "password") || verify(t, h, stored, "Password") {
		t.Error("the reference hash does not verify")
	}
}

func TestL17_NoTruncation(t *testing.T) {
	t.Parallel()
	h := newHasher(t, Config{})
	for _, length := range []int{55, 71, 72, 73, 127, 128, 255, 256, 1024, 1 << 16} {
		long := strings.Repeat("A", length)
		stored := hash(t, h, long+"x")
		if !verify(t, h, stored, long+"x") {
			t.Errorf("%d: the password itself is refused", length)
		}
		for _, other := range []string{long + "y", long, long + "xx"} {
			if verify(t, h, stored, other) {
				t.Errorf("%d: another password passes", length)
			}
		}
	}
	stored := hash(t, h, "before\x00after")
	if !verify(t, h, stored, "before\x00after") {
		t.Error("a password with NUL is refused")
	}
	for _, other := range []string{"before", "before\x00", "before\x00other", "beforeafter", "", "\x00"} {
		if verify(t, h, stored, other) {
			t.Errorf("NUL ends the password: %q passes", other)
		}
	}
}

func TestParse_Strict(t *testing.T) {
	t.Parallel()
	const salt, key = "c29tZXNhbHRzb21lc2FsdA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	good := "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key
	if p, err := parse(good); err != nil || p.String() != good {
		t.Fatalf("%v %v", p, err)
	}
	h := newHasher(t, Config{})
	for _, text := range []string{
		"", "$", "argon2id", good[1:], good + "$", good + " ", " " + good, good + "\n", good + "=",
		strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "argon2id", "Argon2id", 1),
		strings.Replace(good, "v=19", "v=16", 1), strings.Replace(good, "$v=19", "", 1),
		"$argon2id$v=19$t=1,m=64,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1,x=1$" + salt + "$" + key, "$argon2id$v=19$m=064,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=+64,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=6_4,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=1048577,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=4294967360,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=17,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key, "$argon2id$v=19$m=256,t=1,p=17$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=1,p=257$" + salt + "$" + key, "$argon2id$v=19$m=8,t=1,p=2$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + "c29tZQ" + "$" + key, "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + "AAAA",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "\n$" + key, "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdB$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 88), "$argon2id$v=19$m=64,t=1,p=1$$",
	} {
		if _, err := h.Verify(t.Context(), text, "password"); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
		if !h.NeedsRehash(text) {
			t.Errorf("%q needs no rehash", text)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	t.Parallel()
	h := newHasher(t, Config{})
	if h.NeedsRehash(hash(t, h, "a")) {
		t.Error("a fresh hash needs one")
	}
	for _, p := range []Params{{128, 1, 1}, {64, 2, 1}, {64, 1, 2}} {
		other := newHasher(t, Config{Params: p})
		stored := hash(t, other, "a")
		if !h.NeedsRehash(stored) || !verify(t, h, stored, "a") {
			t.Errorf("%+v: hashes of another cost verify and need a rehash", p)
		}
	}
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{
		{Params: Params{MemoryKiB: 64}}, {Params: Params{7, 1, 1}}, {Params: Params{1<<20 + 1, 1, 1}}, {Params: Params{64, 17, 1}},
		{Params: Params{1024, 1, 17}}, {Params: Params{8, 1, 2}}, {Workers: -1}, {QueueWait: -1}, {MaxQueue: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// The dummy has the configured cost, whatever that is, and no password.
func TestVerifyDummy_ConfiguredCost(t *testing.T) {
	p := Params{MemoryKiB: 8192, Time: 3, Threads: 2}
	h := newHasher(t, Config{Params: p})
	if h.dummy.Params != p || len(h.dummy.salt) != saltSize || len(h.dummy.key) != keySize {
		t.Errorf("dummy has %+v", h.dummy.Params)
	}
	stored := hash(t, h, "password")
	timed := func(work func() error) time.Duration {
		start := time.Now()
		if err := work(); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	// The quickest of many turns, taken alternately: a busy machine slows both down.
	wrong, dummy := time.Hour, time.Hour
	for turn := 0; turn < 100; turn++ {
		wrong = min(wrong, timed(func() error { _, err := h.Verify(t.Context(), stored, "wrong"); return err }))
		dummy = min(dummy, timed(func() error { return h.VerifyDummy(t.Context(), "wrong") }))
		if turn >= 5 && dummy > wrong*2/3 && dummy < wrong*3/2 {
			return
		}
	}
	t.Errorf("dummy took %v, a wrong password %v", dummy, wrong)
}

func TestPool_NeverMoreThanWorkers(t *testing.T) {
	t.Parallel()
	h := newHasher(t, Config{Params: Params{MemoryKiB: 1024, Time: 1, Threads: 1}, Workers: 2, QueueWait: time.Minute, MaxQueue: 100})
	stop := make(chan struct{})
	var most atomic.Int64
	var watch, work sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				most.Store(max(most.Load(), int64(h.InFlight())))
			}
		}
	})
	for range 50 {
		work.Go(func() {
			if _, err := h.Hash(t.Context(), "password"); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	close(stop)
	watch.Wait()
	if n := most.Load(); n < 1 || n > 2 {
		t.Errorf("%d at once", n)
	}
	if h.InFlight() != 0 || h.Queued() != 0 {
		t.Errorf("left behind: %d in flight, %d queued", h.InFlight(), h.Queued())
	}
}

func TestPool_BusyAfterQueueWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, Config{Workers: 1, MaxQueue: 2})
		h.slots <- struct{}{} // the one worker is taken
		start := time.Now()
		results := make(chan error, 2)
		go func() { _, err := h.Hash(t.Context(), "a"); results <- err }()
		go func() { results <- h.VerifyDummy(t.Context(), "a") }()
		synctest.Wait()
		if h.Queued() != 2 || h.InFlight() != 1 {
			t.Errorf("%d queued, %d in flight", h.Queued(), h.InFlight())
		}
		if _, err := h.Verify(t.Context(), h.dummy.String(), "a"); !errors.Is(err, ErrBusy) || time.Since(start) != 0 {
			t.Errorf("a full queue answers %v after %v", err, time.Since(start))
		}
		for range 2 {
			if err := <-results; !errors.Is(err, ErrBusy) || time.Since(start) != 2*time.Second {
				t.Errorf("got %v after %v", err, time.Since(start))
			}
		}
		h.release()
		if h.Queued() != 0 || !verify(t, h, hash(t, h, "a"), "a") {
			t.Error("the pool does not recover")
		}
	})
}

func TestPool_HonoursContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, Config{Workers: 1})
		gone, cancel := context.WithCancel(t.Context())
		h.slots <- struct{}{}
		result := make(chan error, 1)
		go func() { _, err := h.Hash(gone, "a"); result <- err }()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		h.release()
		if _, err := h.Hash(gone, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("with a free worker: %v", err)
		}
		if h.Queued() != 0 || h.InFlight() != 0 {
			t.Error("a place is lost")
		}
		h.slots <- struct{}{}
		go func() { _, err := h.Hash(t.Context(), "a"); result <- err }()
		synctest.Wait()
		h.release()
		if err := <-result; err != nil {
			t.Errorf("who waits is not served: %v", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	h := newHasher(f, Config{})
	seeds := []string{hash(f, h, "a"), h.dummy.String(), "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=1,p=1$$", "$2b$10$x"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse(text)
		if err != nil {
			return
		}
		if p.String() != text {
			t.Errorf("%q is written as %q", text, p)
		}
		if p.MemoryKiB > maxMemoryKiB || p.Time > maxTime || p.Threads > maxThreads {
			t.Errorf("%q is above the caps", text)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "correct horse battery staple"); err != nil {
			b.Fatal(err)
		}
	}
}
