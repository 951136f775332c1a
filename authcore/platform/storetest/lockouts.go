package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var lockouts = []promise{{"saved, replaced, listed, forgotten", lockoutLife}}

func lockoutLife(t *testing.T, s authcore.Store) {
	a, b := authcore.Lockout{Key: "a", Until: start.Add(time.Minute), Level: 1}, authcore.Lockout{Key: "b", Until: start, Level: 3}
	must(t, s.SaveLockout(t.Context(), a))
	must(t, s.SaveLockout(t.Context(), b))
	a.Until, a.Level = start.Add(2*time.Minute), 2
	must(t, s.SaveLockout(t.Context(), a))
	for since, want := range map[time.Time][]authcore.Lockout{
		start.Add(-time.Microsecond): {a, b}, start: {a}, a.Until: nil,
	} {
		got, err := s.Lockouts(t.Context(), since)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("since %v (-want +got):\n%s", since, diff)
		}
	}
	if got, err := s.Lockout(t.Context(), "a"); err != nil || !cmp.Equal(a, got) {
		t.Errorf("found %v (%v), want %v", got, err, a)
	}
	must(t, s.ClearLockout(t.Context(), "a"))
	if got, err := s.Lockout(t.Context(), "a"); !errors.Is(err, authcore.ErrNotFound) {
		t.Errorf("found %v (%v) after it was forgotten", got, err)
	}
	must(t, s.ClearLockout(t.Context(), "unknown"))
	if got, err := s.Lockouts(t.Context(), start); err != nil || len(got) != 0 {
		t.Errorf("%v (%v), want none", got, err)
	}
}
