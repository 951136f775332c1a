package idp

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// The two ways in which a call to a provider fails.
var (
	// ErrAnswer: what came is not an answer of this provider for this client and request. The same answer will never be taken.
	ErrAnswer = errors.New("not a valid answer of the provider")
	// ErrUnavailable: the provider did not answer in time, or not as one that works.
	ErrUnavailable = errors.New("the provider does not answer")
)

// Skew is how far a provider's clock may be from ours.
const Skew = time.Minute

// Provider is one identity provider of the configuration. It is safe for concurrent use. The context of every call carries the deadline of
// [Budget], which all calls of one request have together.
type Provider interface {
	// AuthURL returns where a browser is sent to sign in at the provider. ErrUnavailable.
	AuthURL(ctx context.Context, r AuthRequest) (string, error)
	// Issuer returns what the parameter `iss` of an answer must be (RFC 9207), "" where the provider sends none, and whether the provider
	// has announced that it is always there. ErrUnavailable.
	Issuer(ctx context.Context) (issuer string, announced bool, err error)
	// Exchange redeems the code of an answer, checks everything that the protocol demands of what comes for it, and returns who signed in.
	// ErrAnswer, ErrUnavailable.
	Exchange(ctx context.Context, c Code) (Identity, error)
	// Native returns who signed in to an app of the same client by what the app got. ErrAnswer, ErrUnavailable, and ErrNotTaken for a way
	// that this kind of provider does not have.
	Native(ctx context.Context, n Native) (Identity, error)
}

// ErrNotTaken says that this kind of provider takes no such proof from apps.
var ErrNotTaken = errors.New("the provider takes no such proof")

// AuthRequest is what goes along with a browser. All of it but RedirectURI is random and good once.
type AuthRequest struct {
	State       string
	Nonce       string // comes back in the id_token, where there is one
	Verifier    string // of PKCE (RFC 7636); what goes along is its S256 challenge
	RedirectURI string
}

// Code is the code of an answer, and what was kept of the request.
type Code struct {
	Code        string
	Verifier    string
	Nonce       string // "": none is demanded, of an app that has redeemed PKCE alone
	RedirectURI string
	// User is what the provider has posted about the person beside the code, in the form of its own, "" for nothing. It came by way of the
	// browser and nobody has signed it.
	User string
}

// Native is what an app got from the provider: an id_token with its nonce, a code with its verifier, or an access token.
type Native struct {
	IDToken, Nonce string
	// NoNonce: the client cannot say with which nonce it asked for the id_token; that it is taken once must do.
	NoNonce     bool
	Code        string
	Verifier    string
	RedirectURI string
	AccessToken string
}

// Identity is who signed in at a provider, as it says. Issuer and Subject alone say who that is; an address never does.
type Identity struct {
	Issuer, Subject string
	Email           string // as it came; "" for none
	// EmailVerified is true only where the provider says so in the very form that it documents (JSON true, of OpenID Connect).
	EmailVerified bool
	// HostedDomain is the domain of the organisation whose account it is, as a provider says that has such ("hd" of Google); "" for none.
	HostedDomain string
	Claims       map[string]any // everything that is said of the person, as JSON has it
	SID          string         // the session at the provider, for back-channel logout; "" for none
	AMR          []string       // of the id_token
	// Once is what must never be taken twice, the digest of an id_token, and until when it could be; zero for nothing.
	Once      secret.Digest
	OnceUntil time.Time
	// Revoke is what [Revoker] takes to take the person's consent back; empty for nothing.
	Revoke secret.Value
}

// Logout is a logout token (OpenID Connect Back-Channel Logout 1.0) that was checked: the session SID, or where it is "" every session of
// the subject.
type Logout struct {
	Issuer, Subject, SID string
	Once                 secret.Digest // of its jti
	OnceUntil            time.Time
}

// Logouts is a provider that tells of logouts.
type Logouts interface {
	// VerifyLogout checks a logout token. ErrAnswer, ErrUnavailable.
	VerifyLogout(ctx context.Context, token string) (Logout, error)
}

// Background is a provider that keeps something fresh by itself, such as keys.
type Background interface {
	// Run returns when ctx ends.
	Run(ctx context.Context)
}

// Revoker is a provider where consent that somebody gave us can be taken back.
type Revoker interface {
	// Revoke takes back the consent by Identity.Revoke. Consent that is no longer there is no error. ErrAnswer, ErrUnavailable.
	Revoke(ctx context.Context, token secret.Value) error
}

// Change is what a [Notification] is about.
type Change string

// The changes that providers tell of.
const (
	// ConsentRevoked: the person has taken their consent back at the provider.
	ConsentRevoked Change = "consent-revoked"
	// AccountDeleted: the account at the provider is no more.
	AccountDeleted Change = "account-delete"
	// EmailDisabled and EmailEnabled: mail to the provider's relay address of the person arrives no longer, or again.
	EmailDisabled Change = "email-disabled"
	EmailEnabled  Change = "email-enabled"
)

// Notification is a message of a provider about an account there, and was checked. Its Change may be one that is not known here.
type Notification struct {
	Issuer, Subject string
	Change          Change
	Once            secret.Digest
	OnceUntil       time.Time
}

// Notifications is a provider that tells when an account there changes.
type Notifications interface {
	// VerifyNotification checks a notification. ErrAnswer, ErrUnavailable.
	VerifyNotification(ctx context.Context, payload string) (Notification, error)
}
