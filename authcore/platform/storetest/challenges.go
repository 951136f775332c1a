package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

var challenges = []promise{
	{"a right code and a link prove without consuming", challengeProve},
	{"O01 100 parallel wrong codes spend exactly the attempts", challengeAttempts},
	{"O01 wrong codes take the link from nobody", challengeLink},
	{"a code that was verified in time is consumed whatever was guessed since", challengeProven},
	{"O03 a resend leaves one live code and does not refill", challengeResend},
	{"O03 the budget is full again after its window", challengeWindow},
	{"O12 a code of another purpose or subject proves nothing", challengePurpose},
	{"it expires at the boundary instant", challengeExpiry},
	{"an expired one keeps its spent attempts", challengeExpiredBudget},
	{"O04 of 100 with one right code one uses it, and none has guessed", challengeRace},
	{"a consumed one leaves no budget behind", challengeConsumed},
}

const subject = "anna@example.com"

func prove(t testing.TB, s Store, code string, after time.Duration) error {
	t.Helper()
	_, err := s.ProveCode(t.Context(), authcore.PurposeVerifyEmail, subject, sum("code "+code), secret.Digest{}, start.Add(after))
	return err
}

func challengeProve(t *testing.T, s Store) {
	want := aChallenge(authcore.PurposeResetPassword, subject, "1")
	want.AccountID = uuid.New()
	issued(t, s, want)
	for range 7 { // more often than there are attempts
		got, err := s.ProveCode(t.Context(), want.Purpose, subject, want.CodeDigest, secret.Digest{}, start)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("by code (-want +got):\n%s", diff)
		}
		got, err = s.ProveToken(t.Context(), want.Purpose, want.TokenDigest, start)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("by link (-want +got):\n%s", diff)
		}
	}
}

func challengeAttempts(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	counts := countErrors(t, atOnce(100, func(int) error { return prove(t, s, "wrong", 0) }))
	if counts[authcore.ErrWrongCode] != ch.AttemptsLeft || counts[authcore.ErrNoAttempts] != 100-ch.AttemptsLeft {
		t.Errorf("%v, want exactly %d wrong codes to be tested", counts, ch.AttemptsLeft)
	}
	wants(t, prove(t, s, "1", 0), authcore.ErrNoAttempts)
}

// exhaust spends the attempts of the subject.
func exhaust(t testing.TB, s Store, ch authcore.Challenge) {
	t.Helper()
	for range ch.AttemptsLeft {
		_, err := s.ProveCode(t.Context(), ch.Purpose, ch.Subject, sum("code wrong"), secret.Digest{}, start)
		wants(t, err, authcore.ErrWrongCode)
	}
	_, err := s.ProveCode(t.Context(), ch.Purpose, ch.Subject, ch.CodeDigest, secret.Digest{}, start)
	wants(t, err, authcore.ErrNoAttempts)
}

func challengeLink(t *testing.T, s Store) {
	a := withAccount(t, s, "berta")
	first := aChallenge(authcore.PurposeResetPassword, subject, "1")
	first.AccountID = a.ID
	exhaust(t, s, issued(t, s, first))
	got, err := s.ProveToken(t.Context(), first.Purpose, first.TokenDigest, start)
	if err != nil || got.ID != first.ID || got.AttemptsLeft != 0 {
		t.Fatalf("the link of the guessed one: %d attempts (%v), want it verified with none", got.AttemptsLeft, err)
	}
	// Nor is a link dead on arrival that is mailed afterwards, while its code is.
	second := aChallenge(authcore.PurposeResetPassword, subject, "2")
	second.AccountID = a.ID
	issued(t, s, second)
	_, err = s.ProveCode(t.Context(), second.Purpose, subject, second.CodeDigest, secret.Digest{}, start)
	wants(t, err, authcore.ErrNoAttempts)
	_, err = s.ProveToken(t.Context(), second.Purpose, second.TokenDigest, start)
	must(t, err)
	_, _, err = s.ResetPassword(t.Context(), aReset(second, a))
	must(t, err)
}

func challengeProven(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	must(t, prove(t, s, "1", 0))
	exhaust(t, s, ch)
	_, _, err := s.SignUp(t.Context(), aSignUp(ch, anAccount("anna")))
	must(t, err)
}

func challengeResend(t *testing.T, s Store) {
	first := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	for range 3 {
		wants(t, prove(t, s, "wrong", 0), authcore.ErrWrongCode)
	}
	second := aChallenge(authcore.PurposeVerifyEmail, subject, "2")
	second.CreatedAt, second.AttemptsResetAt = start.Add(time.Minute), start.Add(2*time.Hour)
	issued(t, s, second)
	_, err := s.ProveToken(t.Context(), first.Purpose, first.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	_, _, err = s.SignUp(t.Context(), aSignUp(first, anAccount("anna")))
	wants(t, err, authcore.ErrNotFound)
	wants(t, prove(t, s, "1", 0), authcore.ErrWrongCode)
	got, err := s.ProveToken(t.Context(), second.Purpose, second.TokenDigest, start)
	must(t, err)
	if got.AttemptsLeft != 1 || !got.AttemptsResetAt.Equal(first.AttemptsResetAt) {
		t.Errorf("%d attempts until %v, want 1 until the first one's %v", got.AttemptsLeft, got.AttemptsResetAt, first.AttemptsResetAt)
	}
	wants(t, prove(t, s, "wrong", 0), authcore.ErrWrongCode)
	issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "3"))
	wants(t, prove(t, s, "3", 0), authcore.ErrNoAttempts)
}

