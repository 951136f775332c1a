package testflow

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
)

// EmailFactor makes the account's address a second factor and switches second factors on, and returns it.
func (e *Env) EmailFactor(t testing.TB, account uuid.UUID) authcore.Factor {
	t.Helper()
	now := e.Clock.Now()
	was, err := e.Store.FactorState(t.Context(), account, now)
	if err != nil {
		t.Fatalf("find factors: %v", err)
	}
	x := authcore.Factor{ID: uuid.Must(uuid.NewV7()), AccountID: account, Type: authcore.FactorEmail, Address: was.Account.Email, CreatedAt: now, ConfirmedAt: now}
	err = e.Store.ChangeFactors(t.Context(), factor.Change{Was: was, Add: []authcore.Factor{x}, MFA: &factor.MFA{EnabledAt: now}, Now: now})
	if err != nil {
		t.Fatalf("add factor: %v", err)
	}
	return x
}

// Mailed is a sign-in just now by a code to the verified address, which may add the first factor.
func (e *Env) Mailed() factor.SignIn { return factor.SignIn{AMR: []string{"email"}, At: e.Clock.Now()} }
