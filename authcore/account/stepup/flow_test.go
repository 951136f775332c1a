package stepup_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func stepUp(t *testing.T, e *testflow.Env, as session.Tokens, password string) (session.Tokens, error) {
	t.Helper()
	return e.StepUp.Password(t.Context(), &as.Principal, password, session.Request{Mode: as.Mode, Client: testflow.Client()})
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
	_, err := stepUp(t, e, first, testflow.Password)
	testflow.WantCode(t, err, authcore.MFARequired)
}
