package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
)

var accounts = []promise{
	{"round trip of time and text", accountRoundTrip},
	{"zero fields stay zero", accountZeroes},
	{"unknown accounts are not found", accountUnknown},
	{"effects are written with the account or not at all", accountEffects},
	{"profile changes leave what is nil", profileChange},
	{"100 change fields of one account: all are kept", fieldsMerged},
	{"100 rename one account: one does, and not too often", renameLimit},
	{"of 100 accounts that want one username one gets it", renameRace},
	{"a hash is replaced only if it is still the old one", replaceHash},
	{"100 sign up with one address: one account", signUpRace},
}

func accountRoundTrip(t *testing.T, s Store) {
	want := withAccount(t, s, "zoe")
	for name, find := range map[string]func() (authcore.Account, error){
		"id":       func() (authcore.Account, error) { return s.AccountByID(t.Context(), want.ID) },
		"email":    func() (authcore.Account, error) { return s.AccountByIdentifier(t.Context(), email(want.Email)) },
		"username": func() (authcore.Account, error) { return s.AccountByIdentifier(t.Context(), username("zoe")) },
	} {
		got, err := find()
		must(t, err)
		if diff := cmp.Diff(want, got, unnumbered); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", name, diff)
		}
	}
}

func accountZeroes(t *testing.T, s Store) {
	want := authcore.Account{ID: uuid.New(), CreatedAt: start, UpdatedAt: start, DisabledAt: start}
	must(t, s.CreateAccount(t.Context(), want, nil, authcore.Effects{}))
	got, err := s.AccountByID(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func accountUnknown(t *testing.T, s Store) {
	withAccount(t, s, "somebody")
	_, err := s.AccountByID(t.Context(), uuid.New())
	wants(t, err, authcore.ErrNotFound)
	_, err = s.AccountByIdentifier(t.Context(), email("nobody@example.com"))
	wants(t, err, authcore.ErrNotFound)
	_, err = s.AccountByIdentifier(t.Context(), email("somebody"))
	wants(t, err, authcore.ErrNotFound)
	_, err = s.UpdateProfile(t.Context(), uuid.New(), authcore.ProfileChange{}, true, start, authcore.Effects{})
	wants(t, err, authcore.ErrNotFound)
}

func accountEffects(t *testing.T, s Store) {
	first := anAccount("first")
	must(t, s.CreateAccount(t.Context(), first, idsOf(first), mails(1)))
	second := anAccount("second")
	second.Email = first.Email
	wantsTaken(t, s.CreateAccount(t.Context(), second, idsOf(second), mails(1)), authcore.KindEmail)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails wait (%v), want only that of the account that was made", n, err)
	}
	_, err := s.AccountByID(t.Context(), second.ID)
	wants(t, err, authcore.ErrNotFound)
	// Its username was claimed before the address failed: it must be free again.
	third := anAccount("second")
	third.Email = "third@example.com"
	must(t, s.CreateAccount(t.Context(), third, idsOf(third), authcore.Effects{}))
}

func profileChange(t *testing.T, s Store) {
	want := withAccount(t, s, "anna")
	first, phone := "Änna", ""
	now := start.Add(time.Minute)
	got, err := s.UpdateProfile(t.Context(), want.ID, authcore.ProfileChange{FirstName: &first, Phone: &phone}, true, now,
		authcore.Effects{})
	must(t, err)
	want.FirstName, want.Phone, want.UpdatedAt = first, phone, now
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	stored, err := s.AccountByID(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, stored, unnumbered); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func replaceHash(t *testing.T, s Store) {
	a := withAccount(t, s, "hash")
	must(t, s.ReplacePasswordHash(t.Context(), a.ID, a.PasswordHash, "new"))
	must(t, s.ReplacePasswordHash(t.Context(), a.ID, a.PasswordHash, "late"))
	got, err := s.AccountByID(t.Context(), a.ID)
	must(t, err)
	if got.PasswordHash != "new" {
		t.Errorf("hash is %q, want the first replacement to stay", got.PasswordHash)
	}
}

func signUpRace(t *testing.T, s Store) {
	errs := atOnce(100, func(i int) error {
		a := anAccount(fmt.Sprintf("user%d", i))
		a.Email = "same@example.com"
		return s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{})
	})
	oneMade(t, errs)
}

// renameLimit: however many rename an account at once, on whatever node, no more changes come about than may.
func renameRace(t *testing.T, s Store) {
	var people []authcore.Account
	for i := range 100 {
		people = append(people, aMember(t, s, fmt.Sprint("anna", i)))
	}
	name := "anna"
	won := 0
	for i, err := range atOnce(len(people), func(i int) error {
		_, err := s.UpdateProfile(t.Context(), people[i].ID, authcore.ProfileChange{Username: &name}, true, start, mails(1))
		return err
	}) {
		if err != nil {
			wantsTaken(t, err, authcore.KindUsername)
			continue
		}
		won++
		if found, err := s.AccountByIdentifier(t.Context(), username(name)); err != nil || found.ID != people[i].ID {
			t.Errorf("the username finds %s (%v)", found.ID, err)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 || won != 1 {
		t.Errorf("%d have it, %d mails (%v)", won, n, err)
	}
}

func renameLimit(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	rename := func(from, to string) error {
		event := anEvent(authcore.EventUsernameChanged, start)
		event.AccountID = a.ID
		_, err := s.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{Username: &to, Rename: &authcore.Rename{
			From: from, Since: start.Add(-time.Hour), Most: 2}}, true, start, authcore.Effects{Events: []authcore.Event{event}})
		return err
	}
	wants(t, rename("another", "berta"), profile.ErrRenamed)
	for i, err := range atOnce(100, func(i int) error { return rename("anna", fmt.Sprint("b", i)) }) {
		if err == nil {
			must(t, rename(fmt.Sprint("b", i), "carla"))
			continue
		}
		if !errors.Is(err, profile.ErrRenamed) && !errors.Is(err, profile.ErrLimit) {
			t.Fatalf("unexpected error: %v", err)
		}
	}
	wants(t, rename("carla", "dora"), profile.ErrLimit)
}

// fieldsMerged: a change of fields leaves those that it does not name, and of several at once none is lost.
func fieldsMerged(t *testing.T, s Store) {
	want := withAccount(t, s, "anna")
	change := func(fields map[string]any) error {
		_, err := s.UpdateProfile(t.Context(), want.ID, authcore.ProfileChange{Fields: fields}, true, start, authcore.Effects{})
		return err
	}
	for name := range want.Fields {
		must(t, change(map[string]any{name: nil}))
	}
	all := map[string]any{}
	for i := range 100 {
		all[fmt.Sprint("f", i)] = float64(i)
	}
	for _, err := range atOnce(100, func(i int) error { return change(map[string]any{fmt.Sprint("f", i): float64(i)}) }) {
		must(t, err)
	}
	locale := "de-AT"
	_, err := s.UpdateProfile(t.Context(), want.ID, authcore.ProfileChange{Locale: &locale, Fields: map[string]any{"f7": nil, "f8": "ä\"\\", "f9": false}}, true, start, authcore.Effects{})
	must(t, err)
	delete(all, "f7")
	all["f8"], all["f9"] = "ä\"\\", false
	got, err := s.AccountByID(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(all, got.Fields, unnumbered); diff != "" || got.Locale != locale {
		t.Errorf("locale %q, fields (-want +got):\n%s", got.Locale, diff)
	}
}
