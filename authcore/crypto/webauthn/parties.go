package webauthn

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Parties are the relying parties of a gateway: one where an RP ID is set, else that of the host of each issuer.
type Parties struct {
	ID      string   // "": the host of the issuer
	Name    string   // what authenticators may show; "": the RP ID
	Origins []string // from which responses are taken, besides the issuer
}

// For returns the relying party of an issuer, an origin such as "https://auth.example.com". It is an error where no browser would have a
// passkey for it: at an issuer whose host is an address, or is not the RP ID or below it, unless other origins are named (WebAuthn L3 §5.1.3).
func (p Parties) For(issuer string) (*RelyingParty, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("webauthn: issuer %q is no origin", issuer)
	}
	id := p.ID
	if id == "" {
		id = u.Hostname()
	}
	if len(p.Origins) == 0 && !Covers(id, u.Hostname()) {
		return nil, fmt.Errorf("webauthn: RP ID %q is not for issuer %s", id, issuer)
	}
	name := p.Name
	if name == "" {
		name = id
	}
	return New(id, name, append(slices.Clone(p.Origins), issuer))
}

// Covers reports whether browsers take an RP ID at a host without asking which other origins it has: the host is that domain or below
// it, and no address. Public suffixes are not looked at: browsers refuse them.
func Covers(id, host string) bool {
	return net.ParseIP(host) == nil && (host == id || strings.HasSuffix(host, "."+id))
}
