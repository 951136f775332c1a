package password_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// short is a password that is good beside a second factor alone.
const short = "k7 zq4vw"

// protected is Ada with second factors on.
func protected(t *testing.T) (*testflow.Env, uuid.UUID) {
	t.Helper()
	e := testflow.New(t, testflow.Options{})
	id := e.Person(t, signup.RegisterInput{Email: address}).Account.ID
	e.EmailFactor(t, id)
	return e, id
}

// A short password stands beside second factors only: it is refused without them, by a change as by a reset, and keeps them from being
// switched off until there is a longer one.
func TestShortPassword(t *testing.T) {
	t.Parallel()
	e, id := protected(t)
	disable := func() error { return e.Factors.Disable(t.Context(), id, testflow.Client()) }
	testflow.WantCode(t, change(e, t, id, testflow.Password, "k7 zq4v"), authcore.InvalidFields)
	if err := change(e, t, id, testflow.Password, short); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, disable(), authcore.ShortPassword)
	if err := change(e, t, id, short, testflow.OtherPassword); err != nil {
		t.Fatal(err)
	}
	if err := resetTo(t, e, short); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, disable(), authcore.ShortPassword)
	if err := change(e, t, id, short, testflow.Password); err != nil {
		t.Fatal(err)
	}
	if err := disable(); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, change(e, t, id, testflow.Password, short), authcore.InvalidFields)
	testflow.WantCode(t, resetTo(t, e, short), authcore.InvalidFields)
	if err := resetTo(t, e, testflow.OtherPassword); err != nil { // the refusal has spent nothing
		t.Error(err)
	}
}

// resetTo sets a password by the last link that was mailed, and asks for one where there is none.
func resetTo(t *testing.T, e *testflow.Env, wanted string) error {
	t.Helper()
	e.Clock.Advance(time.Hour) // for another link
	if err := e.Password.Forgot(t.Context(), address, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	token := testflow.Token(t, e.Mail(t, address, authcore.MailReset))
	return e.Password.Reset(t.Context(), password.ResetInput{Token: token, NewPassword: wanted, Client: testflow.Client()})
}
