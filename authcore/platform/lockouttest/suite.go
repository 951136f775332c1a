package lockouttest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
)

// Policy is a policy to configure.
type Policy struct {
	Failures, Device   int
	Window, First, Max time.Duration
}

// Run checks what [attempt.Lockouts] promise, with three failures in ten minutes,
// locks of one to four minutes and a queue of two seconds. open returns lockouts that
// work by time.Now; each test runs in a bubble of testing/synctest, whose time stands
// still but where all wait. tick is the least time that they tell apart.
func Run(t *testing.T, tick time.Duration, open func(testing.TB, Policy) attempt.Lockouts) {
	policy := Policy{Failures: 3, Device: 5, Window: 10 * time.Minute, First: time.Minute, Max: 4 * time.Minute}
	for _, c := range []struct {
		name string
		run  func(*testing.T, attempt.Lockouts)
	}{
		{"Lock/AfterTheLastFailure", func(t *testing.T, l attempt.Lockouts) { lockAfterLast(t, l, tick) }},
		{"Lock/DoublesUpToMax", lockDoubles},
		{"Lock/DoublingIsForgotten", doublingForgotten},
		{"Lock/EndsWithAFullBudget", fullBudget},
		{"Window/OldFailuresDoNotCount", window},
		{"Success/ForgetsFailures", successForgets},
		{"Reset/Unlocks", resetUnlocks},
		{"Fail/CountsWithoutAPlace", failCounts},
		{"Keys/AreApart", lockKeysApart},
		{"Device/AStrangersLockDoesNotHoldItUp", deviceApart},
		{"Device/HasABudgetOfItsOwn", deviceBudget},
		{"Device/UnlocksNobodyElse", deviceUnlocksNobody},
		{"Device/ResetUnlocks", deviceReset},
		{"Device/ParallelWrongOnesStopAtTheBudget", deviceParallel},
		{"Parallel/WrongOnesStopAtTheBudget", parallelWrong},
		{"Parallel/RightOnesAllPass", parallelRight},
		{"Parallel/WrongOnesBehindARightOne", mixed},
		{"Queue/EndsAfterTwoSeconds", queueEnds},
		{"Queue/HeedsTheContext", queueContext},
		{"Queue/AbandonedMakesRoom", abandoned},
		{"Queue/CancelledWhileGranted", cancelledWhileGranted},
		{"Attempt/ASecondResultIsIgnored", secondResult},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(t, open(t, policy)) })
		})
	}
}

// begin returns a running try, and fails the test when there is none.
func begin(t *testing.T, l attempt.Lockouts, key string) attempt.Attempt {
	t.Helper()
	a, wait, err := l.Begin(t.Context(), key)
	if err != nil || wait != 0 || a == nil {
		t.Fatalf("begin: wait %v, %v; want a try", wait, err)
	}
	return a
}

// failCounts: what was tried elsewhere counts, also while every place is taken; a lock does not get longer by it.
func failCounts(t *testing.T, l attempt.Lockouts) {
	count := func(want bool) {
		t.Helper()
		if locked, err := l.Fail(t.Context(), "a"); err != nil || locked != want {
			t.Fatalf("locked %v (%v), want %v", locked, err, want)
		}
	}
	count(false)
	first, second := begin(t, l, "a"), begin(t, l, "a")
	count(false)
	count(true)
	first.Cancel()
	second.Cancel()
	locked(t, l, "a", time.Minute)
	time.Sleep(30 * time.Second)
	for range 10 {
		count(false)
	}
	locked(t, l, "a", 30*time.Second)
}

func locked(t *testing.T, l attempt.Lockouts, key string, want time.Duration) {
	t.Helper()
	a, wait, err := l.Begin(t.Context(), key)
	if err != nil || a != nil || wait != want {
		t.Fatalf("begin: try %v, wait %v, %v; want a wait of %v", a != nil, wait, err, want)
	}
}

