package factor_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Whoever has stolen a password, or a session that began with it, adds no factor by which the owner would be locked out: the first one takes a
// recent code to the proven address.
func TestFirst_StolenPasswordAddsNoFactor(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	now := e.Clock.Now()
	tries := func(by factor.SignIn) map[string]error {
		errs := map[string]error{}
		for _, kind := range []authcore.FactorType{authcore.FactorTOTP, authcore.FactorEmail, authcore.FactorRecovery, authcore.FactorPasskey} {
			_, errs[string(kind)] = e.Factors.Add(t.Context(), factor.AddInput{AccountID: a.ID, Type: kind, SignIn: by, Client: testflow.Client()})
		}
		_, errs["2fa"] = e.Factors.Enable(t.Context(), a.ID, "", by, testflow.Client())
		return errs
	}
	for name, by := range map[string]factor.SignIn{
		"password": {AMR: []string{"pwd"}, At: now}, "number": {AMR: []string{"pwd", "sms", "mfa"}, At: now}, "passkey": {AMR: []string{"hwk", "mfa"}, At: now},
		"long ago": {AMR: []string{"pwd", "email"}, At: now.Add(-10*time.Minute - time.Second)}, "nothing": {},
	} {
		for what, err := range tries(by) {
			if authcore.CodeOf(err) != authcore.ReauthenticationRequired {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		if first, err := factor.FirstOf(t.Context(), e.Factors, a.ID, by); err != nil || !first.Missing || !first.Refused {
			t.Errorf("%s: %+v (%v)", name, first, err)
		}
	}
	mailed := factor.SignIn{AMR: []string{"email"}, At: now.Add(-10 * time.Minute)}
	if first, err := factor.FirstOf(t.Context(), e.Factors, a.ID, mailed); err != nil || !first.Missing || first.Refused {
		t.Errorf("%+v (%v)", first, err)
	}
	s, err := e.Factors.Enable(t.Context(), a.ID, "", mailed, testflow.Client())
	if err != nil || len(s.Codes) != 10 || len(s.Factors) != 2 || s.Factors[0].Type != authcore.FactorEmail {
		t.Fatalf("%+v (%v)", s, err)
	}
	// Who has a factor adds others by what a fresh call asks for.
	if _, err := e.Factors.Add(t.Context(), factor.AddInput{AccountID: a.ID, Type: authcore.FactorTOTP, Client: testflow.Client()}); err != nil {
		t.Error(err)
	}
}

// With no proven address the password is enough: there is nothing more to show.
func TestFirst_WithoutAnAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	account := e.Register(t, signup.RegisterInput{Username: "ada", Email: address}).Account
	by := factor.SignIn{AMR: []string{"pwd"}, At: e.Clock.Now()}
	if _, err := e.Factors.Add(t.Context(), factor.AddInput{AccountID: account.ID, Type: authcore.FactorTOTP, SignIn: by, Client: testflow.Client()}); err != nil {
		t.Error(err)
	}
}
