package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

var contacts = []promise{
	{"a claim waits beside the address, and replaces the one before", contactClaim},
	{"a confirmed claim is the address, and what went to the former one is dead", contactConfirm},
	{"100 confirm one claim: one wins", contactRace},
	{"of two who confirm one address one gets it, and nothing of the other changes", contactTaken},
	{"of 100 accounts that confirm one address one gets it", contactTakenRace},
	{"an account that changed meanwhile keeps address and claim", contactChanged},
	{"a number moves to who proves it, with everything or not at all", contactMoves},
	{"what was never verified is free once the account has something else", contactAbandoned},
	{"an address that was verified and removed stays its account's", contactGivenUp},
	{"an address or number is removed with its effects, or not at all", contactRemove},
}

var everyKind = []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}

// claimsAddress lets an account claim an address; the code is that of the challenge.
func claimsAddress(t testing.TB, s Store, a authcore.Account, address, code string) authcore.Challenge {
	t.Helper()
	ch := aChallenge(authcore.PurposeConfirmEmail, identifier.AccountKey(a.ID), code)
	ch.AccountID = a.ID
	must(t, s.ClaimContact(t.Context(), contact.Claim{AccountID: a.ID, Channel: authcore.ByEmail, Address: address,
		Until: start.Add(7 * 24 * time.Hour), Challenge: ch, Now: start}, mails(1)))
	return ch
}

func confirmation(ch authcore.Challenge, before authcore.Account, address string) contact.Confirmation {
	return contact.Confirmation{ChallengeID: ch.ID, Purpose: ch.Purpose, Channel: authcore.ByEmail, Address: address, Before: before,
		Unique: everyKind, Now: start.Add(time.Minute), Effects: mails(1)}
}

func contactClaim(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	first := claimsAddress(t, s, a, "first@example.com", "1")
	second := claimsAddress(t, s, a, "second@example.com", "2")
	got, err := s.AccountByID(t.Context(), a.ID)
	must(t, err)
	want := a
	want.PendingEmail, want.PendingEmailUntil, want.UpdatedAt = "second@example.com", start.Add(7*24*time.Hour), start
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = s.ProveToken(t.Context(), first.Purpose, first.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	if ch, err := s.ProveToken(t.Context(), second.Purpose, second.TokenDigest, start); err != nil || ch.AccountID != a.ID {
		t.Errorf("the second is of %s (%v)", ch.AccountID, err)
	}
	disabled := anAccount("disabled")
	disabled.DisabledAt = start
	must(t, s.CreateAccount(t.Context(), disabled, nil, authcore.Effects{}))
	for _, id := range []uuid.UUID{uuid.New(), disabled.ID} {
		ch := aChallenge(authcore.PurposeConfirmEmail, identifier.AccountKey(id), "3")
		wants(t, s.ClaimContact(t.Context(), contact.Claim{AccountID: id, Channel: authcore.ByEmail, Address: "third@example.com", Challenge: ch,
			Until: start.Add(time.Hour), Now: start}, mails(1)), authcore.ErrNotFound)
		_, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
		wants(t, err, authcore.ErrNotFound)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 2 {
		t.Errorf("%d mails (%v), want 2", n, err)
	}
}

func contactConfirm(t *testing.T, s Store) {
	const address = "new@example.com"
	a := withAccount(t, s, "anna")
	reset := resetChallenge(t, s, a)
	verify := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, a.Email, "verify"))
	handover := aChallenge(authcore.PurposeHandover, "elsewhere", "handover")
	handover.AccountID = a.ID
	issued(t, s, handover)
	must(t, s.SaveRegistration(t.Context(), aRegistration(address, "planted", 0), 10, nil, authcore.Effects{}))
	ch := claimsAddress(t, s, a, address, "1")
	got, err := s.ConfirmContact(t.Context(), confirmation(ch, a, address))
	must(t, err)
	want := a
	want.Email, want.EmailVerifiedAt, want.UpdatedAt = address, start.Add(time.Minute), start.Add(time.Minute)
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, dead := range []authcore.Challenge{reset, verify, ch} {
		_, err = s.ProveToken(t.Context(), dead.Purpose, dead.TokenDigest, start)
		wants(t, err, authcore.ErrNotFound)
	}
	_, err = s.ProveToken(t.Context(), handover.Purpose, handover.TokenDigest, start)
	must(t, err)
	_, err = s.AccountByIdentifier(t.Context(), email(a.Email))
	wants(t, err, authcore.ErrNotFound)
	if found, err := s.AccountByIdentifier(t.Context(), email(address)); err != nil || found.ID != a.ID {
		t.Errorf("the new address finds %s (%v)", found.ID, err)
	}
	// The former address stays its own while it lives.
	if taken, err := s.IdentifierTaken(t.Context(), email(a.Email), uuid.New()); err != nil || !taken {
		t.Errorf("the former address is free (%v)", err)
	}
	if waiting, err := s.Registrations(t.Context(), address, start); err != nil || len(waiting) != 0 {
		t.Errorf("%d registrations wait (%v)", len(waiting), err)
	}
	back := claimsAddress(t, s, got, a.Email, "2")
	again, err := s.ConfirmContact(t.Context(), confirmation(back, got, a.Email))
	must(t, err)
	if found, err := s.AccountByIdentifier(t.Context(), email(a.Email)); err != nil || found.ID != a.ID || again.Email != a.Email {
		t.Errorf("after the way back it finds %s (%v)", found.ID, err)
	}
}

func contactRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	ch := claimsAddress(t, s, a, "new@example.com", "1")
	counts := countErrors(t, atOnce(100, func(int) error {
		_, err := s.ConfirmContact(t.Context(), confirmation(ch, a, "new@example.com"))
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one winner", counts)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 2 {
		t.Errorf("%d mails (%v), want that of the claim and the winner's", n, err)
	}
}

func contactTaken(t *testing.T, s Store) {
	const address = "both@example.com"
	anna, ben := withAccount(t, s, "anna"), withAccount(t, s, "ben")
	of := []authcore.Account{anna, ben}
	challenges := []authcore.Challenge{claimsAddress(t, s, anna, address, "1"), claimsAddress(t, s, ben, address, "2")}
	errs := atOnce(2, func(i int) error {
		_, err := s.ConfirmContact(t.Context(), confirmation(challenges[i], of[i], address))
		return err
	})
	winner := 0
	if errs[0] != nil {
		winner = 1
	}
	must(t, errs[winner])
	var taken *authcore.TakenError
	if err := errs[1-winner]; !errors.As(err, &taken) && !errors.Is(err, authcore.ErrNotFound) {
		t.Fatalf("the loser gets %v", err)
	}
	if found, err := s.AccountByIdentifier(t.Context(), email(address)); err != nil || found.ID != of[winner].ID {
		t.Errorf("it finds %s (%v)", found.ID, err)
	}
	if loser, err := s.AccountByID(t.Context(), of[1-winner].ID); err != nil || loser.Email != of[1-winner].Email {
		t.Errorf("the loser has %q (%v)", loser.Email, err)
	}
}

func contactTakenRace(t *testing.T, s Store) {
	const address = "all@example.com"
	var people []authcore.Account
	var challenges []authcore.Challenge
	for i := range 100 {
		a := aMember(t, s, fmt.Sprint("anna", i))
		people, challenges = append(people, a), append(challenges, claimsAddress(t, s, a, address, fmt.Sprint(i)))
	}
	won := 0
	for i, err := range atOnce(len(people), func(i int) error {
		_, err := s.ConfirmContact(t.Context(), confirmation(challenges[i], people[i], address))
		return err
	}) {
		var taken *authcore.TakenError
		switch found, failed := s.AccountByIdentifier(t.Context(), email(address)); {
		case err == nil:
			if won++; failed != nil || found.ID != people[i].ID {
				t.Errorf("it finds %s (%v)", found.ID, failed)
			}
		case !errors.As(err, &taken) && !errors.Is(err, authcore.ErrNotFound):
			t.Errorf("a loser gets %v", err)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 101 || won != 1 {
		t.Errorf("%d have it, %d mails (%v), want those of the claims and the winner's", won, n, err)
	}
}

func contactChanged(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	ch := claimsAddress(t, s, a, "new@example.com", "1")
	stale := a
	stale.Username = "before"
	_, err := s.ConfirmContact(t.Context(), confirmation(ch, stale, "new@example.com"))
	wants(t, err, authcore.ErrNotFound)
	late := confirmation(ch, a, "new@example.com")
	late.Now = start.Add(8 * 24 * time.Hour)
	_, err = s.ConfirmContact(t.Context(), late)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.ConfirmContact(t.Context(), confirmation(ch, a, "another@example.com"))
	wants(t, err, authcore.ErrNotFound)
	stranger := withAccount(t, s, "ben")
	_, err = s.ConfirmContact(t.Context(), confirmation(ch, stranger, "new@example.com"))
	wants(t, err, authcore.ErrNotFound)
	_, err = s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.ByEmail, Before: stale, Now: start})
	wants(t, err, authcore.ErrNotFound)
	_, err = s.ConfirmContact(t.Context(), confirmation(ch, a, "new@example.com"))
	must(t, err)
}

func contactRemove(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	reset := resetChallenge(t, s, a)
	claimsAddress(t, s, a, "new@example.com", "1")
	got, err := s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.ByEmail, Before: a, Now: start.Add(time.Minute), Effects: mails(1)})
	must(t, err)
	want := a
	want.Email, want.EmailVerifiedAt, want.UpdatedAt = "", time.Time{}, start.Add(time.Minute)
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = s.ProveToken(t.Context(), reset.Purpose, reset.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.AccountByIdentifier(t.Context(), email(a.Email))
	wants(t, err, authcore.ErrNotFound)
	got, err = s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.BySMS, Before: got, Now: start.Add(time.Minute), Effects: mails(1)})
	must(t, err)
	if got.Phone != "" || got.Username != a.Username {
		t.Errorf("got %+v", got)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 3 {
		t.Errorf("%d mails (%v), want 3", n, err)
	}
}

