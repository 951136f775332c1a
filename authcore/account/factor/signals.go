package factor

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

// Signals are what a page tells password managers of an account, so that they show what still works and under which name
// (WebAuthn L3 §5.1.10). Texts of bytes are base64url.
type Signals struct {
	RPID, UserID string
	Credentials  []string // that are taken; never nil
	Name         string   // as new passkeys have it
}

// Signals returns those of an account at this place; false where there are no passkeys. [authcore.InvalidToken] when the account is gone.
func (p Place) Signals(ctx context.Context, account uuid.UUID) (Signals, bool, error) {
	if !p.Passkeys() {
		return Signals{}, false, nil
	}
	s, err := p.factors.state(ctx, account)
	if err != nil {
		return Signals{}, false, err
	}
	told := Signals{RPID: p.rpID(), UserID: webauthn.Text(Handle(account)), Credentials: []string{}, Name: nameOf(s.Account)}
	for _, x := range p.own(s.Factors) {
		told.Credentials = append(told.Credentials, webauthn.Text(x.CredentialID))
	}
	return told, true, nil
}

// Unknown returns the RP ID and the credential of an assertion, for the password manager that has offered it to forget; "" where it
// cannot be read.
func (p Place) Unknown(credential []byte) (rpID, id string) {
	shown, err := webauthn.ReadAssertion(credential)
	if err != nil {
		return "", ""
	}
	return p.rpID(), webauthn.Text(shown.CredentialID)
}

// WantsPasskey reports whether somebody who has just signed in is to be offered a passkey without being asked: by a password, in a sign-in
// that may add a factor, and the account has no passkey here. What else is asked of who adds one, fresh calls
// decide.
func (p Place) WantsPasskey(ctx context.Context, account uuid.UUID, by SignIn) (bool, error) {
	if !p.Passkeys() || !slices.Contains(by.AMR, authcore.AMRPassword) {
		return false, nil
	}
	s, err := p.factors.state(ctx, account)
	if err != nil {
		return false, err
	}
	has := slices.ContainsFunc(p.own(s.Factors), func(x authcore.Factor) bool { return x.Type == authcore.FactorPasskey })
	return !has && mayAdd(p.factors, s, by) == nil, nil
}

// own returns the confirmed passkeys and security keys that are for this place.
func (p Place) own(all []authcore.Factor) []authcore.Factor {
	return slices.DeleteFunc(slices.Clone(all), func(x authcore.Factor) bool {
		_, key := kindOf(x.Type)
		return !key || !x.Confirmed() || webauthn.Describe(x.Credential).RPID != p.rpID()
	})
}

// rpID is what passkeys are for here; "" for nothing.
func (p Place) rpID() string {
	party, err := p.factors.cfg.Parties.For(p.issuer)
	if err != nil {
		return ""
	}
	return party.ID()
}
