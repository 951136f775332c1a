package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var keys = []promise{
	{"round trip, replaced by id, removed when due", keyChange},
	{"16 that start together make one set", keyBirth},
	{"a refused change changes nothing", keyRefused},
}

func keyChange(t *testing.T, s Store) {
	mac := authcore.KeyRecord{KID: "mac", Use: "cookie", Algorithm: "HS256", Sealed: []byte{0, 1, 2}, CreatedAt: start, NotBefore: start}
	pair := authcore.KeyRecord{KID: "pair", Use: "bearer", Algorithm: "EdDSA", Public: []byte{3, 0}, Sealed: []byte{4},
		CreatedAt: start.Add(time.Second), NotBefore: start, RetireAt: start.Add(time.Hour), RemoveAt: start.Add(2 * time.Hour)}
	give := func(now time.Time, list ...authcore.KeyRecord) []authcore.KeyRecord {
		t.Helper()
		got, err := s.ChangeKeys(t.Context(), now, func([]authcore.KeyRecord) ([]authcore.KeyRecord, error) { return list, nil })
		must(t, err)
		stored, err := s.Keys(t.Context())
		must(t, err)
		if diff := cmp.Diff(got, stored); diff != "" {
			t.Errorf("stored (-returned +stored):\n%s", diff)
		}
		return got
	}
	if diff := cmp.Diff([]authcore.KeyRecord{mac, pair}, give(start, mac, pair)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	mac.RetireAt, mac.Sealed = start.Add(time.Minute), []byte{9}
	if diff := cmp.Diff([]authcore.KeyRecord{mac, pair}, give(pair.RemoveAt.Add(-time.Microsecond), mac)); diff != "" {
		t.Errorf("replaced (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]authcore.KeyRecord{mac}, give(pair.RemoveAt)); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

// Birth is the change that every node asks for at its start. It is exported for tests with several stores.
func Birth(name string) func(present []authcore.KeyRecord) ([]authcore.KeyRecord, error) {
	return func(present []authcore.KeyRecord) ([]authcore.KeyRecord, error) {
		if len(present) > 0 {
			return nil, nil
		}
		var set []authcore.KeyRecord
		for _, use := range []string{"bearer", "cookie", "internal"} {
			set = append(set, authcore.KeyRecord{KID: name + use, Use: use, Algorithm: "HS256", Sealed: []byte(name), CreatedAt: start})
		}
		return set, nil
	}
}

func keyBirth(t *testing.T, s Store) {
	countErrors(t, atOnce(16, func(i int) error {
		_, err := s.ChangeKeys(t.Context(), start, Birth(fmt.Sprint(i)))
		return err
	}))
	if list, err := s.Keys(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("%d keys (%v), want one set of 3", len(list), err)
	}
}

func keyRefused(t *testing.T, s Store) {
	cause := errors.New("no randomness")
	_, err := s.ChangeKeys(t.Context(), start, func([]authcore.KeyRecord) ([]authcore.KeyRecord, error) { return nil, cause })
	wants(t, err, cause)
	_, err = s.ChangeKeys(t.Context(), start, Birth("a"))
	must(t, err)
}
