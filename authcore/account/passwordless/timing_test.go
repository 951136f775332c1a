package passwordless_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Asking for a code takes as long for an address without an account as for one with: the mail is composed, sealed and stored for both.
func TestL02_OTPTakesEqualTime(t *testing.T) {
	e, _ := person(t, testflow.Unlimited())
	f, err := passwordless.New(passwordless.Config{Store: e.Store, Challenges: e.Composing(t), Steps: e.Steps, Ways: both,
		Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername},
		Key:        func() secret.MACKey { return e.Ring.MACKey("bindings") }, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	e.EqualTime(t, 200, func(login string) error {
		_, err := f.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Login: login}, Client: testflow.Client()})
		return err
	})
}
