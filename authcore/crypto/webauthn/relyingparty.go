package webauthn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	lib "github.com/go-webauthn/webauthn/webauthn"
)

// Lifetime is how long a challenge is good (WebAuthn L3 §15.1 recommends 300 to 600 seconds).
const Lifetime = 5 * time.Minute

// ErrInvalid is a response that shows nothing: not of this relying party, this challenge or this credential, or without what is demanded.
// What is wrapped with it is for logs.
var ErrInvalid = errors.New("webauthn: response is not valid")

// RelyingParty is one RP ID and the origins from which its responses are taken. It is safe for concurrent use.
type RelyingParty struct {
	id   string
	core *lib.WebAuthn
}

// New returns the relying party of an RP ID, a domain name such as "example.com". Name is what authenticators may show. Origins are
// compared as a whole: a sub-domain of one is another origin (O20). What starts with neither "https://" nor "http://" is the origin of
// an app, such as "android:apk-key-hash:…".
func New(id, name string, origins []string) (*RelyingParty, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	core, err := lib.New(&lib.Config{
		RPID: id, RPDisplayName: name, RPOrigins: slices.Clone(origins), AttestationPreference: protocol.PreferNoAttestation,
		// Password managers answer extensions that nobody has asked for. None of them is looked at.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("webauthn: %w", err)
	}
	return &RelyingParty{id, core}, nil
}

// CheckID says why a text is no RP ID. An address is none: browsers know passkeys for names alone.
func CheckID(id string) error {
	if net.ParseIP(strings.Trim(id, "[]")) != nil {
		return fmt.Errorf("webauthn: %q is an address, and an RP ID is a domain name", id)
	}
	if err := protocol.ValidateRPID(id); err != nil || id != strings.ToLower(id) {
		return fmt.Errorf("webauthn: %q is no domain name in lower case", id)
	}
	return nil
}

// ID returns the RP ID.
func (p *RelyingParty) ID() string { return p.id }

// User is whom a credential is of.
type User struct {
	Handle []byte // at most 64 bytes; the same for all credentials of an account, and never shown
	Name   string // what an authenticator shows in the list of accounts
}

// Credential is what is kept of a registered credential.
type Credential struct {
	ID        []byte
	Record    []byte // all else of it, as JSON; see [Describe]
	SignCount uint32
}

// record is Credential.Record.
type record struct {
	RPID string         `json:"rp_id"`
	Key  lib.Credential `json:"credential"`
}

// Description is what people may see of a credential.
type Description struct {
	RPID   string
	Synced bool // it may be on several devices of its owner (backup eligible)
}

// Describe reads a record. A record that it cannot read is of no relying party.
func Describe(raw []byte) Description {
	r, err := readRecord(raw)
	if err != nil {
		return Description{}
	}
	return Description{RPID: r.RPID, Synced: r.Key.Flags.BackupEligible}
}

func readRecord(raw []byte) (r record, err error) {
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("webauthn: read record: %w", err)
	}
	return r, nil
}

// Kind is what is demanded of an authenticator.
type Kind int

// The kinds.
const (
	// Passkey is found without a name, and verifies its user by itself.
	Passkey Kind = iota
	// SecurityKey is a second factor only: it shows that somebody has it.
	SecurityKey
)

func (k Kind) verification() protocol.UserVerificationRequirement {
	if k == Passkey {
		return protocol.VerificationRequired
	}
	return protocol.VerificationDiscouraged
}

// Text returns a challenge as responses have it.
func Text(challenge []byte) string { return base64.RawURLEncoding.EncodeToString(challenge) }

// Creation returns a PublicKeyCredentialCreationOptionsJSON that asks for a new credential. Whoever has one of exclude gets no second
// one on the same authenticator.
func (p *RelyingParty) Creation(k Kind, challenge []byte, u User, exclude []Credential) (json.RawMessage, error) {
	created, _, err := p.core.BeginRegistration(&user{User: u}, func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge, o.Timeout = challenge, int(Lifetime.Milliseconds())
		o.CredentialExcludeList = p.descriptors(exclude)
		o.AuthenticatorSelection = protocol.AuthenticatorSelection{UserVerification: k.verification()}
		if k == Passkey {
			o.AuthenticatorSelection.ResidentKey, o.AuthenticatorSelection.RequireResidentKey = protocol.ResidentKeyRequirementRequired, new(true)
			return nil
		}
		o.AuthenticatorSelection.ResidentKey, o.AuthenticatorSelection.RequireResidentKey = protocol.ResidentKeyRequirementDiscouraged, new(false)
		o.Hints = []protocol.PublicKeyCredentialHints{protocol.PublicKeyCredentialHintSecurityKey}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("webauthn: %w", err)
	}
	return json.Marshal(created.Response)
}

