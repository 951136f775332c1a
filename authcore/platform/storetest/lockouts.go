package storetest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var lockouts = []promise{
	{"changed by who knows them, cleared by anybody", lockoutLife},
	{"of many that know the same one changes it", lockoutRace},
}

func aLockout(key string, level int, tries string) authcore.Lockout {
	return authcore.Lockout{Key: key, Until: start.Add(time.Minute), Level: level, Tries: tries, VoidAt: start.Add(time.Hour)}
}

// clearedWithDevices: what is cleared takes the rows of its devices along, and nothing of its neighbours.
func clearedWithDevices(t *testing.T, s Store) {
	t.Helper()
	ada, bob := strings.Repeat("a0", 32), strings.Repeat("a0", 31)+"a1"
	phone, laptop := strings.Repeat("f", authcore.LockoutDeviceDigits), strings.Repeat("0", authcore.LockoutDeviceDigits)
	for _, key := range []string{ada, ada + phone, ada + laptop, bob, bob + phone} {
		if changed, err := s.ChangeLockout(t.Context(), key, authcore.Lockout{}, aLockout(key, 0, "")); err != nil || !changed {
			t.Fatalf("changed %v, %v", changed, err)
		}
	}
	must(t, s.ClearLockout(t.Context(), ada))
	for key, gone := range map[string]bool{ada: true, ada + phone: true, ada + laptop: true, bob: false, bob + phone: false} {
		if _, err := s.Lockout(t.Context(), key); errors.Is(err, authcore.ErrNotFound) != gone {
			t.Errorf("%s: %v", key, err)
		}
	}
	must(t, s.ClearLockout(t.Context(), bob))
}

func lockoutLife(t *testing.T, s Store) {
	a, b, none := aLockout("a", -1, "1@2"), aLockout("a", 0, ""), authcore.Lockout{}
	later := a
	later.Until = later.Until.Add(time.Second)
	for i, step := range []struct {
		old, next authcore.Lockout
		changed   bool
		left      authcore.Lockout
	}{
		{a, b, false, none}, // there is none
		{none, a, true, a},
		{none, b, false, a}, // there is one
		{b, none, false, a}, // another one
		{later, b, false, a},
		{a, a, true, a},
		{a, b, true, b},
		{a, none, false, b},
		{b, none, true, none},
		{none, aLockout("a", 3, "1@2 3@4!"), true, aLockout("a", 3, "1@2 3@4!")},
	} {
		changed, err := s.ChangeLockout(t.Context(), "a", step.old, step.next)
		must(t, err)
		if changed != step.changed {
			t.Errorf("step %d: changed %t, want %t", i, changed, step.changed)
		}
		lockoutIs(t, s, "a", step.left)
	}
	must(t, s.ClearLockout(t.Context(), "a"))
	lockoutIs(t, s, "a", none)
	must(t, s.ClearLockout(t.Context(), "unknown"))
	clearedWithDevices(t, s)
}

// lockoutIs compares what is stored under a key; a zero want is nothing.
func lockoutIs(t *testing.T, s Store, key string, want authcore.Lockout) {
	t.Helper()
	got, err := s.Lockout(t.Context(), key)
	if want.Key == "" {
		if !errors.Is(err, authcore.ErrNotFound) {
			t.Errorf("found %v (%v), want none", got, err)
		}
		return
	}
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func lockoutRace(t *testing.T, s Store) {
	for _, old := range []authcore.Lockout{{}, aLockout("a", 100, "")} {
		if old.Key != "" {
			must(t, s.ClearLockout(t.Context(), "a"))
			_, err := s.ChangeLockout(t.Context(), "a", authcore.Lockout{}, old)
			must(t, err)
		}
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				changed, err := s.ChangeLockout(t.Context(), "a", old, aLockout("a", i, ""))
				if err != nil {
					t.Error(err)
				}
				if changed {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 50 have changed it", won.Load())
		}
	}
}
