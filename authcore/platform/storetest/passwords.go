package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
)

var passwords = []promise{
	{"a changed password ends every session and every challenge", passwordEnds},
	{"100 change one password: one wins", passwordRace},
	{"a short password stands beside second factors alone", passwordShort},
	{"a disabled or unknown account, or another password, is not found", passwordRefused},
}

func aChange(a authcore.Account, hash string) authcore.PasswordChange {
	return authcore.PasswordChange{AccountID: a.ID, Old: a.PasswordHash, PasswordHash: hash, Now: start.Add(time.Second)}
}

func passwordEnds(t *testing.T, s Store) {
	want, sess := signedIn(t, s)
	ch := resetChallenge(t, s, want)
	change := aChange(want, "new")
	change.Effects = mails(1)
	got, rev, err := s.ChangePassword(t.Context(), change)
	must(t, err)
	want.PasswordHash, want.Epoch, want.UpdatedAt = "new", want.Epoch+1, change.Now
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rev.AccountID != want.ID || rev.Epoch != want.Epoch || !rev.Until.Equal(sess.AccessUntil) || rev.Seq == 0 {
		t.Errorf("revocation %+v, want the account's until %v", rev, sess.AccessUntil)
	}
	_, _, err = s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
}

func passwordRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	counts := countErrors(t, atOnce(100, func(i int) error {
		change := aChange(a, fmt.Sprint("new ", i))
		change.Effects = mails(1)
		_, _, err := s.ChangePassword(t.Context(), change)
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one winner", counts)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want the winner's", n, err)
	}
}

func passwordRefused(t *testing.T, s Store) {
	other, disabled := withAccount(t, s, "other"), anAccount("disabled")
	disabled.DisabledAt = start
	must(t, s.CreateAccount(t.Context(), disabled, idsOf(disabled), authcore.Effects{}))
	ch := resetChallenge(t, s, other)
	stale := aChange(other, "new")
	stale.Old = "another"
	for _, change := range []authcore.PasswordChange{stale, aChange(disabled, "new"), aChange(anAccount("unknown"), "new")} {
		_, _, err := s.ChangePassword(t.Context(), change)
		wants(t, err, authcore.ErrNotFound)
	}
	_, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	must(t, err)
}

// passwordShort: what was decided while second factors were on is not written once they are off, and the reverse.
func passwordShort(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	short := aChange(a, "new")
	short.Short = true
	_, _, err := s.ChangePassword(t.Context(), short)
	wants(t, err, authcore.ErrNotFound)
	reset := aReset(resetChallenge(t, s, a), a)
	reset.Short = true
	_, _, err = s.ResetPassword(t.Context(), reset)
	wants(t, err, authcore.ErrNotFound)

	on := factor.MFA{EnabledAt: start}
	must(t, s.ChangeFactors(t.Context(), factor.Change{Was: factorState(t, s, a.ID, 0), MFA: &on, Now: start}))
	before := factorState(t, s, a.ID, 0)
	a, _, err = s.ChangePassword(t.Context(), short)
	if must(t, err); !a.PasswordShort {
		t.Error("a short password is not known to be one")
	}
	wants(t, s.ChangeFactors(t.Context(), factor.Change{Was: before, MFA: &factor.MFA{}, Now: start}), authcore.ErrNotFound)
	a, _, err = s.ChangePassword(t.Context(), aChange(a, "longer"))
	if must(t, err); a.PasswordShort {
		t.Error("a longer password is taken for a short one")
	}
	reset = aReset(resetChallenge(t, s, a), a)
	reset.Short = true
	if a, _, err = s.ResetPassword(t.Context(), reset); err != nil || !a.PasswordShort {
		t.Errorf("short is %v after a reset to a short one (%v)", a.PasswordShort, err)
	}
}
