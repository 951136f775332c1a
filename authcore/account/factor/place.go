package factor

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Place is what there is of factors at one issuer: passkeys and security keys need a domain (WebAuthn L3 §5.1.3).
type Place struct {
	factors *Factors
	issuer  string
}

// At returns the place of an issuer, an origin such as "https://auth.example.com".
func At(f *Factors, issuer string) Place { return Place{f, issuer} }

// Offered returns those of [Factors.Offered] that can be added here. The caller must not change it.
func (p Place) Offered() []authcore.FactorType {
	if _, err := p.factors.cfg.Parties.For(p.issuer); err == nil {
		return p.factors.Offered()
	}
	return slices.DeleteFunc(slices.Clone(p.factors.Offered()), func(t authcore.FactorType) bool { _, key := kindOf(t); return key })
}

// Passkeys reports whether a passkey can be added here.
func (p Place) Passkeys() bool { return slices.Contains(p.Offered(), authcore.FactorPasskey) }

// RelatedOrigins returns the origins besides the issuer from which passkeys are taken, if domain is what they are for; else nil.
func (p Place) RelatedOrigins(domain string) []string {
	party, err := p.factors.cfg.Parties.For(p.issuer)
	if err != nil || party.ID() != domain {
		return nil
	}
	return p.factors.cfg.Parties.Origins
}
