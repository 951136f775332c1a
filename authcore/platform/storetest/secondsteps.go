package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var secondSteps = []promise{
	{"a pending sign-in is found by its token until it ends", pendingFound},
	{"a pending sign-in dies with a new password, a reset and a disabled account", pendingDies},
	{"O01 100 guesses at once: as many are looked at as may be", pendingAttempts},
	{"O04 100 finish one pending sign-in: one session", pendingRace},
	{"what was given is noted once", pendingAdvance},
	{"the factor that a sign-in adds is noted until the sign-in ends", pendingEnrolment},
	{"a device is trusted until then, and by its account alone", deviceTrust},
	{"trust ends with a new password and a reset", trustEnds},
	{"a reset says by which channel, until another kind was given", resetChannel},
	{"a sign-up that waits for a second step has an account and no session", signUpWaits},
}

func aPending(a authcore.Account, token string) authcore.PendingSignIn {
	return authcore.PendingSignIn{
		ID: uuid.Must(uuid.NewV7()), AccountID: a.ID, AccountEpoch: a.Epoch, TokenDigest: sum(token), Mode: authcore.ModeCookie, Method: "password",
		AMR: []string{"pwd"}, DeviceDigest: sum("phone"), ClientDigest: sum("Firefox"), DeviceName: "Café ☕", ShortLived: true, TrustDevice: true, AttemptsLeft: 5,
		CreatedAt: start, ExpiresAt: start.Add(10 * time.Minute),
	}
}

func withPending(t testing.TB, s Store, a authcore.Account, token string) authcore.PendingSignIn {
	t.Helper()
	p := aPending(a, token)
	must(t, s.SavePending(t.Context(), p, authcore.Effects{}))
	return p
}

func finding(t testing.TB, s Store, p authcore.PendingSignIn, token string, after time.Duration) error {
	t.Helper()
	_, _, err := s.Pending(t.Context(), p.ID, sum(token), start.Add(after))
	return err
}

