package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
)

var closures = []promise{
	{"a deleted account is gone, and its tokens are revoked", deletionEnds},
	{"a deleted account's username stays taken, its address is free", deletionFrees},
	{"100 delete one account: one does", deletionRace},
	{"a sign-in beside a deletion leaves no session", deletionBesideSignIn},
	{"the last administrator stays", lastAdminLeaves},
	{"of several administrators who go at once one stays", adminsLeaveRace},
	{"an account is deleted when due, and not before", deletionWhenDue},
	{"100 restore one account: one does", restoreRace},
	{"100 nodes delete what is due: one does each", dueRace},
	{"a restoration beside a deletion that is due: one of both", restoreBesideDue},
	{"who verifies another's former address is marked", reusedAddress},
	{"an address that its account has changed is another's former one", changedAddress},
	{"an account that verifies its own address again is not marked", ownAddressAgain},
	{"what is written of an account after its deletion goes with the next sweep", sweepLateRows},
}

// aDeletion tells of itself by one event and one farewell.
func aDeletion(a authcore.Account) authcore.Deletion {
	return authcore.Deletion{AccountID: a.ID, Now: start.Add(time.Second), Effects: func(a authcore.Account) (authcore.Effects, error) {
		fx := mails(1)
		e := anEvent(authcore.EventAccountDeleted, start)
		e.AccountID = a.ID
		fx.Events = []authcore.Event{e}
		return fx, nil
	}}
}

// aMember is an account without roles: nobody minds its going.
func aMember(t testing.TB, s Store, name string) authcore.Account {
	t.Helper()
	a := anAccount(name)
	a.Roles = nil
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	return a
}

func deletionEnds(t *testing.T, s Store) {
	a := aMember(t, s, "anna")
	sess := withSession(t, s, a, "1")
	ch := resetChallenge(t, s, a)
	waiting := aMail()
	waiting.AccountID = a.ID
	must(t, s.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{waiting}}))
	must(t, s.SaveRegistration(t.Context(), aRegistration(a.Email, "new", 0), 10, nil, authcore.Effects{}))
	must(t, s.DeleteAccount(t.Context(), aDeletion(a)))

	_, err := s.AccountByID(t.Context(), a.ID)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.AccountByIdentifier(t.Context(), email(a.Email))
	wants(t, err, authcore.ErrNotFound)
	_, err = s.RotateRefresh(t.Context(), rotation(sess, "1", "2", 0))
	wants(t, err, authcore.ErrNotFound)
	_, err = s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	if list, err := s.Registrations(t.Context(), a.Email, start); err != nil || len(list) != 0 {
		t.Errorf("%d registrations of the address (%v)", len(list), err)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want the farewell alone", n, err)
	}
	list, err := s.LiveRevocations(t.Context(), 0, start)
	if err != nil || len(list) != 1 || list[0].AccountID != a.ID || list[0].Epoch != a.Epoch+1 || !list[0].Until.Equal(sess.AccessUntil) {
		t.Errorf("revocations %+v (%v), want the account's until %v", list, err, sess.AccessUntil)
	}
	wants(t, s.DeleteAccount(t.Context(), aDeletion(a)), authcore.ErrNotFound)
}

func deletionFrees(t *testing.T, s Store) {
	a := aMember(t, s, "anna")
	other := "other"
	_, err := s.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{Username: &other}, true, start, authcore.Effects{})
	must(t, err)
	must(t, s.DeleteAccount(t.Context(), aDeletion(a)))
	for _, name := range []string{"anna", "other"} {
		taken, err := s.IdentifierTaken(t.Context(), username(name), uuid.Nil)
		if err != nil || !taken {
			t.Errorf("the username %s is free (%v)", name, err)
		}
		again := anAccount(name)
		again.Email = name + "2@example.com"
		wantsTaken(t, s.CreateAccount(t.Context(), again, idsOf(again), authcore.Effects{}), authcore.KindUsername)
	}
	if taken, err := s.IdentifierTaken(t.Context(), email(a.Email), uuid.Nil); err != nil || taken {
		t.Errorf("the address is taken (%v)", err)
	}
	again := anAccount("third")
	again.Email = a.Email
	must(t, s.CreateAccount(t.Context(), again, idsOf(again), authcore.Effects{}))
}

func deletionRace(t *testing.T, s Store) {
	a := aMember(t, s, "anna")
	counts := countErrors(t, atOnce(100, func(int) error { return s.DeleteAccount(t.Context(), aDeletion(a)) }))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one winner", counts)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want the winner's", n, err)
	}
}

func deletionBesideSignIn(t *testing.T, s Store) {
	for range 10 {
		a := aMember(t, s, "a"+uuid.NewString()[:8])
		late := aSession(a, "late")
		errs := atOnce(2, func(i int) error {
			if i == 0 {
				return openPlain(t.Context(), s, late, authcore.Effects{})
			}
			return s.DeleteAccount(t.Context(), aDeletion(a))
		})
		must(t, errs[1])
		if errs[0] != nil {
			wants(t, errs[0], authcore.ErrNotFound)
		}
		_, _, err := s.SessionOwner(t.Context(), late.ID)
		wants(t, err, authcore.ErrNotFound)
	}
}

