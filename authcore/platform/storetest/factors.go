package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

var factors = []promise{
	{"factors are kept as they were added, and belong to their account alone", factorsKept},
	{"a factor that is not confirmed lapses, and is confirmed once", factorConfirmed},
	{"a change that was decided from something else changes nothing", factorChangeStale},
	{"of 100 changes at once that were decided from one state, one is written", factorChangeRace},
	{"a password goes with every session and every challenge", passwordDropped},
	{"of a hundred who take two ways in from one account each, one is left", lastWayInRace},
	{"of a hundred who take the last connection and the last other way in, one is left", lastConnectionRace},
	{"of 100 who use one time step at once one succeeds, and no step goes backwards", totpStepRace},
	{"of 100 who use one recovery code at once one succeeds", recoveryCodeRace},
	{"of 100 who use one sent code at once one succeeds", factorCodeRace},
}

func aFactor(a authcore.Account, t authcore.FactorType) authcore.Factor {
	return authcore.Factor{
		ID: uuid.Must(uuid.NewV7()), AccountID: a.ID, Type: t, Name: "Mine ☕", Address: "x@example.com", Secret: []byte{0, 1, 0xff}, LastStep: 7,
		CreatedAt: start, ConfirmedAt: start,
	}
}

func factorState(t testing.TB, s Store, account uuid.UUID, after time.Duration) factor.State {
	t.Helper()
	st, err := s.FactorState(t.Context(), account, start.Add(after))
	must(t, err)
	return st
}

// addFactors adds factors, and a set of recovery codes if there are any.
func addFactors(t testing.TB, s Store, a authcore.Account, add []authcore.Factor, codes ...secret.Digest) {
	t.Helper()
	must(t, s.ChangeFactors(t.Context(), factor.Change{Was: factorState(t, s, a.ID, 0), Add: add, Codes: codes, Now: start}))
}

func factorsKept(t *testing.T, s Store) {
	ctx := t.Context()
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	app, key, set := aFactor(ada, authcore.FactorTOTP), aFactor(ada, authcore.FactorPasskey), aFactor(ada, authcore.FactorRecovery)
	key.CredentialID, key.Credential, key.SignCount = []byte("id"), []byte(`{"a":1}`), 4000000000
	addFactors(t, s, ada, []authcore.Factor{app, key, set}, sum("1"), sum("2"))
	addFactors(t, s, bob, []authcore.Factor{aFactor(bob, authcore.FactorTOTP)})
	set.Left = 2
	got := factorState(t, s, ada.ID, 0)
	if diff := cmp.Diff([]authcore.Factor{app, key, set}, got.Factors); diff != "" || len(got.Codes) != 2 || got.Account.ID != ada.ID {
		t.Errorf("%d codes (-want +got):\n%s", len(got.Codes), diff)
	}
	_, err := s.FactorState(ctx, uuid.New(), start)
	wants(t, err, authcore.ErrNotFound)

	renamed, err := s.RenameFactor(ctx, ada.ID, app.ID, "Phone")
	if err != nil || renamed.Name != "Phone" || renamed.ID != app.ID {
		t.Errorf("renamed to %+v (%v)", renamed, err)
	}
	_, err = s.RenameFactor(ctx, bob.ID, app.ID, "Stolen")
	wants(t, err, authcore.ErrNotFound)
	wants(t, s.ChangeFactors(ctx, factor.Change{Was: factorState(t, s, bob.ID, 0), Remove: []uuid.UUID{app.ID}, Now: start}), authcore.ErrNotFound)
	wants(t, s.UseTOTPStep(ctx, factor.Use{AccountID: bob.ID, FactorID: app.ID, Now: start}, 100), authcore.ErrNotFound)
	wants(t, s.UseRecoveryCode(ctx, factor.Use{AccountID: bob.ID, FactorID: set.ID, Now: start}, sum("1")), authcore.ErrNotFound)

	enabled := factor.MFA{EnabledAt: start.Add(time.Minute), Preferred: authcore.FactorTOTP}
	must(t, s.ChangeFactors(ctx, factor.Change{Was: factorState(t, s, ada.ID, 0), Remove: []uuid.UUID{app.ID, set.ID}, MFA: &enabled, Now: start}))
	got = factorState(t, s, ada.ID, 0)
	if len(got.Factors) != 1 || got.Factors[0].ID != key.ID || len(got.Codes) != 0 ||
		!got.Account.MFAEnabledAt.Equal(enabled.EnabledAt) || got.Account.MFAPreferred != enabled.Preferred {
		t.Errorf("after the change: %+v", got)
	}
}