func challengeWindow(t *testing.T, s Store) {
	first := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	wants(t, prove(t, s, "wrong", 0), authcore.ErrWrongCode)
	for at, want := range map[time.Time]int{first.AttemptsResetAt.Add(-time.Microsecond): 4, first.AttemptsResetAt: 5} {
		next := aChallenge(authcore.PurposeVerifyEmail, subject, "2")
		next.CreatedAt, next.ExpiresAt, next.AttemptsResetAt = at, at.Add(time.Minute), at.Add(time.Hour)
		if want == 5 {
			defer func() {
				issued(t, s, next)
				got, err := s.ProveToken(t.Context(), next.Purpose, next.TokenDigest, at)
				if err != nil || got.AttemptsLeft != want || !got.AttemptsResetAt.Equal(next.AttemptsResetAt) {
					t.Errorf("at the end of the window: %d attempts until %v (%v)", got.AttemptsLeft, got.AttemptsResetAt, err)
				}
			}()
			continue
		}
		issued(t, s, next)
		got, err := s.ProveToken(t.Context(), next.Purpose, next.TokenDigest, at)
		if err != nil || got.AttemptsLeft != want {
			t.Errorf("just before the end of the window: %d attempts (%v), want %d", got.AttemptsLeft, err, want)
		}
	}
}

func challengePurpose(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	verify := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	reset := aChallenge(authcore.PurposeResetPassword, subject, "2")
	reset.AccountID = a.ID
	issued(t, s, reset)

	_, err := s.ProveToken(t.Context(), authcore.PurposeResetPassword, verify.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.ProveCode(t.Context(), authcore.PurposeResetPassword, subject, verify.CodeDigest, secret.Digest{}, start)
	wants(t, err, authcore.ErrWrongCode)
	_, err = s.ProveCode(t.Context(), authcore.PurposeVerifyEmail, "other@example.com", verify.CodeDigest, secret.Digest{}, start)
	wants(t, err, authcore.ErrNotFound)
	_, _, err = s.SignUp(t.Context(), aSignUp(reset, anAccount("berta")))
	wants(t, err, authcore.ErrNotFound)
	_, _, err = s.ResetPassword(t.Context(), aReset(verify, a))
	wants(t, err, authcore.ErrNotFound)
	// The reset of one account does not reset another.
	_, _, err = s.ResetPassword(t.Context(), aReset(reset, withAccount(t, s, "carla")))
	wants(t, err, authcore.ErrNotFound)
	must(t, prove(t, s, "1", 0))
	_, _, err = s.ResetPassword(t.Context(), aReset(reset, a))
	must(t, err)
}

func challengeExpiry(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	last := ch.ExpiresAt.Add(-time.Microsecond)
	must(t, prove(t, s, "1", last.Sub(start)))
	_, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, last)
	must(t, err)

	wants(t, prove(t, s, "1", ch.ExpiresAt.Sub(start)), authcore.ErrSpentCode)
	wants(t, prove(t, s, "wrong", ch.ExpiresAt.Sub(start)), authcore.ErrNotFound)
	_, err = s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, ch.ExpiresAt)
	wants(t, err, authcore.ErrNotFound)
	e := aSignUp(ch, anAccount("anna"))
	e.Now = ch.ExpiresAt
	_, _, err = s.SignUp(t.Context(), e)
	wants(t, err, authcore.ErrNotFound)
}

func challengeExpiredBudget(t *testing.T, s Store) {
	first := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	for range first.AttemptsLeft {
		wants(t, prove(t, s, "wrong", 0), authcore.ErrWrongCode)
	}
	later := first.ExpiresAt.Add(time.Minute)
	must(t, s.Sweep(t.Context(), later))
	next := aChallenge(authcore.PurposeVerifyEmail, subject, "2")
	next.CreatedAt, next.ExpiresAt = later, later.Add(10*time.Minute)
	issued(t, s, next)
	wants(t, prove(t, s, "2", later.Sub(start)), authcore.ErrNoAttempts)
}

func challengeConsumed(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	for range ch.AttemptsLeft - 1 {
		wants(t, prove(t, s, "wrong", 0), authcore.ErrWrongCode)
	}
	_, _, err := s.SignUp(t.Context(), aSignUp(ch, anAccount("anna")))
	must(t, err)
	wants(t, prove(t, s, "wrong", 0), authcore.ErrNotFound)
	next := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "2"))
	got, err := s.ProveToken(t.Context(), next.Purpose, next.TokenDigest, start)
	if err != nil || got.AttemptsLeft != next.AttemptsLeft {
		t.Errorf("%d attempts (%v), want a full budget", got.AttemptsLeft, err)
	}
}

// challengeRace: wrong codes count all the same, before and after the right one was used.
func challengeRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	ch := aChallenge(authcore.PurposeSecondFactor, subject, "1")
	ch.AccountID = a.ID
	issued(t, s, ch)
	try := func(code string) error {
		proved, err := s.ProveCode(t.Context(), ch.Purpose, subject, sum("code "+code), secret.Digest{}, start)
		if err != nil {
			return err
		}
		if err = s.UseFactorCode(t.Context(), factor.Use{AccountID: a.ID, Now: start}, proved.ID); errors.Is(err, authcore.ErrNotFound) {
			return authcore.ErrSpentCode
		}
		return err
	}
	wants(t, try("wrong"), authcore.ErrWrongCode)
	counts := countErrors(t, atOnce(100, func(int) error { return try("1") }))
	if counts[nil] != 1 || counts[authcore.ErrSpentCode] != 99 {
		t.Errorf("%v, want one that uses it, and 99 who hear that it is used", counts)
	}
	wants(t, try("wrong"), authcore.ErrNotFound)
	_, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
}
