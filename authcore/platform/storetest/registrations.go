package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

var registrations = []promise{
	{"round trip, newest first, until they expire", registrationRoundTrip},
	{"only the newest are kept, also when many come at once", registrationKeep},
	{"the newest that asked for a username", registrationUsername},
	{"the challenge is replaced, or left alone", registrationChallenge},
}

func aRegistration(address, name string, after time.Duration) authcore.Registration {
	proof := sum("proof of " + name)
	return authcore.Registration{
		ID: uuid.Must(uuid.NewV7()), Channel: authcore.ByEmail, Address: address, ProofDigest: proof.Bytes(), PasswordHash: "$argon2id$" + name,
		Username: name, FirstName: "Zoë", LastName: "山田", Phone: "+4930123456", Locale: "en-GB", Fields: map[string]any{"team": "blåu", "age": -7.0, "news": true},
		CreatedAt: start.Add(after), ExpiresAt: start.Add(after + 24*time.Hour),
	}
}

func registrationRoundTrip(t *testing.T, s Store) {
	old, young := aRegistration("a@example.com", "old", 0), aRegistration("a@example.com", "young", time.Hour)
	for _, r := range []authcore.Registration{old, young, aRegistration("b@example.com", "other", 0)} {
		must(t, s.SaveRegistration(t.Context(), r, 10, nil, authcore.Effects{}))
	}
	for at, want := range map[time.Time][]authcore.Registration{
		old.ExpiresAt.Add(-time.Microsecond): {young, old},
		old.ExpiresAt:                        {young},
		young.ExpiresAt:                      nil,
	} {
		got, err := s.Registrations(t.Context(), "a@example.com", at)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", at, diff)
		}
	}
}

func registrationKeep(t *testing.T, s Store) {
	const keep = 2
	for round := range 15 {
		address := fmt.Sprintf("a%d@example.com", round)
		countErrors(t, atOnce(12, func(i int) error {
			return s.SaveRegistration(t.Context(), aRegistration(address, fmt.Sprintf("name%d", i), 0), keep, nil, authcore.Effects{})
		}))
		if got, err := s.Registrations(t.Context(), address, start); err != nil || len(got) != keep {
			t.Fatalf("%d are kept of many at once (%v), want %d", len(got), err, keep)
		}
		last := aRegistration(address, "last", time.Hour)
		must(t, s.SaveRegistration(t.Context(), last, keep, nil, authcore.Effects{}))
		got, err := s.Registrations(t.Context(), address, start)
		must(t, err)
		if len(got) != keep || got[0].ID != last.ID {
			t.Fatalf("%d are kept, want %d with the last one first", len(got), keep)
		}
	}
}

func registrationUsername(t *testing.T, s Store) {
	first, second := aRegistration("a@example.com", "anna", 0), aRegistration("b@example.com", "anna", time.Hour)
	nameless := aRegistration("c@example.com", "", 0)
	for _, r := range []authcore.Registration{first, second, nameless} {
		must(t, s.SaveRegistration(t.Context(), r, 10, nil, authcore.Effects{}))
	}
	got, err := s.RegistrationByUsername(t.Context(), "anna", start)
	must(t, err)
	if got.ID != second.ID {
		t.Errorf("finds %s, want the newest", got.Address)
	}
	_, err = s.RegistrationByUsername(t.Context(), "anna", second.ExpiresAt)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.RegistrationByUsername(t.Context(), "", start)
	wants(t, err, authcore.ErrNotFound)
}

func registrationChallenge(t *testing.T, s Store) {
	const address = "a@example.com"
	ch := aChallenge(authcore.PurposeVerifyEmail, address, "1")
	must(t, s.SaveRegistration(t.Context(), aRegistration(address, "a", 0), 10, &ch, mails(1)))
	must(t, s.SaveRegistration(t.Context(), aRegistration(address, "b", 0), 10, nil, authcore.Effects{}))
	got, err := s.ProveCode(t.Context(), ch.Purpose, address, ch.CodeDigest, secret.Digest{}, start)
	must(t, err)
	if diff := cmp.Diff(ch, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n, oldest, err := s.OutboxDepth(t.Context()); err != nil || n != 1 || !oldest.Equal(start) {
		t.Errorf("%d mails since %v (%v), want 1 since %v", n, oldest, err, start)
	}
}
