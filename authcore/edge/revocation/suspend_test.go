package revocation_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
)

// sleeper is a process that can be paused: its clock goes on while nothing of it runs.
type sleeper struct {
	*revocation.Staleness
	ahead atomic.Int64 // of the bubble's clock
	woken []time.Duration
}

const bound = 30 * time.Second

func newSleeper() *sleeper {
	s := new(sleeper)
	s.Staleness = revocation.NewStaleness(s.now)
	s.Database(s.now())
	return s
}

func (s *sleeper) now() time.Time        { return time.Now().Add(time.Duration(s.ahead.Load())) }
func (s *sleeper) pause(d time.Duration) { s.ahead.Add(int64(d)) }

// watch runs Watch until stop is called.
func (s *sleeper) watch(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Watch(ctx, func(pause time.Duration) { s.woken = append(s.woken, pause) })
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-done
	}
}

func (s *sleeper) want(t *testing.T, when string, refuses bool) {
	t.Helper()
	if s.Exceeds(bound) != refuses {
		t.Errorf("%s: refuses is %t, the snapshot is %s old", when, !refuses, s.Age())
	}
}

// TestStaleness_PausedProcess: nothing is answered by the snapshot of before a pause, by the first request neither, until a
// source confirms it that was asked after the pause.
func TestStaleness_PausedProcess(t *testing.T) {
	t.Parallel()
	for name, confirm := range map[string]func(*revocation.Staleness, time.Time){
		"database": (*revocation.Staleness).Database, "feed": (*revocation.Staleness).Feed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSleeper()
				defer s.watch(t)()
				after(time.Second)
				s.want(t, "awake", false)
				asked := s.now()
				after(100 * time.Millisecond)
				s.pause(3 * time.Second)
				s.want(t, "before any worker runs", true)
				confirm(s.Staleness, asked)
				s.want(t, "after the answer to what was asked before", true)
				after(time.Second)
				s.want(t, "once the workers run", true)
				if s.Age() > 6*time.Second || len(s.woken) != 1 || s.woken[0] < 3*time.Second || s.woken[0] > 3300*time.Millisecond {
					t.Errorf("the snapshot is %s old, told of %v", s.Age(), s.woken)
				}
				confirm(s.Staleness, asked)
				s.want(t, "after a late answer to what was asked before", true)
				confirm(s.Staleness, s.now())
				s.want(t, "after an answer", false)
				after(20 * time.Second)
				s.want(t, "a while later", false)
				if len(s.woken) != 1 {
					t.Errorf("told of %v", s.woken)
				}
			})
		})
	}
}

// TestStaleness_PausesThatDoNotCount: a moment without a processor is none, and nobody is paused whom nobody watches.
func TestStaleness_PausesThatDoNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSleeper()
		s.pause(10 * time.Second)
		s.want(t, "unwatched", false)
		stop := s.watch(t)
		s.want(t, "from now on watched", false)
		after(time.Second)
		s.pause(1700 * time.Millisecond)
		s.want(t, "a moment", false)
		after(time.Second)
		s.want(t, "after a moment", false)
		another := s.watch(t)
		stop()
		s.pause(10 * time.Second)
		s.want(t, "watched by another", true)
		after(time.Second)
		s.Database(s.now())
		another()
		s.pause(10 * time.Second)
		s.want(t, "watched no more", false)
		defer s.watch(t)()
		s.want(t, "watched again", false)
		if len(s.woken) != 1 {
			t.Errorf("told of %v", s.woken)
		}
	})
}

// TestFollower_ReadsAfterAPause: the first reading that begins after a pause counts, whoever notices the pause first.
func TestFollower_ReadsAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSleeper()
		x := followOver(t, s.Staleness, s.now)
		defer s.watch(t)()
		after(600 * time.Millisecond)
		s.pause(3 * time.Second)
		if err := x.f.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.want(t, "read after the pause, before Watch has noticed", false)
		after(time.Second)
		s.want(t, "once it has", false)
		if len(s.woken) != 1 {
			t.Errorf("told of %v", s.woken)
		}
	})
}

// TestStaleness_SuspendedMachineIsPaused: its monotonic clock has stood still.
func TestStaleness_SuspendedMachineIsPaused(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[time.Time]
	at := time.Now()
	now.Store(&at)
	f := revocation.NewStaleness(func() time.Time { return *now.Load() })
	f.Database(at)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	woken := make(chan time.Duration)
	go f.Watch(ctx, func(d time.Duration) { woken <- d })
	later := wallMoved(t, at.Add(time.Millisecond), 20*time.Second)
	now.Store(&later) // Watch begins before or after this
	select {
	case <-woken:
	case <-time.After(time.Second):
		later = wallMoved(t, at.Add(time.Millisecond), 40*time.Second)
		now.Store(&later)
		<-woken
	}
	if !f.Exceeds(time.Hour) {
		t.Error("a machine that slept answers from its snapshot of before")
	}
	f.Database(later)
	if f.Exceeds(time.Hour) {
		t.Error("it does not come back")
	}
}

func BenchmarkStaleness_Exceeds(b *testing.B) {
	f := revocation.NewStaleness(nil)
	f.Database(time.Now())
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go f.Watch(ctx, func(time.Duration) {})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if f.Exceeds(time.Hour) {
				b.Error("old")
			}
		}
	})
}
