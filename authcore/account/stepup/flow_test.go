package stepup_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stepup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func begin(t *testing.T, e *testflow.Env, as session.Tokens, p fresh.Proof) (secondstep.Outcome, error) {
	t.Helper()
	return e.StepUp.Begin(t.Context(), &as.Principal, stepup.Input{Proof: p, Request: session.Request{Mode: as.Mode, Client: testflow.Client()}})
}

func stepUp(t *testing.T, e *testflow.Env, as session.Tokens, password string) (session.Tokens, error) {
	t.Helper()
	return testflow.Tokens(begin(t, e, as, fresh.Proof{Password: password}))
}

func TestPassword(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	_, err := stepUp(t, e, first, "wrong")
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	child := first
	child.Principal.Origin = "https://app.example.com"
	_, err = stepUp(t, e, child, testflow.Password)
	testflow.WantCode(t, err, authcore.Forbidden)
	if second, err := stepUp(t, e, first, testflow.Password); err != nil || second.Principal.AccountID != first.Principal.AccountID {
		t.Errorf("got %+v (%v)", second.Principal, err)
	}
	_, err = stepUp(t, e, first, testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidToken)
}

// A stolen password beside a stolen session is no way round the second factor that signing in asks for.
func TestPassword_IsNotEnoughWhereSignInAsksForMore(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{MFA: secondstep.Requirement{Roles: []string{"staff"}}})
	first := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	change := authcore.RolesChange{AccountID: first.Account.ID, Add: []string{"staff"}, Now: e.Clock.Now()}
	if _, err := e.Store.ChangeRoles(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	out, err := begin(t, e, first, fresh.Proof{Password: testflow.Password})
	if err != nil || out.Pending == nil {
		t.Errorf("the password is enough (%v)", err)
	}
}

// A code beside the password makes the new session one of two kinds; the old one is dead.
func TestPassword_WithCode(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	on, err := e.Factors.Enable(t.Context(), first.Account.ID, "", e.Mailed(), testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Minute)
	by := func(otp string) (session.Tokens, error) {
		p := fresh.Proof{Password: testflow.Password, OTP: otp}
		return testflow.Tokens(begin(t, e, first, p))
	}
	_, err = by("00000-00000")
	testflow.WantCode(t, err, authcore.InvalidCode)
	second, err := by(on.Codes[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"pwd", factor.AMR(authcore.FactorRecovery), authcore.AMRMulti}; !slices.Equal(second.Session.AMR, want) {
		t.Errorf("stepped up by %v, want %v", second.Session.AMR, want)
	}
	_, err = by(on.Codes[1])
	testflow.WantCode(t, err, authcore.InvalidToken)
}
