package password_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Whoever finds a browser open must not set the password of an account that has none.
func TestFirstPassword(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	now := e.Clock.Now()
	a := authcore.Account{ID: uuid.New(), Email: address, EmailVerifiedAt: now, CreatedAt: now, UpdatedAt: now}
	ids := []authcore.Identifier{{Kind: authcore.KindEmail, Value: address}}
	if err := e.Store.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	in := password.ChangeInput{AccountID: a.ID, New: testflow.OtherPassword, Client: testflow.Client(),
		NotFresh: authcore.Refuse(authcore.ReauthenticationRequired, "too old")}
	testflow.WantCode(t, e.Password.Change(t.Context(), in), authcore.ReauthenticationRequired)
	in.Current, in.NotFresh = "guess", nil
	testflow.WantCode(t, e.Password.Change(t.Context(), in), authcore.InvalidCredentials)
	in.Current = ""
	if err := e.Password.Change(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := e.TrySignIn(t, address, testflow.OtherPassword); err != nil {
		t.Error(err)
	}
	e.Mail(t, address, authcore.MailPasswordReset)
	// From now on the current one is asked for.
	testflow.WantCode(t, e.Password.Change(t.Context(), in), authcore.InvalidFields)
}
