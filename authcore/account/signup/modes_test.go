package signup_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Each mode needs a field of its own, and takes the others as they come.
func TestRegister_WhatEachModeNeeds(t *testing.T) {
	t.Parallel()
	const number = "+43 1 2345678"
	email, name, phone := authcore.KindEmail, authcore.KindUsername, authcore.KindPhone
	for _, c := range []struct {
		mode       signup.Mode
		identities []authcore.IdentifierKind
		in         signup.RegisterInput
		missing    string // "" for what is enough
	}{
		{signup.Verified, []authcore.IdentifierKind{email, name}, signup.RegisterInput{Username: "bobby", Phone: number}, "email"},
		{signup.Verified, []authcore.IdentifierKind{name}, signup.RegisterInput{Username: "bobby"}, "email"},
		{signup.Verified, []authcore.IdentifierKind{phone}, signup.RegisterInput{Email: bob}, "phone"},
		{signup.Verified, []authcore.IdentifierKind{email, phone}, signup.RegisterInput{Username: "bobby"}, "email"},
		{signup.Open, []authcore.IdentifierKind{email, name}, signup.RegisterInput{Username: "bobby"}, ""},
		{signup.Open, []authcore.IdentifierKind{email, name}, signup.RegisterInput{Email: bob}, ""},
		{signup.Open, []authcore.IdentifierKind{email, name}, signup.RegisterInput{Phone: number}, "email"},
		{signup.Open, []authcore.IdentifierKind{name, email}, signup.RegisterInput{Phone: number}, "username"},
		{signup.Open, []authcore.IdentifierKind{name}, signup.RegisterInput{Email: bob}, "username"},
	} {
		e := testflow.New(t, testflow.Options{Mode: c.mode, Identities: c.identities})
		c.in.Password, c.in.Client = testflow.Password, testflow.Client()
		_, err := e.SignUp.Register(t.Context(), c.in)
		if c.missing == "" {
			if err != nil {
				t.Errorf("%s %v, %+v: %v", c.mode, c.identities, c.in, err)
			}
			continue
		}
		if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got) != 1 || got[0].Field != c.missing {
			t.Errorf("%s %v: %v is missing, want %s", c.mode, c.identities, got, c.missing)
		}
	}
}

// Without an address or number there is nothing to verify, and nothing is sent.
func TestRegister_OpenByUsernameAlone(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	done := e.Register(t, signup.RegisterInput{Username: "bobby"})
	if done.Account == nil || done.Proof != "" || done.Sent {
		t.Errorf("%+v", done)
	}
	if _, err := e.TrySignIn(t, "bobby", testflow.Password); err != nil {
		t.Error(err)
	}
	if n := len(e.Mails(t, "")); n != 0 {
		t.Errorf("%d mails", n)
	}
}

// `send_code off`: nothing goes out before it is asked for. Whoever has the address already is told only then.
func TestRegister_CodeOnDemand(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{CodeOnDemand: true})
	done := e.Register(t, signup.RegisterInput{Email: bob})
	if done.Sent || done.Proof == "" || done.ExpiresIn != 24*time.Hour {
		t.Errorf("%+v", done)
	}
	if n := len(e.Mails(t, bob)); n != 0 {
		t.Fatalf("%d mails before a code was asked for", n)
	}
	if err := e.SignUp.Resend(t.Context(), signup.ResendInput{Email: bob, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	if err := verify(t, e, signup.VerifyInput{Email: bob, OTP: e.Mail(t, bob, authcore.MailVerify).Code, Proof: done.Proof}); err != nil {
		t.Fatal(err)
	}
	again := e.Register(t, signup.RegisterInput{Email: bob})
	if again.Sent || again.ExpiresIn != done.ExpiresIn || len(again.Proof) != len(done.Proof) {
		t.Errorf("an address that has an account is answered with %+v", again)
	}
	e.Clock.Advance(2 * time.Minute)
	if err := e.SignUp.Resend(t.Context(), signup.ResendInput{Email: bob, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	if mail := e.Mail(t, bob, authcore.MailAccountExists); mail.Code != "" {
		t.Error("the owner of the account was sent a code")
	}
}

// Of eleven who register one address the newest ten wait; the first proof wins, and what the others have is worth nothing.
func TestRegister_AtMostTenWait(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proofs := make([]string, 11)
	for i := range proofs {
		proofs[i] = e.Register(t, signup.RegisterInput{Email: bob}).Proof
		e.Clock.Advance(time.Second)
	}
	code := e.Mail(t, bob, authcore.MailVerify).Code
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: code, Proof: proofs[0]}), authcore.RegistrationProofRequired)
	if err := verify(t, e, signup.VerifyInput{Email: bob, OTP: code, Proof: proofs[1]}); err != nil {
		t.Fatal(err)
	}
	for _, proof := range proofs[2:6] {
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: code, Proof: proof}), authcore.InvalidCode)
	}
}

// A number that signs in is saved only once it is verified: registered beside an address it waits.
func TestRegister_NumberBesideAnAddressIsPending(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindPhone}})
	a := e.Person(t, signup.RegisterInput{Email: bob, Phone: "+43 1 2345678"}).Account
	want := authcore.Pending{Channel: authcore.BySMS, Address: "+4312345678", Until: e.Clock.Now().Add(7 * 24 * time.Hour)}
	if got := a.Pending(e.Clock.Now()); a.Phone != "" || len(got) != 1 || got[0] != want {
		t.Errorf("phone %q, pending %v, want %v", a.Phone, got, want)
	}
}
