package webauthn_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

// TestParties: there is a relying party where a browser would have passkeys for it: at a domain, and where an RP ID is set at that domain,
// below it, or from the other origins that are named.
func TestParties(t *testing.T) {
	t.Parallel()
	related := []string{"https://app.example.org"}
	for _, c := range []struct {
		p      webauthn.Parties
		issuer string
		want   string // "": none
	}{
		{webauthn.Parties{}, "https://auth.example.com", "auth.example.com"},
		{webauthn.Parties{}, "http://localhost:8080", "localhost"},
		{webauthn.Parties{}, "http://127.0.0.1:8080", ""},
		{webauthn.Parties{}, "https://[2001:db8::1]", ""},
		{webauthn.Parties{}, "no origin", ""},
		{webauthn.Parties{ID: "example.com"}, "https://auth.example.com", "example.com"},
		{webauthn.Parties{ID: "example.com"}, "https://example.com", "example.com"},
		{webauthn.Parties{ID: "example.com"}, "https://anexample.com", ""},
		{webauthn.Parties{ID: "auth.example.com"}, "https://example.com", ""},
		{webauthn.Parties{ID: "example.com"}, "https://192.0.2.7", ""},
		{webauthn.Parties{ID: "2.7"}, "https://192.0.2.7", ""},
		{webauthn.Parties{ID: "example.com", Origins: related}, "https://192.0.2.7", "example.com"},
		{webauthn.Parties{Origins: related}, "https://192.0.2.7", ""},
	} {
		got := ""
		if party, err := c.p.For(c.issuer); err == nil {
			got = party.ID()
		}
		if got != c.want {
			t.Errorf("%+v at %s: %q, want %q", c.p, c.issuer, got, c.want)
		}
	}
}