// contactMoves: a number moves with everything that belongs to it, and once.
func contactMoves(t *testing.T, s Store) {
	const number = "+4366411122233"
	anna, ben := withAccount(t, s, "anna"), anAccount("ben")
	ben.Phone, ben.PhoneVerifiedAt = number, start
	must(t, s.CreateAccount(t.Context(), ben, append(idsOf(ben), phone(number)), authcore.Effects{}))
	ch := aChallenge(authcore.PurposeConfirmPhone, identifier.AccountKey(anna.ID), "1")
	ch.AccountID = anna.ID
	must(t, s.ClaimContact(t.Context(), contact.Claim{AccountID: anna.ID, Channel: authcore.BySMS, Address: number,
		Until: start.Add(time.Hour), Challenge: ch, Now: start}, authcore.Effects{}))
	sent := resetChallenge(t, s, ben)
	c := contact.Confirmation{ChallengeID: ch.ID, Purpose: ch.Purpose, Channel: authcore.BySMS, Address: number, Before: anna,
		Unique: append(everyKind, authcore.KindPhone), Now: start.Add(time.Minute), Effects: mails(1)}
	_, err := s.ConfirmContact(t.Context(), c)
	wantsTaken(t, err, authcore.KindPhone)
	stale := ben
	stale.Username = "before"
	c.From = &stale
	_, err = s.ConfirmContact(t.Context(), c)
	wants(t, err, authcore.ErrNotFound)
	c.From = &ben
	counts := countErrors(t, atOnce(100, func(int) error {
		_, err := s.ConfirmContact(t.Context(), c)
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one winner", counts)
	}
	if found, err := s.AccountByIdentifier(t.Context(), phone(number)); err != nil || found.ID != anna.ID || !found.PhoneVerified() {
		t.Errorf("it finds %s (%v)", found.ID, err)
	}
	if former, err := s.AccountByID(t.Context(), ben.ID); err != nil || former.Phone != "" || former.PhoneVerified() {
		t.Errorf("the former owner has %q (%v)", former.Phone, err)
	}
	_, err = s.ProveToken(t.Context(), sent.Purpose, sent.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
}

func contactAbandoned(t *testing.T, s Store) {
	changes, removes := unverified(t, s, "anna"), unverified(t, s, "ben")
	_, err := s.ConfirmContact(t.Context(), confirmation(claimsAddress(t, s, changes, "new@example.com", "1"), changes, "new@example.com"))
	must(t, err)
	_, err = s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.ByEmail, Before: removes, Now: start})
	must(t, err)
	for _, a := range []authcore.Account{changes, removes} {
		if taken, err := s.IdentifierTaken(t.Context(), email(a.Email), uuid.New()); err != nil || taken {
			t.Errorf("%s is taken: %v (%v)", a.Email, taken, err)
		}
	}
}

func contactGivenUp(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	removed, err := s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.ByEmail, Before: a, Now: start})
	must(t, err)
	other := withAccount(t, s, "ben")
	_, err = s.ConfirmContact(t.Context(), confirmation(claimsAddress(t, s, other, a.Email, "1"), other, a.Email))
	wantsTaken(t, err, authcore.KindEmail)
	if got, err := s.AccountByID(t.Context(), a.ID); err != nil || got.Disabled() || got.Epoch != removed.Epoch {
		t.Errorf("the account that has removed it is %+v (%v)", got, err)
	}
}
