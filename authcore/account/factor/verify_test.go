package factor_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// TestVerify_NotOffered: what the operator has taken away proves nothing any more, although it still stands at the account and was sent a
// code before.
func TestVerify_NotOffered(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added, done := withApp(t, e, a, true)
	key, _ := withKey(t, e, a, authcore.FactorSecurityKey)
	box := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: "box@example.com"})
	confirm(t, e, a, box.Factor.ID, e.Mail(t, "box@example.com", authcore.MailFactorCode).Code, false)
	if _, err := e.Factors.Send(t.Context(), a, box.Factor, "pending", testflow.Client()); err != nil {
		t.Fatal(err)
	}
	options, err := e.Factors.Ask(t.Context(), a, authcore.FactorSecurityKey, "pending", testflow.Client())
	if err != nil || options == nil {
		t.Fatalf("options %s: %v", options, err)
	}
	e.Clock.Advance(time.Minute)
	all := []factor.Given{
		{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())},
		{Type: authcore.FactorRecovery, Code: done.Codes[0]},
		{Type: authcore.FactorEmail, FactorID: box.Factor.ID, Subject: "pending", Code: e.Mail(t, "box@example.com", authcore.MailSecondFactorCode).Code},
		{Type: authcore.FactorSecurityKey, Subject: "pending", Credential: key.Get(t, options)},
	}
	without, err := factor.New(factor.Config{Store: e.Store, Challenges: e.Challenges, Notices: e.Notices, Sealer: e.Sealer, Now: e.Clock.Now,
		Key: gateway.RecoveryKey(e.Ring), Offered: []authcore.FactorType{authcore.FactorPasskey}})
	if err != nil {
		t.Fatal(err)
	}
	if of, err := without.Of(t.Context(), a.ID); err != nil || len(of) != 0 {
		t.Errorf("they count: %v (%v)", of, err)
	}
	for _, g := range all {
		g.Client = testflow.Client()
		want := authcore.InvalidCode
		if g.Type == authcore.FactorSecurityKey {
			want = authcore.InvalidPasskey
		}
		_, err := without.Verify(t.Context(), a, g)
		refused(t, err, want)
	}
	for _, g := range all { // and is good again where it is offered: nothing was spent
		if _, err := verify(t, e, a, g); err != nil {
			t.Errorf("%s: %v", g.Type, err)
		}
	}
}

// TestVerify_FormerSetOfRecoveryCodes: who names a set means that one: after a new set the name of the former is worth nothing, whatever the code.
func TestVerify_FormerSetOfRecoveryCodes(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	withApp(t, e, a, true)
	set := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorRecovery})
	former := set.Factor.ID
	set = add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorRecovery})
	for _, other := range []uuid.UUID{former, uuid.Must(uuid.NewV7())} {
		_, err := verify(t, e, a, factor.Given{Type: authcore.FactorRecovery, FactorID: other, Code: set.Codes[0]})
		refused(t, err, authcore.InvalidCode)
	}
	for code, id := range map[string]uuid.UUID{set.Codes[0]: set.Factor.ID, set.Codes[1]: uuid.Nil} {
		if _, err := verify(t, e, a, factor.Given{Type: authcore.FactorRecovery, FactorID: id, Code: code}); err != nil {
			t.Errorf("by %s: %v", id, err)
		}
	}
}

// TestO13_DigestOfAnotherAccount: whoever can write to the database cannot give an account the recovery codes of another: their digests are
// worth nothing there.
func TestO13_DigestOfAnotherAccount(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	b := person(t, e, "bob@example.com")
	_, done := withApp(t, e, a, true)
	from, err := e.Store.FactorState(t.Context(), a.ID, e.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	to, err := e.Store.FactorState(t.Context(), b.ID, e.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	now := e.Clock.Now()
	set := authcore.Factor{ID: uuid.Must(uuid.NewV7()), AccountID: b.ID, Type: authcore.FactorRecovery, CreatedAt: now, ConfirmedAt: now}
	moved := append([]secret.Digest(nil), from.Codes...)
	if err := e.Store.ChangeFactors(t.Context(), factor.Change{Was: to, Add: []authcore.Factor{set}, Codes: moved, Now: now}); err != nil {
		t.Fatal(err)
	}
	for _, code := range done.Codes {
		_, err := verify(t, e, b, factor.Given{Type: authcore.FactorRecovery, Code: code})
		refused(t, err, authcore.InvalidCode)
	}
}

// TestOf_Unconfirmed: what its owner has not shown to work is asked for by no sign-in, and is no factor that could be the last.
func TestOf_Unconfirmed(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	first, _ := withApp(t, e, a, true)
	waits := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorTOTP, Name: "Other phone"})
	of, err := e.Factors.Of(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range of {
		if x.ID == waits.Factor.ID {
			t.Error("it counts")
		}
	}
	_, err = verify(t, e, a, factor.Given{Type: authcore.FactorTOTP, FactorID: waits.Factor.ID, Code: app(t, waits.Seed, e.Clock.Now())})
	refused(t, err, authcore.InvalidCode)
	refused(t, e.Factors.Remove(t.Context(), a.ID, first.Factor.ID, testflow.Client()), authcore.LastFactor)
}

// TestO14_SeedOfAnotherRow: a sealed seed is bound to its row and its account: whoever can write to the database brings no former app back by
// a copy, and gives it to nobody else under the id that it had.
func TestO14_SeedOfAnotherRow(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added, _ := withApp(t, e, a, false)
	sealed, err := e.Store.SealedFactors(t.Context(), uuid.Nil, 10)
	if err != nil || len(sealed) != 1 {
		t.Fatalf("got %v (%v)", sealed, err)
	}
	was, err := e.Store.FactorState(t.Context(), a.ID, e.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	now := e.Clock.Now()
	copied := authcore.Factor{ID: uuid.Must(uuid.NewV7()), AccountID: a.ID, Type: authcore.FactorTOTP, Secret: sealed[0].Secret, CreatedAt: now, ConfirmedAt: now}
	err = e.Store.ChangeFactors(t.Context(), factor.Change{Was: was, Remove: []uuid.UUID{added.Factor.ID}, Add: []authcore.Factor{copied}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Minute)
	if _, err := verify(t, e, a, factor.Given{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())}); err == nil {
		t.Error("a seed that was copied to another row counts")
	}

	b := person(t, e, "bob@example.com")
	if was, err = e.Store.FactorState(t.Context(), b.ID, e.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	copied.ID, copied.AccountID = added.Factor.ID, b.ID
	if err := e.Store.ChangeFactors(t.Context(), factor.Change{Was: was, Add: []authcore.Factor{copied}, Now: e.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, e, b, factor.Given{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())}); err == nil {
		t.Error("a seed that was moved to another account counts there")
	}
}
