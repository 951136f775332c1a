package ratelimittest

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Limiter is one form of limiter, freshly opened.
type Limiter struct {
	authcore.Limiter
	// Advance moves its clock; a negative duration sets it back.
	Advance func(time.Duration)
	// Exact is how far a wait may be off.
	Exact time.Duration
}

// Rate is a rate to configure; the zero Rate is off.
type Rate struct {
	Count  int
	Window time.Duration
}

// RunLimiter checks what [authcore.Limiter] promises. open returns a limiter with the
// given rates and no counts.
func RunLimiter(t *testing.T, open func(testing.TB, map[string]Rate) Limiter) {
	rates := map[string]Rate{
		authcore.LimitLogin:    {Count: 3, Window: time.Minute},
		authcore.LimitMail:     {Count: 1, Window: time.Hour},
		authcore.LimitRegister: {},
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, Limiter)
	}{
		{"Burst/ThenOnePerInterval", burst},
		{"Wait/IsExact", waitExact},
		{"Keys/AreApart", keysApart},
		{"Limits/AreApart", limitsApart},
		{"Several/AllOrNone", allOrNone},
		{"Several/SameTwiceCountsOnce", sameTwice},
		{"Off/AlwaysAllows", off},
		{"Return/GivesBackOneEvent", returned},
		{"Return/NeverMoreThanTheBurst", returnedTooMuch},
		{"Name/UnknownIsAnError", unknown},
		{"Clock/SetBackNeitherFreesNorHolds", setBack},
		{"Context/CancelledCountsNothing", cancelledTake},
		{"Concurrent/NoMoreThanTheBurst", concurrentTake},
		{"Concurrent/SeveralNeverBlockEachOther", crossTake},
	} {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t, open(t, rates)) })
	}
}

func login(key string) authcore.Limit { return authcore.Limit{Name: authcore.LimitLogin, Key: key} }
func mail(key string) authcore.Limit  { return authcore.Limit{Name: authcore.LimitMail, Key: key} }

// take returns the wait, and fails the test on an error.
func (l Limiter) take(t *testing.T, limits ...authcore.Limit) time.Duration {
	t.Helper()
	wait, err := l.Take(t.Context(), limits...)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return wait
}

func (l Limiter) allows(t *testing.T, times int, limits ...authcore.Limit) {
	t.Helper()
	for i := range times {
		if wait := l.take(t, limits...); wait != 0 {
			t.Fatalf("event %d of %d has to wait %v", i+1, times, wait)
		}
	}
}

func (l Limiter) holds(t *testing.T, want time.Duration, limits ...authcore.Limit) {
	t.Helper()
	if got := l.take(t, limits...); got < want-l.Exact || got > want+l.Exact {
		t.Fatalf("wait is %v, want %v", got, want)
	}
}

func burst(t *testing.T, l Limiter) {
	l.allows(t, 3, login("a"))
	for range 4 {
		l.holds(t, 20*time.Second, login("a"))
		l.Advance(20 * time.Second)
		l.allows(t, 1, login("a"))
	}
	l.Advance(time.Hour) // no more than the burst is saved up
	l.allows(t, 3, login("a"))
	l.holds(t, 20*time.Second, login("a"))
}

func waitExact(t *testing.T, l Limiter) {
	l.allows(t, 3, login("a"))
	l.Advance(7 * time.Second)
	l.holds(t, 13*time.Second, login("a"))
	l.Advance(13*time.Second - 10*time.Millisecond - l.Exact)
	l.holds(t, 10*time.Millisecond+l.Exact, login("a"))
	l.Advance(10*time.Millisecond + 2*l.Exact)
	l.allows(t, 1, login("a"))
}

func keysApart(t *testing.T, l Limiter) {
	l.allows(t, 3, login("a"))
	l.allows(t, 3, login("b"))
	l.allows(t, 1, login(""))
	l.holds(t, 20*time.Second, login("a"))
}

func limitsApart(t *testing.T, l Limiter) {
	l.allows(t, 1, mail("a"))
	l.holds(t, time.Hour, mail("a"))
	l.allows(t, 3, login("a"))
}