func lastAdminLeaves(t *testing.T, s Store) {
	a, bob := withAccount(t, s, "anna"), aMember(t, s, "bob")
	gone := anAccount("gone")
	gone.DisabledAt = start
	must(t, s.CreateAccount(t.Context(), gone, idsOf(gone), authcore.Effects{}))
	wants(t, s.DeleteAccount(t.Context(), aDeletion(a)), authcore.ErrLastAdmin)
	must(t, s.DeleteAccount(t.Context(), aDeletion(bob)))
	withAccount(t, s, "eve")
	must(t, s.DeleteAccount(t.Context(), aDeletion(a)))
}

func adminsLeaveRace(t *testing.T, s Store) {
	var all []authcore.Account
	for i := range 20 {
		all = append(all, withAccount(t, s, "admin"+string(rune('a'+i))))
	}
	stayed := 0
	for _, err := range atOnce(len(all), func(i int) error { return s.DeleteAccount(t.Context(), aDeletion(all[i])) }) {
		if err != nil {
			wants(t, err, authcore.ErrLastAdmin)
			stayed++
		}
	}
	if stayed != 1 {
		t.Errorf("%d administrators are left, want 1", stayed)
	}
}

func deletionWhenDue(t *testing.T, s Store) {
	a := anAccount("anna")
	a.DisabledAt, a.DeletesAt = start, start.Add(time.Hour)
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	d := aDeletion(a)
	wants(t, s.DeleteAccount(t.Context(), d), authcore.ErrNotFound) // it is disabled: nobody is signed in
	d.Due, d.Now = true, a.DeletesAt.Add(-time.Microsecond)
	wants(t, s.DeleteAccount(t.Context(), d), authcore.ErrNotFound)
	d.Now = a.DeletesAt
	must(t, s.DeleteAccount(t.Context(), d))
}

// scheduledFor is an account whose deletion waits, and the challenge that restores it.
func scheduledFor(t testing.TB, s Store, name string) (authcore.Account, authcore.DeletionRequest) {
	t.Helper()
	a := aMember(t, s, name)
	ch := aChallenge(authcore.PurposeRestore, "account:"+a.ID.String(), name)
	ch.AccountID, ch.ExpiresAt = a.ID, start.Add(time.Hour)
	r := authcore.DeletionRequest{AccountID: a.ID, DeletesAt: ch.ExpiresAt, Restore: ch, Now: start}
	must(t, s.ScheduleDeletion(t.Context(), r))
	return a, r
}

func aRestoration(r authcore.DeletionRequest, at time.Time) authcore.Restoration {
	return authcore.Restoration{ChallengeID: r.Restore.ID, Now: at, Effects: func(authcore.Account) (authcore.Effects, error) { return mails(1), nil }}
}

func restoreRace(t *testing.T, s Store) {
	a, r := scheduledFor(t, s, "anna")
	counts := countErrors(t, atOnce(100, func(int) error { return s.RestoreAccount(t.Context(), aRestoration(r, start)) }))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one winner", counts)
	}
	if got, err := s.AccountByID(t.Context(), a.ID); err != nil || got.Disabled() || !got.DeletesAt.IsZero() || got.Epoch != a.Epoch+1 {
		t.Errorf("the account is %+v (%v)", got, err)
	}
	wants(t, s.ScheduleDeletion(t.Context(), authcore.DeletionRequest{AccountID: uuid.New(), DeletesAt: start, Restore: r.Restore, Now: start}), authcore.ErrNotFound)
}

func dueRace(t *testing.T, s Store) {
	for _, name := range []string{"anna", "bob"} {
		scheduledFor(t, s, name)
	}
	ids, err := s.DueDeletions(t.Context(), start.Add(time.Hour-time.Microsecond), 10)
	if err != nil || len(ids) != 0 {
		t.Fatalf("%d are due too early (%v)", len(ids), err)
	}
	ids, err = s.DueDeletions(t.Context(), start.Add(time.Hour), 10)
	if err != nil || len(ids) != 2 {
		t.Fatalf("%d are due (%v)", len(ids), err)
	}
	counts := countErrors(t, atOnce(100, func(i int) error {
		d := aDeletion(authcore.Account{ID: ids[i%2]})
		d.Due, d.Now = true, start.Add(time.Hour)
		return s.DeleteAccount(t.Context(), d)
	}))
	if counts[nil] != 2 || counts[authcore.ErrNotFound] != 98 {
		t.Errorf("%v, want each deleted once", counts)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 2 {
		t.Errorf("%d mails (%v), want a farewell each", n, err)
	}
}

// restoreBesideDue: the clocks of two nodes differ by a moment.
func restoreBesideDue(t *testing.T, s Store) {
	for i := range 10 {
		a, r := scheduledFor(t, s, "anna"+string(rune('a'+i)))
		d := aDeletion(a)
		d.Due, d.Now = true, r.DeletesAt
		errs := atOnce(2, func(i int) error {
			if i == 0 {
				return s.DeleteAccount(t.Context(), d)
			}
			return s.RestoreAccount(t.Context(), aRestoration(r, r.DeletesAt.Add(-time.Microsecond)))
		})
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("deleted: %v, restored: %v", errs[0], errs[1])
		}
		_, err := s.AccountByID(t.Context(), a.ID)
		if (err == nil) != (errs[1] == nil) {
			t.Errorf("the account: %v, restored: %v", err, errs[1])
		}
	}
}

