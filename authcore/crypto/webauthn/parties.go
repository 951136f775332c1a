package webauthn

import (
	"fmt"
	"net/url"
	"slices"
)

// Parties are the relying parties of a gateway: one where an RP ID is set, else that of the host of each issuer.
type Parties struct {
	ID      string   // "": the host of the issuer
	Name    string   // what authenticators may show; "": the RP ID
	Origins []string // from which responses are taken, besides the issuer
}

// For returns the relying party of an issuer, an origin such as "https://auth.example.com". A host that is an address has none.
func (p Parties) For(issuer string) (*RelyingParty, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("webauthn: issuer %q is no origin", issuer)
	}
	id := p.ID
	if id == "" {
		id = u.Hostname()
	}
	name := p.Name
	if name == "" {
		name = id
	}
	return New(id, name, append(slices.Clone(p.Origins), issuer))
}
