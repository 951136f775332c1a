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
	{"or becomes one that nobody is signed in to", signUpNobody},
	{"O04 100 redeem one challenge: one account, one session", signUpOnce},
	{"100 redeem different challenges with one address: one account", signUpAddressRace},
	{"a name that was taken meanwhile costs nothing", signUpTaken},
	{"an existing account is verified and keeps what it has", signUpVerify},
	{"an account that only claimed the address loses it, or is closed", signUpTakes},
	{"an account that verified the address, or was made by the operator, keeps it", signUpKeeps},
	{"what other accounts have pending of it dies", signUpPending},
	{"a number is verified", signUpPhone},
	{"an account made at once has its code and registration", opens},
	{"a disabled or already verified account is not found", signUpRefused},
}

// signIn are the kinds that find accounts.
var signIn = []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone}

func aSignUp(ch authcore.Challenge, a authcore.Account) authcore.SignUp {
	a.EmailVerifiedAt = start
	return authcore.SignUp{ChallengeID: ch.ID, Account: a, Create: true, Verified: email(a.Email), Unique: signIn, Identifiers: idsOf(a),
		Opening: authcore.SessionOpening{Session: aSession(authcore.Account{}, "refresh of "+a.Username)}, Now: start}
}

// signUpNobody makes an account, and signs nobody in.
func signUpNobody(t *testing.T, s Store) {
	e := aSignUp(issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1")), anAccount("anna"))
	e.Opening = authcore.SessionOpening{Effects: mails(1)}
	a, sess, err := s.SignUp(t.Context(), e)
	must(t, err)
	if diff := cmp.Diff(e.Account, a, unnumbered); diff != "" || sess.ID != uuid.Nil {
		t.Errorf("session %v, account (-want +got):\n%s", sess.ID, diff)
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) > 0 {
		t.Errorf("sessions: %+v (%v)", list, err)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
}

func signUpCreate(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	must(t, s.SaveRegistration(t.Context(), aRegistration(subject, "anna", 0), 10, nil, authcore.Effects{}))
	must(t, s.SaveRegistration(t.Context(), aRegistration(subject, "planted", 0), 10, nil, authcore.Effects{}))
	must(t, s.SaveRegistration(t.Context(), aRegistration("other@example.com", "other", 0), 10, nil, authcore.Effects{}))
	e := aSignUp(ch, anAccount("anna"))
	e.Opening.Effects = mails(1)
	a, sess, err := s.SignUp(t.Context(), e)
	must(t, err)
	if diff := cmp.Diff(e.Account, a, unnumbered); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	want := e.Opening.Session
	want.AccountID, want.AccountEpoch = a.ID, a.Epoch
	if diff := cmp.Diff(want, sess, unnumbered); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if list, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(list) > 0 {
		t.Errorf("revocations without cause: %+v (%v)", list, err)
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
	_, _, err = s.SignUp(t.Context(), e)
	wants(t, err, authcore.ErrNotFound)
}

func signUpOnce(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	counts := countErrors(t, atOnce(100, func(i int) error {
		a := anAccount(fmt.Sprintf("name%d", i))
		a.Email = subject
		e := aSignUp(ch, a)
		e.Opening.Effects = mails(1)
		_, _, err := s.SignUp(t.Context(), e)
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
		_, _, err := s.SignUp(t.Context(), aSignUp(list[i], a))
		return err
	}))
}

func signUpTaken(t *testing.T, s Store) {
	withAccount(t, s, "other")
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	a := anAccount("anna")
	a.Username = "other"
	_, _, err := s.SignUp(t.Context(), aSignUp(ch, a))
	wantsTaken(t, err, authcore.KindUsername)
	a.Username = ""
	e := aSignUp(ch, a)
	e.Identifiers = []authcore.Identifier{email(a.Email)}
	_, _, err = s.SignUp(t.Context(), e)
	must(t, err)
}

func signUpVerify(t *testing.T, s Store) {
	want := unverified(t, s, "anna")
	old := withSession(t, s, want, "old")
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	got, sess, err := s.SignUp(t.Context(), authcore.SignUp{ChallengeID: ch.ID, Now: start.Add(time.Second),
		Verified: email(want.Email), Unique: signIn, Account: authcore.Account{ID: want.ID}, Opening: authcore.SessionOpening{Session: aSession(authcore.Account{}, "new")}})
	must(t, err)
	want.EmailVerifiedAt, want.UpdatedAt = start.Add(time.Second), start.Add(time.Second)
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sess.AccountEpoch != want.Epoch {
		t.Errorf("epoch %d", sess.AccountEpoch)
	}
	for _, id := range []authcore.Session{old, sess} {
		if _, _, err := s.SessionByRefresh(t.Context(), id.ID, id.RefreshDigest, start); err != nil {
			t.Errorf("session: %v", err)
		}
	}
}

// signUpTakes: the account that only claimed the address loses it, and is closed where nothing else finds it.
func signUpTakes(t *testing.T, s Store) {
	for name, keeps := range map[string]bool{"anna": true, "": false} {
		claimer := anAccount("claimer" + name)
		claimer.Username, claimer.EmailVerifiedAt = name, time.Time{}
		ids := idsOf(claimer)
		if name == "" {
			ids = ids[:1]
		}
		must(t, s.CreateAccount(t.Context(), claimer, ids, authcore.Effects{}))
		old := withSession(t, s, claimer, "old"+name)
		mailed := aChallenge(authcore.PurposeResetPassword, "account:"+claimer.ID.String(), "mailed to the address")
		mailed.AccountID = claimer.ID
		issued(t, s, mailed)
		owner := anAccount("owner" + name)
		owner.Email = claimer.Email
		now := start.Add(time.Second)
		e := aSignUp(issued(t, s, aChallenge(authcore.PurposeVerifyEmail, claimer.Email, "1")), owner)
		e.Now, e.Closed = now, authcore.Event{Kind: authcore.EventDisabled, At: now}
		_, _, err := s.SignUp(t.Context(), e)
		must(t, err)
		if got, err := s.AccountByIdentifier(t.Context(), email(owner.Email)); err != nil || got.ID != owner.ID {
			t.Errorf("the address finds %v (%v)", got.ID, err)
		}
		want := claimer
		want.Email, want.UpdatedAt = "", now
		if !keeps {
			want.DisabledAt, want.Epoch = now, claimer.Epoch+1
		}
		got, err := s.AccountByID(t.Context(), claimer.ID)
		must(t, err)
		if diff := cmp.Diff(want, got, unnumbered); diff != "" {
			t.Errorf("the claimer (-want +got):\n%s", diff)
		}
		_, _, err = s.SessionByRefresh(t.Context(), old.ID, old.RefreshDigest, now)
		if keeps != (err == nil) {
			t.Errorf("the claimer's session: %v, want it kept: %v", err, keeps)
		}
		_, err = s.ProveToken(t.Context(), mailed.Purpose, mailed.TokenDigest, now)
		wants(t, err, authcore.ErrNotFound)
	}
}

// signUpKeeps: an account that has verified the address, or that whoever runs the gateway has made, does not lose it.
func signUpKeeps(t *testing.T, s Store) {
	made := anAccount("made")
	made.EmailVerifiedAt, made.MadeByOperator = time.Time{}, true
	must(t, s.CreateAccount(t.Context(), made, idsOf(made), authcore.Effects{}))
	for _, a := range []authcore.Account{made, withAccount(t, s, "verified")} {
		stranger := anAccount("stranger" + a.Username)
		stranger.Email = a.Email
		_, _, err := s.SignUp(t.Context(), aSignUp(issued(t, s, aChallenge(authcore.PurposeVerifyEmail, a.Email, "1")), stranger))
		wantsTaken(t, err, authcore.KindEmail)
		got, err := s.AccountByID(t.Context(), a.ID)
		must(t, err)
		if diff := cmp.Diff(a, got, unnumbered); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
	}
}

// signUpPending: what others have asked for and not verified dies, unless the kind finds no accounts.
func signUpPending(t *testing.T, s Store) {
	for _, unique := range [][]authcore.IdentifierKind{signIn, {authcore.KindUsername}} {
		name := fmt.Sprintf("owner%d", len(unique))
		other := anAccount("other" + name)
		other.PendingEmail, other.PendingEmailUntil = name+"@example.com", start.Add(time.Hour)
		other.PendingPhone, other.PendingPhoneUntil = "+4912345", start.Add(time.Hour)
		must(t, s.CreateAccount(t.Context(), other, idsOf(other), authcore.Effects{}))
		e := aSignUp(issued(t, s, aChallenge(authcore.PurposeVerifyEmail, name+"@example.com", "1")), anAccount(name))
		e.Unique = unique
		_, _, err := s.SignUp(t.Context(), e)
		must(t, err)
		got, err := s.AccountByID(t.Context(), other.ID)
		must(t, err)
		if died := got.PendingEmail == ""; died != (len(unique) > 1) || got.PendingPhone == "" {
			t.Errorf("identities %v: pending %q and %q", unique, got.PendingEmail, got.PendingPhone)
		}
	}
}

// signUpPhone: a number is verified as an address is.
func signUpPhone(t *testing.T, s Store) {
	a := anAccount("anna")
	must(t, s.CreateAccount(t.Context(), a, append(idsOf(a), phone(a.Phone)), authcore.Effects{}))
	got, _, err := s.SignUp(t.Context(), authcore.SignUp{ChallengeID: issued(t, s, aChallenge(authcore.PurposeVerifyEmail, a.Phone, "1")).ID,
		Verified: phone(a.Phone), Unique: signIn, Account: authcore.Account{ID: a.ID}, Opening: authcore.SessionOpening{Session: aSession(authcore.Account{}, "new")}, Now: start})
	if err != nil || !got.PhoneVerified() || !got.PhoneVerifiedAt.Equal(start) {
		t.Errorf("%+v (%v)", got, err)
	}
}

// opens: an account that is made at once has its code and the registration that verifies it, or there is none of the three.
func opens(t *testing.T, s Store) {
	a := anAccount("anna")
	a.EmailVerifiedAt = time.Time{}
	r := aRegistration(a.Email, "", 0)
	r.ID, r.PasswordHash, r.Email = a.ID, "", "contact@example.com"
	ch := aChallenge(authcore.PurposeVerifyEmail, a.Email, "1")
	o := authcore.Opening{Account: a, Identifiers: idsOf(a), Registration: &r, Challenge: &ch, Effects: mails(1)}
	must(t, s.OpenAccount(t.Context(), o))
	got, err := s.Registrations(t.Context(), a.Email, start)
	must(t, err)
	if diff := cmp.Diff([]authcore.Registration{r}, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	must(t, err)

	o.Account, o.Effects = anAccount("berta"), mails(1)
	r.ID = o.Account.ID
	second := aChallenge(authcore.PurposeVerifyEmail, "berta@example.com", "2")
	o.Challenge = &second
	wantsTaken(t, s.OpenAccount(t.Context(), o), authcore.KindEmail)
	_, err = s.ProveToken(t.Context(), second.Purpose, second.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
}

func signUpRefused(t *testing.T, s Store) {
	verified := withAccount(t, s, "verified")
	disabled := anAccount("disabled")
	disabled.EmailVerifiedAt, disabled.DisabledAt = time.Time{}, start
	must(t, s.CreateAccount(t.Context(), disabled, idsOf(disabled), authcore.Effects{}))
	for _, a := range []authcore.Account{verified, disabled} {
		ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, a.Email, "1"))
		_, _, err := s.SignUp(t.Context(), authcore.SignUp{ChallengeID: ch.ID, Now: start, Verified: email(a.Email), Unique: signIn,
			Account: authcore.Account{ID: a.ID}, Opening: authcore.SessionOpening{Session: aSession(authcore.Account{}, "new")}})
		wants(t, err, authcore.ErrNotFound)
		got, err := s.AccountByID(t.Context(), a.ID)
		must(t, err)
		if diff := cmp.Diff(a, got, unnumbered); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
	}
}