func reusedAddress(t *testing.T, s Store) {
	a := aMember(t, s, "anna")
	must(t, s.DeleteAccount(t.Context(), aDeletion(a)))
	again := anAccount("again")
	again.Email = a.Email
	must(t, s.CreateAccount(t.Context(), again, idsOf(again), authcore.Effects{}))
	marked(t, s, again, true)
	must(t, s.DeleteAccount(t.Context(), aDeletion(aMember(t, s, "bob"))))
	fresh := aMember(t, s, "fresh")
	marked(t, s, fresh, false)

	// An address that was only claimed is no reason.
	claimed := unverified(t, s, "claimed")
	must(t, s.DeleteAccount(t.Context(), aDeletion(claimed)))
	owner := anAccount("owner")
	owner.Email = claimed.Email
	must(t, s.CreateAccount(t.Context(), owner, idsOf(owner), authcore.Effects{}))
	marked(t, s, owner, false)

	// Where addresses do not sign in, several accounts may verify one.
	first, second := anAccount("first"), anAccount("second")
	second.Email = first.Email
	must(t, s.CreateAccount(t.Context(), first, nil, authcore.Effects{}))
	must(t, s.CreateAccount(t.Context(), second, nil, authcore.Effects{}))
	marked(t, s, first, false)
	marked(t, s, second, true)
}

// changedAddress: the former owner has another address now, and may come back to their own.
func changedAddress(t *testing.T, s Store) {
	a := aMember(t, s, "anna")
	move := func(a authcore.Account, to string, at time.Time) authcore.Account {
		t.Helper()
		ch := aChallenge(authcore.PurposeConfirmEmail, "account:"+a.ID.String(), uuid.NewString())
		ch.AccountID = a.ID
		must(t, s.ClaimContact(t.Context(), contact.Claim{AccountID: a.ID, Channel: authcore.ByEmail, Address: to, Until: start.Add(time.Hour),
			Challenge: ch, Now: at}, authcore.Effects{}))
		before, err := s.AccountByID(t.Context(), a.ID)
		must(t, err)
		moved, err := s.ConfirmContact(t.Context(), contact.Confirmation{ChallengeID: ch.ID, Purpose: ch.Purpose, Channel: authcore.ByEmail, Address: to,
			Before: before, Now: at})
		must(t, err)
		return moved
	}
	moved := move(a, "new@example.com", start)
	marked(t, s, moved, false)
	heir := anAccount("heir")
	heir.Email = a.Email
	must(t, s.CreateAccount(t.Context(), heir, nil, authcore.Effects{}))
	marked(t, s, heir, true)
	// It was hers first, and another's since.
	marked(t, s, move(moved, a.Email, start.Add(time.Second)), true)
	marked(t, s, move(aMember(t, s, "bob"), "bob2@example.com", start), false)
}

// ownAddressAgain verifies by a reset what is verified already.
func ownAddressAgain(t *testing.T, s Store) {
	a := aMember(t, s, "anna")
	_, _, err := s.ResetPassword(t.Context(), aReset(resetChallenge(t, s, a), a))
	must(t, err)
	marked(t, s, a, false)
}

func marked(t *testing.T, s Store, a authcore.Account, want bool) {
	t.Helper()
	got, err := s.AccountByID(t.Context(), a.ID)
	if err != nil || got.EmailReused != want {
		t.Errorf("the address of %s is marked as another's before: %v (%v), want %v", a.Username, got.EmailReused, err, want)
	}
}

// sweepLateRows writes as a request does that has found the account before it was deleted.
func sweepLateRows(t *testing.T, s Store) {
	a := aMember(t, s, "anna")
	must(t, s.DeleteAccount(t.Context(), aDeletion(a)))
	mail, ch := aMail(), aChallenge(authcore.PurposeResetPassword, "account:"+a.ID.String(), "1")
	mail.AccountID, ch.AccountID = a.ID, a.ID
	must(t, s.IssueChallenge(t.Context(), ch, authcore.Effects{Mails: []authcore.Mail{mail}}))
	must(t, s.Sweep(t.Context(), start))
	_, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want the farewell alone", n, err)
	}
}
