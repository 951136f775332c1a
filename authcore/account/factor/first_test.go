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
		if may, err := factor.MayAdd(t.Context(), e.Factors, a.ID, by); err != nil || may {
			t.Errorf("%s: may add (%v)", name, err)
		}
	}
	mailed := factor.SignIn{AMR: []string{"email"}, At: now.Add(-10 * time.Minute)}
	if may, err := factor.MayAdd(t.Context(), e.Factors, a.ID, mailed); err != nil || !may {
		t.Errorf("may not add (%v)", err)
	}
	s, err := e.Factors.Enable(t.Context(), a.ID, "", mailed, testflow.Client())
	if err != nil || len(s.Codes) != 10 || len(s.Factors) != 2 || s.Factors[0].Type != authcore.FactorEmail {
		t.Fatalf("%+v (%v)", s, err)
	}
	// Where sign-ins ask for a factor, others are added by what a fresh call asks for.
	if _, err := e.Factors.Add(t.Context(), factor.AddInput{AccountID: a.ID, Type: authcore.FactorTOTP, Client: testflow.Client()}); err != nil {
		t.Error(err)
	}
}

// A factor that sign-ins do not ask for lifts nothing: who has the password alone adds none beside it, and does not have sign-ins ask for one.
func TestFirst_BesideAFactorThatNobodyAsksFor(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	now := e.Clock.Now()
	withApp(t, e, a, false)
	try := func(by factor.SignIn) error {
		_, err := e.Factors.Add(t.Context(), factor.AddInput{AccountID: a.ID, Type: authcore.FactorRecovery, SignIn: by, Client: testflow.Client()})
		if _, enabled := e.Factors.Enable(t.Context(), a.ID, "", by, testflow.Client()); authcore.CodeOf(enabled) != authcore.CodeOf(err) {
			t.Errorf("added %v, enabled %v", err, enabled)
		}
		return err
	}
	for _, by := range []factor.SignIn{{AMR: []string{"pwd"}, At: now}, {AMR: []string{"pwd", "recovery"}, At: now}, {AMR: []string{"pwd", "otp"}, At: now.Add(-time.Hour)}} {
		if err := try(by); authcore.CodeOf(err) != authcore.ReauthenticationRequired {
			t.Errorf("%v: %v", by, err)
		}
	}
	if err := try(factor.SignIn{AMR: []string{"pwd", factor.AMR(authcore.FactorTOTP)}, At: now}); err != nil {
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
