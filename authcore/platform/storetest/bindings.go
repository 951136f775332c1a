package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

var bindings = []promise{
	{"O01 tries with the binding and tries without have budgets of their own, 100 wide", bindingBudgets},
	{"O03 neither budget is refilled by a resend, and both are by their window", bindingResend},
	{"O04 one session of 100 by one code or link", bindingOnce},
	{"a code or link signs in only to its account, and while that has what it was sent to", bindingSentTo},
	{"a sign-in that waits spends the code, once", bindingPending},
}

// aSignInCode is a challenge to sign in to the account with, bound to "binding".
func aSignInCode(a authcore.Account, code string) authcore.Challenge {
	ch := aChallenge(authcore.PurposeSignIn, "account:"+a.ID.String(), code)
	ch.AccountID, ch.SentTo = a.ID, a.Email
	ch.Binding, ch.BoundLeft, ch.BoundResetAt = sum("binding"), 5, start.Add(time.Hour)
	return ch
}

func proveBound(t testing.TB, s Store, ch authcore.Challenge, code, binding string) error {
	t.Helper()
	var shown secret.Digest
	if binding != "" {
		shown = sum(binding)
	}
	_, err := s.ProveCode(t.Context(), ch.Purpose, ch.Subject, sum("code "+code), shown, start)
	return err
}

func bindingBudgets(t *testing.T, s Store) {
	ch := issued(t, s, aSignInCode(withAccount(t, s, "anna"), "1"))
	for _, binding := range []string{"another", ""} { // one budget: the second finds it spent
		counts := countErrors(t, atOnce(100, func(int) error { return proveBound(t, s, ch, "wrong", binding) }))
		want := 0
		if binding != "" {
			want = ch.AttemptsLeft
		}
		if counts[authcore.ErrWrongCode] != want || counts[authcore.ErrNoAttempts] != 100-want {
			t.Errorf("%q: %v", binding, counts)
		}
	}
	wants(t, proveBound(t, s, ch, "1", ""), authcore.ErrNoAttempts)
	must(t, proveBound(t, s, ch, "1", "binding"))
	counts := countErrors(t, atOnce(100, func(int) error { return proveBound(t, s, ch, "wrong", "binding") }))
	if counts[authcore.ErrWrongCode] != ch.BoundLeft || counts[authcore.ErrNoAttempts] != 100-ch.BoundLeft {
		t.Errorf("with the binding: %v", counts)
	}
	wants(t, proveBound(t, s, ch, "1", "binding"), authcore.ErrNoAttempts)
	_, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	must(t, err)
}

func bindingResend(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	first := issued(t, s, aSignInCode(a, "1"))
	for range 5 {
		wants(t, proveBound(t, s, first, "wrong", "binding"), authcore.ErrWrongCode)
	}
	wants(t, proveBound(t, s, first, "wrong", ""), authcore.ErrWrongCode)
	for at, want := range map[time.Duration][2]int{time.Minute: {4, 0}, time.Hour: {5, 5}} {
		if at == time.Hour {
			defer bindingResent(t, s, a, at, want)
			continue
		}
		bindingResent(t, s, a, at, want)
	}
}

func bindingResent(t *testing.T, s Store, a authcore.Account, at time.Duration, want [2]int) {
	next := aSignInCode(a, "next")
	next.Binding = sum("another binding")
	next.CreatedAt, next.ExpiresAt = start.Add(at), start.Add(at+time.Minute)
	next.AttemptsResetAt, next.BoundResetAt = start.Add(at+time.Hour), start.Add(at+time.Hour)
	issued(t, s, next)
	got, err := s.ProveToken(t.Context(), next.Purpose, next.TokenDigest, start.Add(at))
	must(t, err)
	if got.AttemptsLeft != want[0] || got.BoundLeft != want[1] || !got.Binding.Equal(next.Binding) {
		t.Errorf("after %s: %d and %d left, want %v", at, got.AttemptsLeft, got.BoundLeft, want)
	}
}

func bindingOnce(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	ch := issued(t, s, aSignInCode(a, "1"))
	counts := countErrors(t, atOnce(100, func(int) error {
		o := anOpening(a, "phone", uuid.NewString())
		o.Challenge = ch.ID
		_, err := s.OpenSession(t.Context(), o)
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v", counts)
	}
	live, err := s.Sessions(t.Context(), a.ID, start)
	if err != nil || len(live) != 1 {
		t.Errorf("%d sessions (%v)", len(live), err)
	}
}

func bindingSentTo(t *testing.T, s Store) {
	a, b := withAccount(t, s, "anna"), withAccount(t, s, "berta")
	open := func(of authcore.Account, change func(*authcore.Challenge)) error {
		ch := aSignInCode(a, "1")
		change(&ch)
		issued(t, s, ch)
		o := anOpening(of, "phone", uuid.NewString())
		o.Challenge = ch.ID
		_, err := s.OpenSession(t.Context(), o)
		return err
	}
	wants(t, open(b, func(*authcore.Challenge) {}), authcore.ErrNotFound)
	wants(t, open(a, func(c *authcore.Challenge) { c.SentTo = "former@example.com" }), authcore.ErrNotFound)
	wants(t, open(a, func(c *authcore.Challenge) { c.SentTo = "" }), authcore.ErrNotFound)
	wants(t, open(a, func(c *authcore.Challenge) { c.Purpose = authcore.PurposeResetPassword }), authcore.ErrNotFound)
	wants(t, open(a, func(c *authcore.Challenge) { c.ExpiresAt = start }), authcore.ErrNotFound)
	if live, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(live) != 0 {
		t.Errorf("%d sessions (%v)", len(live), err)
	}
	must(t, open(a, func(*authcore.Challenge) {}))
}

func bindingPending(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	ch := issued(t, s, aSignInCode(a, "1"))
	counts := countErrors(t, atOnce(100, func(int) error {
		id := uuid.Must(uuid.NewV7())
		return s.SavePending(t.Context(), authcore.PendingSignIn{ID: id, AccountID: a.ID, AccountEpoch: a.Epoch, TokenDigest: sum(id.String()),
			Mode: authcore.ModeBearer, Method: "code", AMR: []string{"email"}, AttemptsLeft: 5, CreatedAt: start, ExpiresAt: start.Add(time.Minute),
			Challenge: ch.ID}, authcore.Effects{})
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v", counts)
	}
}