func pendingFound(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	want := withPending(t, s, a, "token")
	stepUp := aPending(a, "step-up")
	stepUp.SessionID, stepUp.DeviceDigest, stepUp.ClientDigest, stepUp.TrustDevice = withSession(t, s, a, "s").ID, [32]byte{}, [32]byte{}, false
	stepUp.WantsMFA, stepUp.AuthTime = true, start.Add(-time.Hour)
	must(t, s.SavePending(t.Context(), stepUp, mails(1)))
	for token, want := range map[string]authcore.PendingSignIn{"token": want, "step-up": stepUp} {
		got, account, err := s.Pending(t.Context(), want.ID, sum(token), start)
		must(t, err)
		if diff := cmp.Diff(want, got) + cmp.Diff(a, account, unnumbered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	wants(t, finding(t, s, want, "other", 0), authcore.ErrNotFound)
	wants(t, finding(t, s, stepUp, "token", 0), authcore.ErrNotFound)
	must(t, finding(t, s, want, "token", 10*time.Minute-time.Second))
	wants(t, finding(t, s, want, "token", 10*time.Minute), authcore.ErrNotFound)
	late := aPending(a, "late")
	late.AccountEpoch--
	wants(t, s.SavePending(t.Context(), late, authcore.Effects{}), authcore.ErrNotFound)
}

func pendingDies(t *testing.T, s Store) {
	withAccount(t, s, "another administrator")
	for name, end := range map[string]func(authcore.Account) error{
		"change": func(a authcore.Account) error {
			_, _, err := s.ChangePassword(t.Context(), authcore.PasswordChange{AccountID: a.ID, Old: a.PasswordHash, PasswordHash: "new", Now: start})
			return err
		},
		"reset": func(a authcore.Account) error {
			_, _, err := s.ResetPassword(t.Context(), aReset(resetChallenge(t, s, a), a))
			return err
		},
		"disable": func(a authcore.Account) error {
			_, err := s.ChangeDisabled(t.Context(), aDisabling(a, true))
			return err
		},
	} {
		a := withAccount(t, s, name)
		p := withPending(t, s, a, name)
		must(t, end(a))
		wants(t, finding(t, s, p, name, 0), authcore.ErrNotFound)
		o := anOpening(a, name, "")
		o.Pending = p.ID
		_, err := s.OpenSession(t.Context(), o)
		wants(t, err, authcore.ErrNotFound)
		wants(t, s.SavePending(t.Context(), aPending(a, name+" again"), authcore.Effects{}), authcore.ErrNotFound)
	}
}

func pendingAttempts(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	p := withPending(t, s, a, "token")
	counts := countErrors(t, atOnce(100, func(int) error { return s.SpendAttempt(t.Context(), p.ID, start) }))
	if counts[nil] != 5 || counts[authcore.ErrNotFound] != 95 {
		t.Errorf("%d of 100 guesses are looked at, want 5", counts[nil])
	}
	wants(t, finding(t, s, p, "token", 0), authcore.ErrNotFound)
	must(t, s.ReturnAttempt(t.Context(), p.ID, start))
	must(t, finding(t, s, p, "token", 0))
	must(t, s.SpendAttempt(t.Context(), p.ID, start))
	wants(t, s.SpendAttempt(t.Context(), p.ID, start), authcore.ErrNotFound)
	other := withPending(t, s, a, "other")
	wants(t, s.SpendAttempt(t.Context(), other.ID, other.ExpiresAt), authcore.ErrNotFound)
}

func pendingRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	p := withPending(t, s, a, "token")
	counts := countErrors(t, atOnce(100, func(i int) error {
		o := anOpening(a, fmt.Sprint(i), "")
		o.Pending = p.ID
		_, err := s.OpenSession(t.Context(), o)
		return err
	}))
	if counts[nil] != 1 {
		t.Errorf("%d of 100 opened a session, want 1", counts[nil])
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 1 {
		t.Errorf("%d sessions live (%v), want 1", len(list), err)
	}
	foreign := anOpening(withAccount(t, s, "bob"), "bob", "")
	foreign.Pending = withPending(t, s, a, "more").ID // O13
	_, err := s.OpenSession(t.Context(), foreign)
	wants(t, err, authcore.ErrNotFound)
}

func pendingAdvance(t *testing.T, s Store) {
	p := withPending(t, s, withAccount(t, s, "ada"), "token")
	from, to := []string{"pwd"}, []string{"pwd", "email"}
	must(t, s.AdvancePending(t.Context(), p.ID, from, to, start))
	wants(t, s.AdvancePending(t.Context(), p.ID, from, []string{"pwd", "otp"}, start), authcore.ErrNotFound)
	wants(t, s.AdvancePending(t.Context(), p.ID, to, from, p.ExpiresAt), authcore.ErrNotFound)
	got, _, err := s.Pending(t.Context(), p.ID, sum("token"), start)
	if must(t, err); !slices.Equal(got.AMR, to) {
		t.Errorf("given is %v, want %v", got.AMR, to)
	}
}

func pendingEnrolment(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	p, other := withPending(t, s, a, "token"), withPending(t, s, a, "other")
	first, second := uuid.New(), uuid.New()
	must(t, s.BeginEnrolment(t.Context(), p.ID, first, start))
	must(t, s.BeginEnrolment(t.Context(), p.ID, second, start))
	wants(t, s.BeginEnrolment(t.Context(), p.ID, first, p.ExpiresAt), authcore.ErrNotFound)
	for token, want := range map[string]uuid.UUID{"token": second, "other": uuid.Nil} {
		got, _, err := s.Pending(t.Context(), map[string]uuid.UUID{"token": p.ID, "other": other.ID}[token], sum(token), start)
		if must(t, err); got.Enrolment != want {
			t.Errorf("%s adds %v, want %v", token, got.Enrolment, want)
		}
	}
}

// trusting is a sign-in that makes its device trusted.
func trusting(a authcore.Account, refresh, device string) authcore.SessionOpening {
	o := anOpening(a, refresh, device)
	o.TrustUntil, o.Trusted = start.Add(30*24*time.Hour), anEvent(authcore.EventDeviceTrusted, start)
	return o
}

func trusts(t testing.TB, s Store, a authcore.Account, device string, after time.Duration) bool {
	t.Helper()
	trusted, err := s.DeviceTrusted(t.Context(), a.ID, sum(device), start.Add(after))
	must(t, err)
	return trusted
}

func deviceTrust(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	opened(t, s, anOpening(bob, "b", "phone"))
	opened(t, s, anOpening(ada, "a", "phone"))
	if trusts(t, s, ada, "phone", 0) {
		t.Error("a device is trusted that nobody has asked to trust")
	}
	knows := func(account uuid.UUID, device string) (id uuid.UUID, err error) {
		return s.DeviceByToken(t.Context(), account, sum(device))
	}
	hers, err := knows(ada.ID, "phone")
	must(t, err)
	if his, err := knows(bob.ID, "phone"); err != nil || his == hers {
		t.Errorf("two accounts know one token as one device (%v)", err)
	}
	_, err = knows(ada.ID, "laptop")
	wants(t, err, authcore.ErrNotFound)
	_, err = knows(uuid.Nil, "phone")
	wants(t, err, authcore.ErrNotFound)
	opened(t, s, trusting(ada, "a2", "phone"))
	opened(t, s, anOpening(ada, "a3", "phone")) // leaves it as it is
	last := 30*24*time.Hour - time.Second
	if !trusts(t, s, ada, "phone", 0) || !trusts(t, s, ada, "phone", last) || trusts(t, s, ada, "phone", last+time.Second) {
		t.Error("the device is not trusted for just as long as was said")
	}
	if trusts(t, s, bob, "phone", 0) || trusts(t, s, ada, "desk", 0) {
		t.Error("trust of one account and device is that of others")
	}
	forgotten := trusting(ada, "a4", "cafe")
	forgotten.Keep = false
	opened(t, s, forgotten)
	if trusts(t, s, ada, "cafe", 0) {
		t.Error("a device that is not to be remembered is trusted")
	}
}

func trustEnds(t *testing.T, s Store) {
	for name, end := range map[string]func(authcore.Account) error{
		"change": func(a authcore.Account) error {
			_, _, err := s.ChangePassword(t.Context(), authcore.PasswordChange{AccountID: a.ID, Old: a.PasswordHash, PasswordHash: "new", Now: start})
			return err
		},
		"reset": func(a authcore.Account) error {
			_, _, err := s.ResetPassword(t.Context(), aReset(resetChallenge(t, s, a), a))
			return err
		},
	} {
		a := withAccount(t, s, name)
		opened(t, s, trusting(a, name, name))
		must(t, end(a))
		if trusts(t, s, a, name, 0) {
			t.Errorf("a device stays trusted after a %s of the password", name)
		}
	}
}

func resetChannel(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	r := aReset(resetChallenge(t, s, a), a)
	r.Channel = authcore.ByEmail
	a, _, err := s.ResetPassword(t.Context(), r)
	if must(t, err); a.PasswordBy != authcore.ByEmail {
		t.Errorf("the password is by %q", a.PasswordBy)
	}
	opened(t, s, anOpening(a, "1", "phone"))
	if got, err := s.AccountByID(t.Context(), a.ID); err != nil || got.PasswordBy != authcore.ByEmail {
		t.Errorf("a sign-in forgets the channel of the reset: %q (%v)", got.PasswordBy, err)
	}
	o := anOpening(a, "2", "phone")
	o.ForgetReset = true
	opened(t, s, o)
	if got, err := s.AccountByID(t.Context(), a.ID); err != nil || got.PasswordBy != "" {
		t.Errorf("another kind was given, and the password is still by %q (%v)", got.PasswordBy, err)
	}
}

func signUpWaits(t *testing.T, s Store) {
	want := anAccount("ada")
	e := aSignUp(issued(t, s, aChallenge(authcore.PurposeVerifyEmail, want.Email, "1")), want)
	var waits authcore.PendingSignIn
	e.Pending = func(stored authcore.Account) *authcore.PendingSignIn {
		waits = aPending(stored, "token")
		return &waits
	}
	a, sess, err := s.SignUp(t.Context(), e)
	if must(t, err); sess.ID != uuid.Nil {
		t.Errorf("a session was opened: %+v", sess)
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 0 {
		t.Errorf("%d sessions (%v)", len(list), err)
	}
	must(t, finding(t, s, waits, "token", 0))
	o := anOpening(a, "1", "")
	o.Pending = waits.ID
	opened(t, s, o)
	_, _, err = s.SignUp(t.Context(), e)
	wants(t, err, authcore.ErrNotFound)
}