// Request returns a PublicKeyCredentialRequestOptionsJSON. Without allow any passkey of the relying party will do: the browser asks its
// user which.
func (p *RelyingParty) Request(k Kind, challenge []byte, allow []Credential) (json.RawMessage, error) {
	asked, _, err := p.core.BeginDiscoverableLogin(func(o *protocol.PublicKeyCredentialRequestOptions) error {
		o.Challenge, o.Timeout, o.UserVerification = challenge, int(Lifetime.Milliseconds()), k.verification()
		o.AllowedCredentials = p.descriptors(allow)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("webauthn: %w", err)
	}
	return json.Marshal(requestOptions{asked.Response, orEmpty(asked.Response.AllowedCredentials)})
}

// requestOptions has an empty list where the library leaves it out.
type requestOptions struct {
	protocol.PublicKeyCredentialRequestOptions
	Allowed []protocol.CredentialDescriptor `json:"allowCredentials"`
}

func orEmpty(list []protocol.CredentialDescriptor) []protocol.CredentialDescriptor {
	if list == nil {
		return []protocol.CredentialDescriptor{}
	}
	return list
}

// descriptors names those credentials that are of this relying party.
func (p *RelyingParty) descriptors(all []Credential) []protocol.CredentialDescriptor {
	var list []protocol.CredentialDescriptor
	for _, c := range all {
		if r, err := readRecord(c.Record); err == nil && r.RPID == p.id {
			list = append(list, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: c.ID, Transport: r.Key.Transport})
		}
	}
	return list
}

// user is a User as the library wants it.
type user struct {
	User
	credentials []lib.Credential
}

func (u *user) WebAuthnID() []byte                    { return u.Handle }
func (u *user) WebAuthnName() string                  { return u.Name }
func (u *user) WebAuthnDisplayName() string           { return u.Name }
func (u *user) WebAuthnCredentials() []lib.Credential { return u.credentials }

// invalid is ErrInvalid with a cause.
func invalid(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%w: %s: %s", ErrInvalid, e.Details, e.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

// Registration is a RegistrationResponseJSON that was read, and not verified.
type Registration struct {
	Challenge string
	parsed    *protocol.ParsedCredentialCreationData
}

// ReadRegistration reads a RegistrationResponseJSON. [ErrInvalid].
func ReadRegistration(raw []byte) (Registration, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(raw)
	if err != nil {
		return Registration{}, invalid(err)
	}
	return Registration{parsed.Response.CollectedClientData.Challenge, parsed}, nil
}

// Register verifies a registration (WebAuthn L3 §7.1) whose challenge the caller has found live. [ErrInvalid].
func (p *RelyingParty) Register(k Kind, u User, r Registration) (Credential, error) {
	made, err := p.core.CreateCredential(&user{User: u}, lib.SessionData{
		Challenge: r.Challenge, RelyingPartyID: p.id, UserID: u.Handle, UserVerification: k.verification(), CredParams: lib.CredentialParametersDefault(),
	}, r.parsed)
	if err != nil {
		return Credential{}, invalid(err)
	}
	made.Attestation = lib.CredentialAttestation{} // none is asked for, and what comes all the same tells the make of the device
	raw, err := json.Marshal(record{p.id, *made})
	if err != nil {
		return Credential{}, fmt.Errorf("webauthn: write record: %w", err)
	}
	return Credential{ID: made.ID, Record: raw, SignCount: made.Authenticator.SignCount}, nil
}

// Assertion is an AuthenticationResponseJSON that was read, and not verified.
type Assertion struct {
	Challenge    string
	CredentialID []byte
	UserHandle   []byte // empty where the authenticator gives none
	parsed       *protocol.ParsedCredentialAssertionData
}

// ReadAssertion reads an AuthenticationResponseJSON. [ErrInvalid].
func ReadAssertion(raw []byte) (Assertion, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(raw)
	if err != nil {
		return Assertion{}, invalid(err)
	}
	return Assertion{parsed.Response.CollectedClientData.Challenge, parsed.RawID, parsed.Response.UserHandle, parsed}, nil
}

// Proof is what a valid assertion shows.
type Proof struct {
	SignCount uint32 // the counter of the authenticator now; whether it may be that is the caller's to say
	Synced    bool
}

// Rises reports whether a counter shows no sign of a second copy of the key: it is higher than before, or the authenticator has none
// (WebAuthn L3 §6.1.1).
func Rises(before, now uint32) bool { return now > before || now == 0 && before == 0 }

// Verify verifies an assertion by a credential of the user (WebAuthn L3 §7.2) whose challenge the caller has found live: type, origin,
// relying party, user presence, of a passkey user verification, signature. [ErrInvalid].
func (p *RelyingParty) Verify(k Kind, handle []byte, c Credential, a Assertion) (Proof, error) {
	r, err := readRecord(c.Record)
	if err != nil {
		return Proof{}, err
	}
	if r.RPID != p.id || !bytes.Equal(c.ID, a.CredentialID) {
		return Proof{}, fmt.Errorf("%w: credential of another relying party", ErrInvalid)
	}
	owner := &user{User: User{Handle: handle}, credentials: []lib.Credential{r.Key}}
	_, err = p.core.ValidateLogin(owner, lib.SessionData{
		Challenge: a.Challenge, RelyingPartyID: p.id, UserID: handle, UserVerification: k.verification(), AllowedCredentialIDs: [][]byte{c.ID},
	}, a.parsed)
	if err != nil {
		return Proof{}, invalid(err)
	}
	return Proof{SignCount: a.parsed.Response.AuthenticatorData.Counter, Synced: r.Key.Flags.BackupEligible}, nil
}