func fail(t *testing.T, l attempt.Lockouts, key string, times int) (locked bool) {
	t.Helper()
	for range times {
		if locked {
			t.Fatal("locked too early")
		}
		locked = begin(t, l, key).Failed(t.Context())
	}
	return locked
}

func lockAfterLast(t *testing.T, l attempt.Lockouts, tick time.Duration) {
	if fail(t, l, "a", 2) {
		t.Error("locked after two of three failures")
	}
	if !fail(t, l, "a", 1) {
		t.Error("not locked after three failures")
	}
	locked(t, l, "a", time.Minute)
	time.Sleep(time.Minute - tick)
	locked(t, l, "a", tick)
	time.Sleep(tick)
	begin(t, l, "a").Cancel()
}

func lockDoubles(t *testing.T, l attempt.Lockouts) {
	for _, want := range []time.Duration{1, 2, 4, 4} {
		fail(t, l, "a", 3)
		locked(t, l, "a", want*time.Minute)
		time.Sleep(want * time.Minute)
	}
}

func doublingForgotten(t *testing.T, l attempt.Lockouts) {
	fail(t, l, "a", 3)
	time.Sleep(time.Minute + 10*time.Minute - time.Second)
	fail(t, l, "a", 3) // within the window after the lock
	locked(t, l, "a", 2*time.Minute)
	time.Sleep(2*time.Minute + 10*time.Minute)
	fail(t, l, "a", 3)
	locked(t, l, "a", time.Minute)

	fail(t, l, "b", 3)
	time.Sleep(time.Minute)
	begin(t, l, "b").Succeeded(t.Context())
	fail(t, l, "b", 3)
	locked(t, l, "b", time.Minute)
}

func fullBudget(t *testing.T, l attempt.Lockouts) {
	fail(t, l, "a", 3)
	time.Sleep(time.Minute)
	if fail(t, l, "a", 2) {
		t.Error("locked again after two failures")
	}
}

func window(t *testing.T, l attempt.Lockouts) {
	fail(t, l, "a", 1)
	time.Sleep(5 * time.Minute)
	fail(t, l, "a", 1)
	time.Sleep(5 * time.Minute) // the first no longer counts
	if fail(t, l, "a", 1) {
		t.Error("three failures in more than the window have locked")
	}
	if !fail(t, l, "a", 1) {
		t.Error("three failures within the window have not locked")
	}
}

func successForgets(t *testing.T, l attempt.Lockouts) {
	for range 5 {
		fail(t, l, "a", 2)
		begin(t, l, "a").Succeeded(t.Context())
	}
}

func resetUnlocks(t *testing.T, l attempt.Lockouts) {
	fail(t, l, "a", 3)
	if err := l.Reset(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	fail(t, l, "a", 3)
	locked(t, l, "a", time.Minute) // not two
	if err := l.Reset(t.Context(), "never seen"); err != nil {
		t.Errorf("reset of an unknown name: %v", err)
	}
}

func lockKeysApart(t *testing.T, l attempt.Lockouts) {
	fail(t, l, "a", 3)
	begin(t, l, "b").Cancel()
	begin(t, l, "").Cancel()
}

// parallelWrong is 200 wrong passwords at once: no more than the budget may be tried.
func parallelWrong(t *testing.T, l attempt.Lockouts) {
	var tried, turnedAway atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			a, wait, err := l.Begin(context.Background(), "a")
			switch {
			case err != nil && !errors.Is(err, attempt.ErrFull):
				t.Error(err)
			case a == nil && (wait > 0 || err != nil):
				turnedAway.Add(1)
			default:
				tried.Add(1)
				time.Sleep(100 * time.Millisecond)
				a.Failed(context.Background())
			}
		})
	}
	all.Wait()
	if tried.Load() != 3 || turnedAway.Load() != 197 {
		t.Errorf("%d were tried and %d turned away, want 3 and 197", tried.Load(), turnedAway.Load())
	}
	// Who had to wait may have heard of the lock a moment after it began.
	if a, wait, err := l.Begin(t.Context(), "a"); a != nil || err != nil || wait > time.Minute || wait < time.Minute-time.Second {
		t.Errorf("begin: try %v, wait %v, %v; want a wait of a minute", a != nil, wait, err)
	}
}