func factorConfirmed(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	app := aFactor(a, authcore.FactorTOTP)
	app.ConfirmedAt, app.ExpiresAt = time.Time{}, start.Add(10*time.Minute)
	addFactors(t, s, a, []authcore.Factor{app})
	wants(t, s.UseTOTPStep(t.Context(), factor.Use{AccountID: a.ID, FactorID: app.ID, Now: start}, 100), authcore.ErrNotFound)
	_, err := s.RenameFactor(t.Context(), a.ID, app.ID, "Phone")
	wants(t, err, authcore.ErrNotFound)
	if got := factorState(t, s, a.ID, 10*time.Minute); len(got.Factors) != 0 {
		t.Errorf("lapsed, and still there: %+v", got.Factors)
	}
	ch := issued(t, s, aChallenge(authcore.PurposeConfirmFactor, app.ID.String(), "1"))
	c := factor.Change{Was: factorState(t, s, a.ID, 0), Now: start.Add(time.Minute),
		Confirm: &factor.Confirmation{ID: app.ID, LastStep: 100, ChallengeID: ch.ID}}
	must(t, s.ChangeFactors(t.Context(), c))
	got := factorState(t, s, a.ID, time.Hour)
	if len(got.Factors) != 1 || !got.Factors[0].ConfirmedAt.Equal(c.Now) || got.Factors[0].LastStep != 100 || !got.Factors[0].ExpiresAt.IsZero() {
		t.Errorf("confirmed: %+v", got.Factors)
	}
	c.Was = got
	wants(t, s.ChangeFactors(t.Context(), c), authcore.ErrNotFound)
}

func factorChangeStale(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	was := factorState(t, s, a.ID, 0)
	addFactors(t, s, a, []authcore.Factor{aFactor(a, authcore.FactorRecovery)}, sum("1"))
	late := factor.Change{Was: was, MFA: &factor.MFA{EnabledAt: start}, Now: start}
	wants(t, s.ChangeFactors(t.Context(), late), authcore.ErrNotFound)
	late.Was = factorState(t, s, a.ID, 0)
	must(t, s.UseRecoveryCode(t.Context(), factor.Use{AccountID: a.ID, FactorID: late.Was.Factors[0].ID, Now: start}, sum("1")))
	wants(t, s.ChangeFactors(t.Context(), late), authcore.ErrNotFound)
	if now := factorState(t, s, a.ID, 0); now.Account.MFAEnabled() {
		t.Error("the change was written")
	}
	_, err := s.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: a.ID, Disable: true, Now: start})
	if err == nil { // withAccount's is the last administrator in some stores
		late.Was = factorState(t, s, a.ID, 0)
		wants(t, s.ChangeFactors(t.Context(), late), authcore.ErrNotFound)
	}
}

func factorChangeRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	was := factorState(t, s, a.ID, 0)
	errs := atOnce(100, func(int) error {
		return s.ChangeFactors(t.Context(), factor.Change{Was: was, Add: []authcore.Factor{aFactor(a, authcore.FactorEmail)}, Now: start})
	})
	if n := countErrors(t, errs)[nil]; n != 1 || len(factorState(t, s, a.ID, 0).Factors) != 1 {
		t.Errorf("%d changes succeeded", n)
	}
}

// oneOfAll calls do 100 times at once and wants one success.
func oneOfAll(t *testing.T, what string, do func(context.Context) error) {
	t.Helper()
	if n := countErrors(t, atOnce(100, func(int) error { return do(t.Context()) })); n[nil] != 1 || n[authcore.ErrNotFound] != 99 {
		t.Errorf("%s: %v, want one success", what, n)
	}
}

func totpStepRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	app := aFactor(a, authcore.FactorTOTP)
	addFactors(t, s, a, []authcore.Factor{app})
	u := factor.Use{AccountID: a.ID, FactorID: app.ID, Now: start.Add(time.Second)}
	oneOfAll(t, "time step", func(ctx context.Context) error { return s.UseTOTPStep(ctx, u, 100) })
	wants(t, s.UseTOTPStep(t.Context(), u, 99), authcore.ErrNotFound)
	must(t, s.UseTOTPStep(t.Context(), u, 101))
	if got := factorState(t, s, a.ID, 0).Factors[0]; got.LastStep != 101 || !got.LastUsedAt.Equal(u.Now) {
		t.Errorf("last step %d, used at %s", got.LastStep, got.LastUsedAt)
	}
}

func recoveryCodeRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	set := aFactor(a, authcore.FactorRecovery)
	addFactors(t, s, a, []authcore.Factor{set}, sum("1"), sum("2"))
	u := factor.Use{AccountID: a.ID, FactorID: set.ID, Now: start.Add(time.Second)}
	oneOfAll(t, "recovery code", func(ctx context.Context) error { return s.UseRecoveryCode(ctx, u, sum("1")) })
	got := factorState(t, s, a.ID, 0)
	if len(got.Codes) != 1 || got.Codes[0] != sum("2") || got.Factors[0].Left != 1 || !got.Factors[0].LastUsedAt.Equal(u.Now) {
		t.Errorf("left: %+v", got)
	}
}

func factorCodeRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	box := aFactor(a, authcore.FactorEmail)
	addFactors(t, s, a, []authcore.Factor{box})
	ch := aChallenge(authcore.PurposeSecondFactor, "email "+box.ID.String(), "1")
	ch.AccountID = a.ID
	issued(t, s, ch)
	u := factor.Use{AccountID: uuid.New(), FactorID: box.ID, Now: start.Add(time.Second)}
	wants(t, s.UseFactorCode(t.Context(), u, ch.ID), authcore.ErrNotFound) // another account's
	u.AccountID = a.ID
	oneOfAll(t, "sent code", func(ctx context.Context) error { return s.UseFactorCode(ctx, u, ch.ID) })
}
