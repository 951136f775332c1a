package federated_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

// A passkey and a connection each stand for the other: either may go, and then the other may not.
func TestLastWayIn_ConnectionAndPasskey(t *testing.T) {
	t.Parallel()
	for name, connectionFirst := range map[string]bool{"the passkey goes": false, "the connection goes": true} {
		w := newWorld(t, testflow.Options{NoPassword: true, Identities: []authcore.IdentifierKind{authcore.KindEmail}}, nil)
		res, err := w.arrive(t, "acme")
		id := signedIn(t, res, err).ID
		list, _, err := w.Federated.List(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		key := testwebauthn.New("https://auth.example.com")
		added, err := w.Factors.Add(t.Context(), factor.AddInput{SignIn: w.Mailed(), AccountID: id, Type: authcore.FactorPasskey, Client: testflow.Client()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: id, FactorID: added.Factor.ID, Credential: key.Create(t, added.Options), Client: testflow.Client()})
		if err != nil {
			t.Fatal(err)
		}
		takes := []func() error{
			func() error { return w.Factors.Remove(t.Context(), id, added.Factor.ID, testflow.Client()) },
			func() error { return w.Federated.Disconnect(t.Context(), id, list[0].ID, testflow.Client()) },
		}
		if connectionFirst {
			takes[0], takes[1] = takes[1], takes[0]
		}
		if err := takes[0](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		testflow.WantCode(t, takes[1](), authcore.LastWayIn)
	}
}