// parallelRight is 20 right passwords at once: all pass, one after the other.
func parallelRight(t *testing.T, l attempt.Lockouts) {
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			a, wait, err := l.Begin(context.Background(), "a")
			if err != nil || a == nil {
				t.Errorf("turned away: wait %v, %v", wait, err)
				return
			}
			time.Sleep(200 * time.Millisecond)
			a.Succeeded(context.Background())
			passed.Add(1)
		})
	}
	all.Wait()
	if passed.Load() != 20 {
		t.Errorf("%d of 20 passed", passed.Load())
	}
	fail(t, l, "a", 2)
}

// mixed: a success among running tries gives the budget back, but only to those whose
// result is not yet known.
func mixed(t *testing.T, l attempt.Lockouts) {
	fail(t, l, "a", 1)
	right, wrong := begin(t, l, "a"), begin(t, l, "a")
	right.Succeeded(t.Context())
	wrong.Failed(t.Context())
	if fail(t, l, "a", 1) || !fail(t, l, "a", 1) {
		t.Error("the failure after the success was not counted")
	}
}

func queueEnds(t *testing.T, l attempt.Lockouts) {
	var running []attempt.Attempt
	for range 3 {
		running = append(running, begin(t, l, "a"))
	}
	start := time.Now()
	a, wait, err := l.Begin(t.Context(), "a")
	if a != nil || wait != 0 || !errors.Is(err, attempt.ErrFull) || time.Since(start) != 2*time.Second {
		t.Errorf("begin: try %v, wait %v, %v after %v; want it to be full after 2s", a != nil, wait, err, time.Since(start))
	}
	for _, r := range running {
		r.Cancel()
	}
	for range 3 { // who left the queue holds no place
		begin(t, l, "a")
	}
}

func queueContext(t *testing.T, l attempt.Lockouts) {
	var running []attempt.Attempt
	for range 3 {
		running = append(running, begin(t, l, "a"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, _, err := l.Begin(ctx, "a")
		result <- err
	}()
	synctest.Wait()
	cancel()
	if err := <-result; err == nil {
		t.Error("a cancelled context is no error")
	}
	for _, r := range running {
		r.Cancel()
	}
	for range 3 {
		begin(t, l, "a")
	}
}

func abandoned(t *testing.T, l attempt.Lockouts) {
	var running []attempt.Attempt
	for range 3 {
		running = append(running, begin(t, l, "a"))
	}
	result := make(chan attempt.Attempt)
	go func() {
		a, _, _ := l.Begin(context.Background(), "a")
		result <- a
	}()
	synctest.Wait()
	running[0].Cancel()
	if a := <-result; a == nil {
		t.Error("turned away although there is room")
	}
	if running[1].Failed(t.Context()) {
		t.Error("an abandoned try was counted as a failure")
	}
}

// cancelledWhileGranted: who is let in and has gone at the same moment holds no place,
// whichever the queue sees first.
func cancelledWhileGranted(t *testing.T, l attempt.Lockouts) {
	for i := range 50 {
		key := strconv.Itoa(i)
		running := begin(t, l, key)
		begin(t, l, key)
		begin(t, l, key)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan attempt.Attempt, 1)
		go func() {
			a, _, _ := l.Begin(ctx, key)
			result <- a
		}()
		synctest.Wait()
		cancel()
		running.Cancel()
		if a := <-result; a != nil {
			a.Cancel()
		}
		begin(t, l, key)
	}
}

func secondResult(t *testing.T, l attempt.Lockouts) {
	a := begin(t, l, "a")
	a.Failed(t.Context())
	a.Failed(t.Context())
	a.Cancel()
	if fail(t, l, "a", 1) || !fail(t, l, "a", 1) {
		t.Error("one try has counted more than once, or not at all")
	}
}
