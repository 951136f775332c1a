package testidp

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/facebook"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/github"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/google"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
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

// Settings is [Provider.Settings] of Google.
func (g *Google) Settings(t testing.TB) federated.Settings {
	t.Helper()
	p, err := google.New(google.Config{BaseURL: g.Issuer(), ClientID: ClientID, ClientSecret: secret.FromString(ClientSecret), Now: g.now})
	return settingsOf(t, "google", p, err)
}

// Settings is [Provider.Settings] of Facebook.
func (f *Facebook) Settings(t testing.TB) federated.Settings {
	t.Helper()
	p, err := facebook.New(facebook.Config{BaseURL: f.URL(), ClientID: ClientID, ClientSecret: secret.FromString(ClientSecret), Now: f.now})
	return settingsOf(t, "facebook", p, err)
}

// Settings is [Provider.Settings] of GitHub.
func (g *GitHub) Settings(t testing.TB) federated.Settings {
	t.Helper()
	p, err := github.New(github.Config{BaseURL: g.URL(), ClientID: ClientID, ClientSecret: secret.FromString(ClientSecret), Now: time.Now})
	return settingsOf(t, "github", p, err)
}

func settingsOf(t testing.TB, name string, p idp.Provider, err error) federated.Settings {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return federated.Settings{Name: name, Title: name, SignUp: true, Groups: "groups", Trust: federated.Trust{All: true}, Provider: p}
}
