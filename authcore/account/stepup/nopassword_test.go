package stepup_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// former is who set a password before passwords were switched off, signed in by a mailed code.
func former(t *testing.T) (*testflow.Env, session.Tokens) {
	t.Helper()
	e := testflow.New(t, testflow.Options{NoPassword: true, Ways: passwordless.Ways{Code: true}})
	hash, err := e.Hasher.Hash(t.Context(), testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	now := e.Clock.Now()
	a := authcore.Account{ID: uuid.Must(uuid.NewV7()), Email: ada, EmailVerifiedAt: now, PasswordHash: hash, CreatedAt: now, UpdatedAt: now}
	if err := e.Store.CreateAccount(t.Context(), a, []authcore.Identifier{{Kind: authcore.KindEmail, Value: ada}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	r := testflow.Request()
	r.AMR = []string{"email"}
	tokens, err := testflow.Tokens(e.Steps.Finish(t.Context(), a, r))
	if err != nil {
		t.Fatal(err)
	}
	return e, tokens
}

// Where passwords sign nobody in, a step-up neither offers nor takes one, also of an account that has one: every password is wrong there.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	for name, mfa := range map[string]bool{"one kind": false, "two kinds": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, who := former(t)
			_, err := begin(t, e, who, fresh.Proof{Password: testflow.Password})
			testflow.WantCode(t, err, authcore.InvalidCredentials)
			if mfa {
				e.EmailFactor(t, who.Account.ID)
				e.Clock.Advance(11 * time.Minute)
			}
			p := waiting(t, e, who, fresh.Proof{})
			if got := methods(p); !slices.Equal(got, []string{"email"}) {
				t.Errorf("offered %v", got)
			}
			_, err = proceed(t, e, p, secondstep.MethodPassword, testflow.Password)
			testflow.WantCode(t, err, authcore.InvalidFields)
		})
	}
}

// A number that nobody has verified may be a stranger's: no step-up sends a code there.
func TestBegin_UnverifiedNumber(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}})
	who := e.Person(t, signup.RegisterInput{Email: ada, Phone: "+436641234567"})
	if who.Account.Phone == "" || who.Account.PhoneVerified() {
		t.Fatalf("%+v", who.Account)
	}
	if got := methods(waiting(t, e, who, fresh.Proof{})); !slices.Equal(got, []string{"email", "password"}) {
		t.Errorf("offered %v", got)
	}
}
