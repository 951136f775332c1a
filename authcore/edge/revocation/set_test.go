package revocation_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revoketest"
)

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

func TestConformance(t *testing.T) {
	t.Parallel()
	revoketest.Run(t, func(tb testing.TB) revoketest.Node {
		c := newClock()
		set := revocation.NewSet(c.now)
		announcer, err := revocation.NewAnnouncer(set)
		if err != nil {
			tb.Fatal(err)
		}
		return revoketest.Node{
			Revoker: announcer, Revocations: set, Now: c.now, Advance: c.advance,
			Sweep: func() { set.Sweep(c.now()) }, Len: set.Len,
		}
	})
}

func TestSweep_KeepsAMinuteLonger(t *testing.T) {
	t.Parallel()
	c := newClock()
	set := revocation.NewSet(c.now)
	session := uuid.New()
	set.Apply(authcore.Revocation{SessionID: session, Until: c.now().Add(time.Minute)})
	c.advance(2 * time.Minute)
	if n := set.Sweep(c.now()); n != 0 || set.Len() != 1 {
		t.Errorf("dropped %d at the end of the minute after its end", n)
	}
	c.advance(time.Microsecond)
	if n := set.Sweep(c.now()); n != 1 || set.Len() != 0 {
		t.Errorf("dropped %d, want 1; %d left", n, set.Len())
	}
}

func TestLoad_ReadsPageByPage(t *testing.T) {
	t.Parallel()
	set := revocation.NewSet(newClock().now)
	var all []authcore.Revocation
	for i := range 25 {
		all = append(all, authcore.Revocation{Seq: int64(10 + 2*i), SessionID: uuid.New(), Until: newClock().now().Add(time.Hour)})
	}
	source := func(_ context.Context, after int64, _ time.Time) (page []authcore.Revocation, _ error) {
		for _, r := range all {
			if r.Seq > after && len(page) < 10 {
				page = append(page, r)
			}
		}
		return page, nil
	}
	last, err := set.Load(t.Context(), source, 0)
	if err != nil || last != 58 {
		t.Errorf("got %d, %v; want 58", last, err)
	}
	for _, r := range all {
		if set.Check(r.SessionID, uuid.Nil, 0, 0) != authcore.Revoked {
			t.Errorf("revocation %d is missing", r.Seq)
		}
	}
}

func TestLoad_KeepsWhatCameBeforeAnError(t *testing.T) {
	t.Parallel()
	set := revocation.NewSet(nil)
	session := uuid.New()
	source := func(_ context.Context, after int64, _ time.Time) ([]authcore.Revocation, error) {
		if after == 0 {
			return []authcore.Revocation{{Seq: 4, SessionID: session, Until: time.Now().Add(time.Hour)}}, nil
		}
		return nil, authcore.ErrUnavailable
	}
	last, err := set.Load(t.Context(), source, 0)
	if last != 4 || !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("got %d, %v; want 4 and the source's error", last, err)
	}
	if set.Check(session, uuid.Nil, 0, 0) != authcore.Revoked {
		t.Error("what was read before the error is missing")
	}
}

func TestCheck_AllocatesNothing(t *testing.T) {
	// Not parallel: AllocsPerRun counts the allocations of the whole process.
	set, sessions := filled(10_000)
	other, account := uuid.New(), uuid.New()
	allocs := testing.AllocsPerRun(100, func() {
		set.Check(sessions[0], account, 0, 0)
		set.Check(other, account, 0, 0)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestSet_AMillionIn64MiB(t *testing.T) {
	// Not parallel: it measures the heap of the whole process.
	before := heap()
	set := revocation.NewSet(nil)
	until := time.Now().Add(time.Hour)
	for range 500_000 {
		set.Apply(
			authcore.Revocation{SessionID: uuid.New(), Until: until},
			authcore.Revocation{AccountID: uuid.New(), Epoch: 3, Until: until})
	}
	used := heap() - before
	if set.Len() != 1_000_000 {
		t.Fatalf("%d entries, want a million", set.Len())
	}
	if used > 64<<20 {
		t.Errorf("a million revocations take %d MiB", used>>20)
	}
	t.Logf("a million revocations take %.1f MiB", float64(used)/(1<<20))
	runtime.KeepAlive(set)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func filled(n int) (*revocation.Set, []uuid.UUID) {
	set := revocation.NewSet(nil)
	until := time.Now().Add(time.Hour)
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
		set.Apply(authcore.Revocation{SessionID: ids[i], Until: until})
	}
	return set, ids
}

func BenchmarkCheck(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"empty", 0}, {"10k", 10_000}, {"1M", 1_000_000}} {
		before := heap()
		set, revoked := filled(size.n)
		taken := float64(heap()-before-int64(len(revoked)*16)) / (1 << 20) // the ids of the sessions are the benchmark's own
		if size.n > 0 {                                                    // so that the second look-up is paid for too
			set.Apply(authcore.Revocation{AccountID: uuid.New(), Epoch: 1, Until: time.Now().Add(time.Hour)})
		}
		revoked = revoked[:min(len(revoked), 1<<16)] // a request's ids are at hand: only the set's memory is to be waited for
		live := make([]uuid.UUID, 1<<16)
		for i := range live {
			live[i] = uuid.Must(uuid.NewV7())
		}
		account := uuid.New()
		b.Run(size.name+"/live", func(b *testing.B) {
			check(b, set, live, account, authcore.Valid)
			b.ReportMetric(taken, "MiB")
		})
		if size.n > 0 {
			b.Run(size.name+"/revoked", func(b *testing.B) { check(b, set, revoked, account, authcore.Revoked) })
		}
	}
}

func check(b *testing.B, set *revocation.Set, sessions []uuid.UUID, account uuid.UUID, want authcore.Verdict) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if set.Check(sessions[i*7919%len(sessions)], account, 0, 0) != want {
				b.Error("wrong verdict")
				return
			}
		}
	})
}
