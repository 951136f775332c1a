package lockouttest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
)

// failOn fails so often from a device.
func failOn(t *testing.T, l attempt.Lockouts, key, device string, times int) (locked bool) {
	t.Helper()
	for range times {
		a, wait, err := l.BeginOn(t.Context(), key, device)
		if err != nil || wait != 0 || a == nil || locked {
			t.Fatalf("begin on %s: wait %v, %v, locked %t; want a try", device, wait, err, locked)
		}
		locked = a.Failed(t.Context())
	}
	return locked
}

func lockedOn(t *testing.T, l attempt.Lockouts, key, device string, want time.Duration) {
	t.Helper()
	a, wait, err := l.BeginOn(t.Context(), key, device)
	if err != nil || wait != want || (a == nil) != (want > 0) {
		t.Fatalf("begin on %s: try %v, wait %v, %v; want a wait of %v", device, a != nil, wait, err, want)
	}
	if a != nil {
		a.Cancel()
	}
}

func deviceApart(t *testing.T, l attempt.Lockouts) {
	if !fail(t, l, "a", 3) {
		t.Fatal("not locked")
	}
	lockedOn(t, l, "a", "phone", 0)
	locked(t, l, "a", time.Minute)
}

func deviceBudget(t *testing.T, l attempt.Lockouts) {
	if failOn(t, l, "a", "phone", 4) || !failOn(t, l, "a", "phone", 1) {
		t.Fatal("a device is not locked by its fifth failure")
	}
	lockedOn(t, l, "a", "phone", time.Minute)
	lockedOn(t, l, "a", "laptop", 0)
	lockedOn(t, l, "b", "phone", 0)
	begin(t, l, "a").Cancel() // strangers are not locked by it
	time.Sleep(time.Minute)
	if !failOn(t, l, "a", "phone", 5) {
		t.Fatal("not locked again")
	}
	lockedOn(t, l, "a", "phone", 2*time.Minute)
}

// What happens on a device moves neither the failures nor the lock of strangers: its owner's sign-ins would give guessers new tries.
func deviceUnlocksNobody(t *testing.T, l attempt.Lockouts) {
	fail(t, l, "a", 2)
	signIn := func() {
		t.Helper()
		a, _, err := l.BeginOn(t.Context(), "a", "phone")
		if err != nil || a == nil {
			t.Fatal(err)
		}
		a.Succeeded(t.Context())
	}
	signIn()
	failOn(t, l, "a", "phone", 4)
	if !fail(t, l, "a", 1) {
		t.Fatal("a sign-in on a device has forgiven what strangers failed")
	}
	signIn()
	locked(t, l, "a", time.Minute)
}

func deviceReset(t *testing.T, l attempt.Lockouts) {
	fail(t, l, "a", 3)
	failOn(t, l, "a", "phone", 5)
	failOn(t, l, "b", "phone", 5)
	if err := l.Reset(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	lockedOn(t, l, "a", "phone", 0)
	begin(t, l, "a").Cancel()
	lockedOn(t, l, "b", "phone", time.Minute)
}

func deviceParallel(t *testing.T, l attempt.Lockouts) {
	var ran atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if a, _, err := l.BeginOn(t.Context(), "a", "phone"); err == nil && a != nil {
				ran.Add(1)
				time.Sleep(10 * time.Millisecond)
				a.Failed(t.Context())
			}
		})
	}
	all.Wait()
	if ran.Load() != 5 {
		t.Errorf("%d tries ran, want 5", ran.Load())
	}
}
