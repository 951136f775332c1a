package factor_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func contactConfirm(a authcore.Account, code string) contact.ConfirmInput {
	return contact.ConfirmInput{AccountID: a.ID, OTP: code, Client: testflow.Client()}
}

func plainDigest(text string) secret.Digest { return secret.SumString(text) }

func TestEnable_WithoutAFactor(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	s, err := e.Factors.Enable(t.Context(), a.ID, "", e.Mailed(), testflow.Client())
	if err != nil || !s.Enabled || s.RequiredBy != "account" || len(s.Codes) != 10 || s.CodesLeft != 10 || len(s.Factors) != 2 ||
		s.Factors[0].Type != authcore.FactorEmail || s.Factors[0].Address != address {
		t.Fatalf("got %+v (%v)", s, err)
	}
	if e.Mail(t, address, authcore.MailMFAEnabled).Link == "" {
		t.Error("the mail has no link")
	}
	again, err := e.Factors.Enable(t.Context(), a.ID, authcore.FactorEmail, e.Mailed(), testflow.Client())
	if err != nil || again.Codes != nil || again.Preferred != authcore.FactorEmail {
		t.Errorf("got %+v (%v)", again, err)
	}
	_, err = e.Factors.Enable(t.Context(), a.ID, authcore.FactorTOTP, e.Mailed(), testflow.Client())
	refused(t, err, authcore.InvalidFields)
	refused(t, e.Factors.Remove(t.Context(), a.ID, s.Factors[0].ID, testflow.Client()), authcore.LastFactor)
	for _, want := range []string{"factor.added success email", "recovery_codes.made success ", "mfa.enabled success "} {
		if !slices.Contains(events(t, e, a), want) {
			t.Errorf("no event %q", want)
		}
	}
	if err := e.Factors.Disable(t.Context(), a.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if s, err := e.Factors.Status(t.Context(), a.ID); err != nil || s.Enabled || s.RequiredBy != "" || len(s.Factors) != 2 {
		t.Errorf("got %+v (%v)", s, err)
	}
	if e.Mail(t, address, authcore.MailMFADisabled).Link == "" {
		t.Error("the mail has no link")
	}
	if err := e.Factors.Remove(t.Context(), a.ID, s.Factors[0].ID, testflow.Client()); err != nil {
		t.Error(err)
	}
	if e.Mail(t, address, authcore.MailFactorRemoved).Link == "" {
		t.Error("the mail has no link")
	}
}

// TestEnable_NothingToAskFor: the mailbox is one kind of proof, however often it is asked for.
func TestEnable_NothingToAskFor(t *testing.T) {
	e, a := ada(t, testflow.Options{Factors: []authcore.FactorType{authcore.FactorTOTP, authcore.FactorRecovery}})
	_, err := e.Factors.Enable(t.Context(), a.ID, "", e.Mailed(), testflow.Client())
	refused(t, err, authcore.NoFactor)

	e = testflow.New(t, testflow.Options{})
	b := authcore.Account{ID: uuid.New(), Email: "bob@example.com", EmailVerifiedAt: e.Clock.Now(), CreatedAt: e.Clock.Now(), UpdatedAt: e.Clock.Now()}
	if err := e.Store.CreateAccount(t.Context(), b, nil, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	_, err = e.Factors.Enable(t.Context(), b.ID, "", e.Mailed(), testflow.Client())
	refused(t, err, authcore.NoFactor)
	added, _ := withApp(t, e, b, false)
	if _, err := e.Factors.Enable(t.Context(), b.ID, authcore.FactorTOTP, e.Mailed(), testflow.Client()); err != nil {
		t.Error(err)
	}
	box := add(t, e, factor.AddInput{AccountID: b.ID, Type: authcore.FactorEmail})
	confirm(t, e, b, box.Factor.ID, e.Mail(t, b.Email, authcore.MailFactorCode).Code, false)
	refused(t, e.Factors.Remove(t.Context(), b.ID, added.Factor.ID, testflow.Client()), authcore.LastFactor)
}

// TestO17_TakenBack: what somebody does to factors with a stolen session, the owner takes back by the first mail of it.
func TestO17_TakenBack(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added, done := withApp(t, e, a, true)
	e.Clock.Advance(time.Hour)
	thiefs := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: "thief@example.com"})
	confirm(t, e, a, thiefs.Factor.ID, e.Mail(t, "thief@example.com", authcore.MailFactorCode).Code, false)
	first := testflow.Token(t, e.Mail(t, address, authcore.MailFactorAdded))
	e.Clock.Advance(time.Minute)
	made := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorRecovery})
	if err := e.Factors.Remove(t.Context(), a.ID, added.Factor.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if err := e.Factors.Disable(t.Context(), a.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	out, err := e.Secure.Secure(t.Context(), first, testflow.Client())
	if err != nil || !slices.Contains(out.Undone, "factor") || !slices.Contains(out.Undone, "mfa") {
		t.Fatalf("got %+v (%v)", out, err)
	}
	s, err := e.Factors.Status(t.Context(), a.ID)
	if err != nil || !s.Enabled || len(s.Factors) != 2 || s.CodesLeft != 10 || s.Factors[0].ID != added.Factor.ID {
		t.Fatalf("got %+v (%v)", s, err)
	}
	_, err = verify(t, e, a, factor.Given{Type: authcore.FactorRecovery, Code: made.Codes[0]})
	refused(t, err, authcore.InvalidCode)
	for _, g := range []factor.Given{
		{Type: authcore.FactorRecovery, Code: done.Codes[0]},
		{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())},
	} {
		if _, err := verify(t, e, a, g); err != nil {
			t.Errorf("%s of the owner: %v", g.Type, err)
		}
	}
}

