package signin_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Who registers an address and then signs in with the password given there learns nothing about whether it has an account.
func TestL01_RegisteringTellsNothingAtSignIn(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, enrol.Registering{Email: bob})
	got := map[string]authcore.Code{}
	for _, address := range []string{bob, "nobody@example.com"} {
		e.Register(t, enrol.Registering{Email: address, Password: testflow.OtherPassword})
		_, err := e.TrySignIn(t, address, testflow.OtherPassword)
		got[address] = authcore.CodeOf(err)
	}
	if got[bob] != got["nobody@example.com"] {
		t.Errorf("answers differ: %v", got)
	}
}