func allOrNone(t *testing.T, l Limiter) {
	l.allows(t, 1, mail("m"))
	for range 5 {
		l.holds(t, time.Hour, login("a"), mail("m")) // the longer of the waits
		l.holds(t, time.Hour, mail("m"), login("a"))
	}
	l.allows(t, 3, login("a")) // nothing was taken from it
	l.holds(t, time.Hour, login("a"), mail("m"))
	l.holds(t, 20*time.Second, login("a"), mail("other"))
	l.allows(t, 1, mail("other"))
	l.allows(t, 1) // of nothing there is always enough
}

func sameTwice(t *testing.T, l Limiter) {
	l.allows(t, 3, login("a"), login("a"))
	l.holds(t, 20*time.Second, login("a"), login("a"))
}

func off(t *testing.T, l Limiter) {
	l.allows(t, 1000, authcore.Limit{Name: authcore.LimitRegister, Key: "a"})
}

// giveBack is Return that must succeed.
func (l Limiter) giveBack(t *testing.T, limits ...authcore.Limit) {
	t.Helper()
	if err := l.Refund(t.Context(), limits...); err != nil {
		t.Fatalf("return: %v", err)
	}
}

func returned(t *testing.T, l Limiter) {
	l.allows(t, 3, login("a"))
	l.allows(t, 1, login("b"), mail("m"))
	l.giveBack(t, login("a"))
	l.allows(t, 1, login("a"))
	l.holds(t, 20*time.Second, login("a"))
	l.giveBack(t, login("b"), mail("m"))
	l.allows(t, 1, mail("m"))
	l.holds(t, time.Hour, mail("m"))
	l.allows(t, 3, login("b"))
	l.giveBack(t, authcore.Limit{Name: authcore.LimitRegister, Key: "off"})
}

func returnedTooMuch(t *testing.T, l Limiter) {
	l.allows(t, 1, login("a"))
	for range 9 {
		l.giveBack(t, login("a"), login("never taken"))
	}
	for _, key := range []string{"a", "never taken"} {
		l.allows(t, 3, login(key))
		l.holds(t, 20*time.Second, login(key))
	}
}

func unknown(t *testing.T, l Limiter) {
	if _, err := l.Take(t.Context(), login("a"), authcore.Limit{Name: "no such limit"}); err == nil {
		t.Error("an unknown limit is no error")
	}
	if err := l.Refund(t.Context(), authcore.Limit{Name: "no such limit"}); err == nil {
		t.Error("returning to an unknown limit is no error")
	}
	l.allows(t, 3, login("a"))
}

func setBack(t *testing.T, l Limiter) {
	l.allows(t, 3, login("full"))
	l.allows(t, 1, login("used"))
	l.Advance(-24 * time.Hour)
	l.allows(t, 3, login("new"))
	for _, key := range []string{"full", "used"} {
		if wait := l.take(t, login(key)); wait > time.Minute {
			t.Errorf("%s: held back for %v, longer than a window", key, wait)
		}
	}
	if wait := l.take(t, login("full")); wait == 0 {
		t.Error("the clock set back has freed a key at its limit")
	}
	l.Advance(time.Minute + l.Exact)
	l.allows(t, 3, login("full"))
	l.allows(t, 3, login("used"))
}

func cancelledTake(t *testing.T, l Limiter) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Take(ctx, login("a")); err == nil {
		t.Error("a cancelled context is no error")
	}
	l.allows(t, 3, login("a"))
}

func concurrentTake(t *testing.T, l Limiter) {
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if wait, err := l.Take(context.Background(), login("a")); err == nil && wait == 0 {
				allowed.Add(1)
			}
		})
	}
	all.Wait()
	if got := allowed.Load(); got != 3 {
		t.Errorf("%d of 100 at once were allowed, want 3", got)
	}
}

func crossTake(t *testing.T, l Limiter) {
	var all sync.WaitGroup
	for i := range 64 {
		a, b := strconv.Itoa(i%7), strconv.Itoa(i%5)
		all.Go(func() {
			for range 50 {
				if _, err := l.Take(context.Background(), login(a), mail(b), login(b)); err != nil {
					t.Error(err)
				}
				if _, err := l.Take(context.Background(), mail(b), login(b), login(a), mail(a)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