// TestReset: the operator takes away factors that were lost; the owner is told, and nobody is signed in any more.
func TestReset(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	withApp(t, e, a, true)
	n, err := e.Factors.Reset(t.Context(), a.ID, "operator", testflow.Client())
	if err != nil || n != 2 {
		t.Fatalf("%d (%v)", n, err)
	}
	s, err := e.Store.FactorState(t.Context(), a.ID, e.Clock.Now())
	if err != nil || len(s.Factors) != 0 || len(s.Codes) != 0 || s.Account.MFAEnabled() || s.Account.Epoch != a.Epoch+1 {
		t.Errorf("got %+v (%v)", s, err)
	}
	if e.Mail(t, address, authcore.MailFactorRemoved).Link == "" || !slices.Contains(events(t, e, a), "factor.removed success operator") {
		t.Errorf("events %q", events(t, e, a))
	}
	if n, err := e.Factors.Reset(t.Context(), a.ID, "operator", testflow.Client()); err != nil || n != 0 {
		t.Errorf("%d (%v)", n, err)
	}
}

// TestFactorFollowsItsAddress: codes go where the account's mail goes, and back when a change is taken back.
func TestFactorFollowsItsAddress(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	if _, err := e.Factors.Enable(t.Context(), a.ID, "", e.Mailed(), testflow.Client()); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Minute)
	if _, err := e.Contact.RequestEmail(t.Context(), a.ID, "new@example.com", testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Contact.ConfirmEmail(t.Context(), contactConfirm(a, e.Mail(t, "new@example.com", authcore.MailConfirmEmail).Code)); err != nil {
		t.Fatal(err)
	}
	at := func() string {
		all, err := e.Factors.Of(t.Context(), a.ID)
		if err != nil || len(all) == 0 {
			t.Fatalf("%v (%v)", all, err)
		}
		return all[0].Address
	}
	if at() != "new@example.com" {
		t.Errorf("it stayed at %s", at())
	}
	if _, err := e.Secure.Secure(t.Context(), testflow.Token(t, e.Mail(t, address, authcore.MailEmailChanged)), testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if at() != address {
		t.Errorf("it is at %s", at())
	}
}

// TestO17_NumberOfAFactorStays: numbers are handed out again, but not out of somebody's second factors.
func TestO17_NumberOfAFactorStays(t *testing.T) {
	const number = "+436641234567"
	e, a := ada(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}, Factors: []authcore.FactorType{authcore.FactorSMS, authcore.FactorEmail},
		Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindPhone}})
	take := func(who authcore.Account) error {
		if _, err := e.Contact.RequestPhone(t.Context(), who.ID, number, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		_, err := e.Contact.ConfirmPhone(t.Context(), contactConfirm(who, e.Mail(t, number, authcore.MailConfirmEmail).Code))
		return err
	}
	if err := take(a); err != nil {
		t.Fatal(err)
	}
	added := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorSMS})
	confirm(t, e, a, added.Factor.ID, e.Mail(t, number, authcore.MailFactorCode).Code, false)
	b := person(t, e, "bob@example.com")
	e.Clock.Advance(2 * time.Hour)
	refused(t, take(b), authcore.Conflict)
	if err := e.Factors.Remove(t.Context(), a.ID, added.Factor.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(2 * time.Hour)
	if err := take(b); err != nil {
		t.Error(err)
	}
}

// TestDisable_Required: what the operator demands its owner cannot switch off, and the last factor stays.
func TestDisable_Required(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added, _ := withApp(t, e, a, false)
	strict, err := factor.New(factor.Config{
		Store: e.Store, Challenges: e.Challenges, Notices: e.Notices, Sealer: e.Sealer, Now: e.Clock.Now,
		Key:      func() secret.MACKey { return e.Ring.MACKey("recovery code") },
		Required: func(authcore.Account) string { return "all" },
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := strict.Status(t.Context(), a.ID)
	if err != nil || s.Enabled || s.RequiredBy != "all" {
		t.Errorf("got %+v (%v)", s, err)
	}
	refused(t, strict.Disable(t.Context(), a.ID, testflow.Client()), authcore.MFAEnforced)
	refused(t, strict.Remove(t.Context(), a.ID, added.Factor.ID, testflow.Client()), authcore.LastFactor)
}
