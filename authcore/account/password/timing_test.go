package password_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Asking takes as long for a login without account as for one with: the mail is composed, sealed and stored for both.
func TestL02_ForgotTakesEqualTime(t *testing.T) {
	e, _ := person(t, testflow.Unlimited())
	f := flow(t, e, e.Store)
	e.EqualTime(t, soak.N(200, 400), func(login string) error { return f.Forgot(t.Context(), login, testflow.Client()) })
}

// flow is one on the store, with the mailer of the product.
func flow(t *testing.T, e *testflow.Env, store password.Store) *password.Flow {
	t.Helper()
	f, err := password.New(password.Config{ReadDevice: e.Sessions.DeviceDigest,
		Store: store, Hasher: e.Hasher, Policy: e.Policy, Challenges: e.Composing(t), Notices: e.Notices, Factors: e.Factors, Lockouts: e.Lockouts,
		Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}, Now: e.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
