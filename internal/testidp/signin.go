package testidp

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Callback is where the providers of [SignIn] send browsers back to.
const Callback = "https://auth.example.com/auth/social/acme/callback"

// SignIn goes to a provider and back, with the state "s" and the nonce "n", and returns who the provider says it was. answer is what the
// provider sends back with the browser; change spoils what is redeemed, nil leaves it.
func SignIn(t testing.TB, p idp.Provider, answer func(to string) url.Values, change func(*idp.Code)) (idp.Identity, error) {
	t.Helper()
	ctx, cancel := idp.Within(t.Context())
	defer cancel()
	verifier := secret.Token()
	to, err := p.AuthURL(ctx, idp.AuthRequest{State: "s", Nonce: "n", Verifier: verifier, RedirectURI: Callback})
	if err != nil {
		return idp.Identity{}, err
	}
	if !strings.Contains(to, "code_challenge_method=S256") || strings.Contains(to, verifier) {
		t.Errorf("no S256 challenge in %s", to)
	}
	back := answer(to)
	c := idp.Code{Code: back.Get("code"), Verifier: verifier, Nonce: "n", RedirectURI: Callback, User: back.Get("user")}
	if change != nil {
		change(&c)
	}
	return p.Exchange(ctx, c)
}

// Query returns the parameters of an address that a provider sends a browser to.
func Query(t testing.TB, at string) url.Values {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}
