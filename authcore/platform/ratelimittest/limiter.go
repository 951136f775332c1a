package ratelimittest

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

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
		"verify":               {Count: 10, Window: time.Minute},
		"verify.account":       {Count: 2, Window: time.Minute},
		"verify.global":        {Count: 4, Window: time.Minute},
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
		{"Budget/TellsWhatIsLeft", budgetLeft},
		{"Budget/OfSeveral", budgetOfSeveral},
		{"Lines/CountTogether", lines},
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

// measure takes and returns what was found, and fails the test on an error.
func (l Limiter) measure(t *testing.T, limits ...authcore.Limit) authcore.Taken {
	t.Helper()
	took, err := l.Take(t.Context(), limits...)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return took
}

// take returns the wait, and fails the test on an error.
func (l Limiter) take(t *testing.T, limits ...authcore.Limit) time.Duration {
	t.Helper()
	return l.measure(t, limits...).Wait
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

// budget returns what of a Take concerns a limit.
func budget(t *testing.T, took authcore.Taken, name string) authcore.Budget {
	t.Helper()
	for _, b := range took.Budgets {
		if b.Name == name {
			return b
		}
	}
	t.Fatalf("nothing of %s in %+v", name, took)
	return authcore.Budget{}
}

func (l Limiter) near(got, want time.Duration) bool {
	return got >= want-l.Exact && got <= want+l.Exact
}

// What is left is told by the same call that takes, down to nothing, and then how long it lasts.
func budgetLeft(t *testing.T, l Limiter) {
	for i := range 3 {
		b := budget(t, l.measure(t, login("a")), authcore.LimitLogin)
		if b.Left != 2-i || b.Count != 3 || b.Window != time.Minute || b.Key != "a" || !l.near(b.Full, time.Duration(i+1)*20*time.Second) {
			t.Errorf("after %d: %+v", i+1, b)
		}
		if spent := b.Left == 0; spent != (b.Wait > 0) || spent && !l.near(b.Wait, 20*time.Second) {
			t.Errorf("after %d: the wait is %s", i+1, b.Wait)
		}
	}
	took := l.measure(t, login("a"))
	if b := budget(t, took, authcore.LimitLogin); b.Left != 0 || b.Wait != took.Wait || !l.near(b.Full, time.Minute) {
		t.Errorf("at the limit: %+v of %+v", b, took)
	}
	l.Advance(20*time.Second + 2*l.Exact)
	if b := budget(t, l.measure(t, login("a")), authcore.LimitLogin); b.Left != 0 || !l.near(b.Wait, 20*time.Second-2*l.Exact) {
		t.Errorf("one interval later: %+v", b)
	}
	if took := l.measure(t, authcore.Limit{Name: authcore.LimitRegister, Key: "a"}); len(took.Budgets) != 0 {
		t.Errorf("of a limit that is off: %+v", took)
	}
	if !l.On(authcore.LimitLogin) || l.On(authcore.LimitRegister) || l.On("no such limit") {
		t.Error("a limit that is off is on, or the other way round")
	}
}

// Where one refuses, nothing is taken of the others, and each tells its own.
func budgetOfSeveral(t *testing.T, l Limiter) {
	l.allows(t, 1, mail("m"), login("a"))
	took := l.measure(t, mail("m"), login("a"))
	if b := budget(t, took, authcore.LimitLogin); b.Left != 2 || b.Wait != 0 {
		t.Errorf("the one that allows it: %+v", b)
	}
	if b := budget(t, took, authcore.LimitMail); b.Left != 0 || b.Wait != took.Wait || !l.near(b.Wait, time.Hour) {
		t.Errorf("the one that refuses: %+v", b)
	}
}

// A limit takes from its lines too: from that of the account which acts, and from that over all. All allow it, or none counts it.
func lines(t *testing.T, l Limiter) {
	verify := func(ctx context.Context, key string) authcore.Taken {
		t.Helper()
		took, err := l.Take(ctx, authcore.Limit{Name: authcore.LimitVerify, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return took
	}
	ada := authcore.ActAs(t.Context(), authcore.Holder{AccountID: uuid.New()})
	verify(ada, "a")
	if took := verify(ada, "b"); took.Wait != 0 || budget(t, took, "verify.account").Left != 0 || budget(t, took, "verify.global").Left != 2 ||
		budget(t, took, "verify").Left != 9 {
		t.Errorf("the second of an account: %+v", took)
	}
	if took := verify(ada, "c"); took.Wait == 0 || budget(t, took, "verify").Left != 10 || budget(t, took, "verify.global").Left != 2 {
		t.Errorf("the third of an account: %+v", took)
	}
	other := authcore.ActAs(t.Context(), authcore.Holder{AccountID: uuid.New()})
	verify(other, "a")
	if took := verify(t.Context(), "a"); took.Wait != 0 || len(took.Budgets) != 2 {
		t.Errorf("the fourth of all, nobody's: %+v", took)
	}
	if took := verify(t.Context(), "d"); took.Wait == 0 || budget(t, took, "verify").Wait != 0 {
		t.Errorf("the fifth of all: %+v", took)
	}
	if took := verify(t.Context(), authcore.NobodysKey); took.Wait != 0 || len(took.Budgets) != 1 {
		t.Errorf("nobody's key: %+v", took)
	}
	if err := l.Refund(ada, authcore.Limit{Name: authcore.LimitVerify, Key: "a"}); err != nil {
		t.Fatal(err)
	}
	if took := verify(ada, "e"); took.Wait != 0 || budget(t, took, "verify.account").Left != 0 {
		t.Errorf("after one was given back: %+v", took)
	}
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
			if took, err := l.Take(context.Background(), login("a")); err == nil && took.Wait == 0 {
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
