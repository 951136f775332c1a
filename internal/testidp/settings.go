package testidp

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/oidc"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Settings returns the provider as one of a configuration, whose word about addresses is taken.
func (p *Provider) Settings(t testing.TB, name string) federated.Settings {
	t.Helper()
	s := federated.Settings{Name: name, Title: "Acme", SignUp: true, Groups: "groups", Trust: federated.Trust{All: true}}
	made, err := oidc.New(oidc.Config{Issuer: p.Issuer(), ClientID: ClientID, ClientSecret: secret.FromString(ClientSecret), Reads: s.Reads(), Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	s.Provider = made
	return s
}
