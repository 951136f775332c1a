package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var signUps = []promise{
	{"a verified address becomes an account that is signed in", signUpCreate},
	{"O04 100 redeem one challenge: one account, one session", signUpOnce},
	{"100 redeem different challenges with one address: one account", signUpAddressRace},
	{"a name that was taken meanwhile costs nothing", signUpTaken},
	{"an existing account is verified and keeps what it has", signUpVerify},
	{"an existing account is taken over from whoever planted it", signUpReplace},
	{"a disabled or already verified account is not found", signUpRefused},
}

func aSignUp(ch authcore.Challenge, a authcore.Account) authcore.SignUp {
	a.EmailVerifiedAt = start
	return authcore.SignUp{ChallengeID: ch.ID, Account: a, Create: true, Identifiers: idsOf(a),
		Session: aSession(authcore.Account{}, "refresh of "+a.Username), Now: start}
}

func signUpCreate(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	must(t, s.SaveRegistration(t.Context(), aRegistration(subject, "anna", 0), 10, nil, authcore.Effects{}))
	must(t, s.SaveRegistration(t.Context(), aRegistration(subject, "planted", 0), 10, nil, authcore.Effects{}))
	must(t, s.SaveRegistration(t.Context(), aRegistration("other@example.com", "other", 0), 10, nil, authcore.Effects{}))
	e := aSignUp(ch, anAccount("anna"))
	e.Effects = mails(1)
	a, sess, rev, err := s.SignUp(t.Context(), e)
	must(t, err)
	if diff := cmp.Diff(e.Account, a); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	want := e.Session
	want.AccountID, want.AccountEpoch = a.ID, a.Epoch
	if diff := cmp.Diff(want, sess); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if rev != (authcore.Revocation{}) {
		t.Errorf("a revocation without cause: %+v", rev)
	}
	if _, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start); err != nil {
		t.Errorf("the session is not stored: %v", err)
	}
	if got, err := s.AccountByIdentifier(t.Context(), email(a.Email)); err != nil || got.ID != a.ID {
		t.Errorf("the address finds %v (%v)", got.ID, err)
	}
	for address, want := range map[string]int{subject: 0, "other@example.com": 1} {
		if got, err := s.Registrations(t.Context(), address, start); err != nil || len(got) != want {
			t.Errorf("%d registrations of %s stay (%v), want %d", len(got), address, err, want)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
	_, _, _, err = s.SignUp(t.Context(), e)
	wants(t, err, authcore.ErrNotFound)
}

func signUpOnce(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	counts := countErrors(t, atOnce(100, func(i int) error {
		a := anAccount(fmt.Sprintf("name%d", i))
		a.Email = subject
		e := aSignUp(ch, a)
		e.Effects = mails(1)
		_, _, _, err := s.SignUp(t.Context(), e)
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one winner", counts)
	}
	a, err := s.AccountByIdentifier(t.Context(), email(subject))
	must(t, err)
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 1 {
		t.Errorf("%d sessions (%v), want 1", len(list), err)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
}

func signUpAddressRace(t *testing.T, s Store) {
	var list [100]authcore.Challenge
	for i := range list {
		list[i] = issued(t, s, aChallenge(authcore.PurposeVerifyEmail, fmt.Sprintf("s%d@example.com", i), "1"))
	}
	oneMade(t, atOnce(len(list), func(i int) error {
		a := anAccount(fmt.Sprintf("name%d", i))
		a.Email = subject
		_, _, _, err := s.SignUp(t.Context(), aSignUp(list[i], a))
		return err
	}))
}

func signUpTaken(t *testing.T, s Store) {
	withAccount(t, s, "other")
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	a := anAccount("anna")
	a.Username = "other"
	_, _, _, err := s.SignUp(t.Context(), aSignUp(ch, a))
	wantsTaken(t, err, authcore.KindUsername)
	a.Username = ""
	e := aSignUp(ch, a)
	e.Identifiers = []authcore.Identifier{email(a.Email)}
	_, _, _, err = s.SignUp(t.Context(), e)
	must(t, err)
}

func signUpVerify(t *testing.T, s Store) {
	want := unverified(t, s, "anna")
	old := withSession(t, s, want, "old")
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	got, sess, rev, err := s.SignUp(t.Context(), authcore.SignUp{ChallengeID: ch.ID, Now: start.Add(time.Second),
		Account: authcore.Account{ID: want.ID, EmailVerifiedAt: start}, Session: aSession(authcore.Account{}, "new")})
	must(t, err)
	want.EmailVerifiedAt, want.UpdatedAt = start, start.Add(time.Second)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rev != (authcore.Revocation{}) || sess.AccountEpoch != want.Epoch {
		t.Errorf("revocation %+v, epoch %d", rev, sess.AccountEpoch)
	}
	for _, id := range []authcore.Session{old, sess} {
		if _, _, err := s.SessionByRefresh(t.Context(), id.ID, id.RefreshDigest, start); err != nil {
			t.Errorf("session: %v", err)
		}
	}
}

func signUpReplace(t *testing.T, s Store) {
	planted := unverified(t, s, "anna")
	old := withSession(t, s, planted, "old")
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	now := start.Add(time.Second)
	got, sess, rev, err := s.SignUp(t.Context(), authcore.SignUp{ChallengeID: ch.ID, Replace: true, Now: now,
		Account: authcore.Account{ID: planted.ID, EmailVerifiedAt: now, PasswordHash: "own"},
		Session: aSession(authcore.Account{}, "new")})
	must(t, err)
	want := planted
	want.EmailVerifiedAt, want.UpdatedAt, want.PasswordHash, want.Epoch = now, now, "own", planted.Epoch+1
	want.Username, want.FirstName, want.LastName, want.Phone = "", "", "", ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rev.AccountID != want.ID || rev.SessionID != uuid.Nil || rev.Epoch != want.Epoch || !rev.Until.Equal(old.AccessUntil) || rev.Seq == 0 {
		t.Errorf("revocation %+v", rev)
	}
	_, _, err = s.SessionByRefresh(t.Context(), old.ID, old.RefreshDigest, now)
	wants(t, err, authcore.ErrNotFound)
	if _, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, now); err != nil {
		t.Errorf("the new session: %v", err)
	}
	_, err = s.AccountByIdentifier(t.Context(), username("anna"))
	wants(t, err, authcore.ErrNotFound)
}

func signUpRefused(t *testing.T, s Store) {
	verified := withAccount(t, s, "verified")
	disabled := anAccount("disabled")
	disabled.EmailVerifiedAt, disabled.DisabledAt = time.Time{}, start
	must(t, s.CreateAccount(t.Context(), disabled, idsOf(disabled), authcore.Effects{}))
	for _, a := range []authcore.Account{verified, disabled} {
		for _, replace := range []bool{false, true} {
			ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, a.Email, "1"))
			_, _, _, err := s.SignUp(t.Context(), authcore.SignUp{ChallengeID: ch.ID, Replace: replace, Now: start,
				Account: authcore.Account{ID: a.ID, EmailVerifiedAt: start, PasswordHash: "x"},
				Session: aSession(authcore.Account{}, "new")})
			wants(t, err, authcore.ErrNotFound)
		}
		got, err := s.AccountByID(t.Context(), a.ID)
		must(t, err)
		if diff := cmp.Diff(a, got); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
	}
}
