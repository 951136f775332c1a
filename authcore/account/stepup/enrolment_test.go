package stepup_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stepup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

const address = "ada@example.com"

// add begins a step-up for a guard's `mfa`, to which the sign-in counts.
func add(t *testing.T, e *testflow.Env, as session.Tokens) *secondstep.Pending {
	t.Helper()
	out, err := e.StepUp.Begin(t.Context(), &as.Principal, stepup.Input{MFA: true, Add: true, Request: testflow.Request()})
	if err != nil || out.Pending == nil {
		t.Fatalf("%+v (%v)", out, err)
	}
	return out.Pending
}

func give(t *testing.T, e *testflow.Env, p *secondstep.Pending, code, password string) secondstep.Outcome {
	t.Helper()
	out, err := e.Steps.Proceed(t.Context(), secondstep.Input{Token: p.Token, Code: code, Password: password, Request: testflow.Request()})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Who has no factor and comes to what asks for one adds it: the code to their address first, then the factor, and the session is replaced.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Factors: []authcore.FactorType{authcore.FactorTOTP, authcore.FactorRecovery}})
	e.Person(t, signup.RegisterInput{Email: address})
	first, err := e.TrySignIn(t, address, testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	p := add(t, e, first)
	if len(p.Methods) != 1 || p.Methods[0].Method != "email" || len(p.Enrol) != 0 {
		t.Fatalf("%+v", p)
	}
	p = give(t, e, p, e.Mail(t, address, authcore.MailSecondFactorCode).Code, "").Pending
	if p == nil || !slices.Equal(p.Enrol, []authcore.FactorType{authcore.FactorTOTP}) {
		t.Fatalf("%+v", p)
	}
	added, err := secondstep.NewEnrolment(e.Steps).Begin(t.Context(), secondstep.EnrolInput{Token: p.Token, Type: authcore.FactorTOTP, Request: testflow.Request()})
	if err != nil {
		t.Fatal(err)
	}
	out := give(t, e, p, testotp.Code(t, added.Seed, e.Clock.Now()), "")
	if out.Pending != nil || !out.SteppedUp || len(out.Codes) != 10 || authcore.ACR(out.Tokens.Session.AMR) != authcore.ACRMulti {
		t.Errorf("%+v", out)
	}
	live, err := e.Store.Sessions(t.Context(), first.Account.ID, e.Clock.Now())
	if err != nil || slices.ContainsFunc(live, func(s authcore.Session) bool { return s.ID == first.Session.ID }) {
		t.Errorf("the session of before is still there (%v)", err)
	}
}

// A cookie that was stolen long after its sign-in by a mailed code adds no factor: neither at once, as that sign-in could, nor by the password.
func TestStolenCookie_AddsNoFactor(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Factors: []authcore.FactorType{authcore.FactorTOTP}})
	mine := e.Person(t, signup.RegisterInput{Email: address}) // by the code of the sign-up
	if p := add(t, e, mine); len(p.Methods) != 1 || p.Methods[0].Method != secondstep.MethodPassword {
		t.Fatalf("after a recent code: %+v", p)
	}
	e.Clock.Advance(11 * time.Minute)
	p := add(t, e, mine)
	if len(p.Methods) != 1 || p.Methods[0].Method != "email" {
		t.Fatalf("after a code of long ago: %+v", p)
	}
	_, err := secondstep.NewEnrolment(e.Steps).Begin(t.Context(), secondstep.EnrolInput{Token: p.Token, Type: authcore.FactorTOTP, Request: testflow.Request()})
	testflow.WantCode(t, err, authcore.Forbidden)
	p = give(t, e, p, e.Mail(t, address, authcore.MailSecondFactorCode).Code, "").Pending
	if p == nil || len(p.Methods) != 1 || p.Methods[0].Method != secondstep.MethodPassword {
		t.Fatalf("after the code: %+v", p)
	}
	if p = give(t, e, p, "", testflow.Password).Pending; p == nil || len(p.Enrol) != 1 {
		t.Errorf("after the password: %+v", p)
	}
}
