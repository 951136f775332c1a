package authcore

import (
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// FactorType is a kind of proof that an account can ask for besides what signs in first.
type FactorType string

// The types of factor. They are what the API and the option `factors` call them.
const (
	FactorEmail       FactorType = "email"        // a code to an address
	FactorSMS         FactorType = "sms"          // a code to a number
	FactorTOTP        FactorType = "totp"         // RFC 6238, an authenticator app
	FactorPasskey     FactorType = "passkey"      // WebAuthn, discoverable, with user verification
	FactorSecurityKey FactorType = "security_key" // WebAuthn, as second factor only
	FactorRecovery    FactorType = "recovery"     // a set of codes, each good once
)

// FactorTypes are all types, in the order in which they are offered.
var FactorTypes = []FactorType{FactorPasskey, FactorSecurityKey, FactorTOTP, FactorEmail, FactorSMS, FactorRecovery}

// Factor is one of an account's. The zero time means "not".
type Factor struct {
	ID        uuid.UUID // v7
	AccountID uuid.UUID
	Type      FactorType
	Name      string // that its owner gave it; may be empty
	Address   string // of email and sms, normalised
	Secret    []byte // of totp: the seed, sealed
	LastStep  int64  // of totp: the last time step (RFC 6238) that was used; none at or before it is taken again
	// CredentialID, Credential and SignCount are those of passkey and security_key: the credential's id, all else of it as JSON, and
	// its signature counter.
	CredentialID []byte
	Credential   []byte
	SignCount    uint32
	CreatedAt    time.Time
	ConfirmedAt  time.Time // it counts for nothing, and lapses at ExpiresAt, until its owner has shown that it works
	LastUsedAt   time.Time
	ExpiresAt    time.Time // of one that is not confirmed
	Left         int       // of recovery: how many codes have not been used; known in lists alone
}

// Confirmed reports whether the factor counts.
func (f Factor) Confirmed() bool { return !f.ConfirmedAt.IsZero() }

// PendingSignIn is a sign-in, or a step-up, that waits for what is still asked for. It is no session: its token is good for the calls
// that finish it alone.
type PendingSignIn struct {
	ID           uuid.UUID // v7
	AccountID    uuid.UUID
	AccountEpoch int64     // the account's when it began: it is dead once the account's is higher
	SessionID    uuid.UUID // of a step-up: the session that is replaced; zero for a sign-in
	// WantsMFA, of a step-up: two kinds of proof are wanted, also where sign-ins of the account ask for one.
	WantsMFA bool
	// AuthTime, of a step-up that adds to what its session was signed in by: when that was, and still is for the new one. Zero: it stands
	// by itself.
	AuthTime     time.Time
	TokenDigest  secret.Digest // of the token that finishes it
	Mode         Mode
	Method       string        // the way in, as in events
	AMR          []string      // what was given so far, RFC 8176
	DeviceDigest secret.Digest // of the device token that the client brought; zero for none
	ClientDigest secret.Digest // of the client's user agent, cut to [MaxUserAgent]; zero: not known
	DeviceName   string
	ShortLived   bool
	TrustDevice  bool             // asked for with the first step
	Provider     *ProviderSession // as in [SessionOpening]
	AttemptsLeft int              // wrong codes that may still come
	Enrolment    uuid.UUID        // the factor that is added in the midst of it; zero for none
	Challenge    uuid.UUID        // as in [SessionOpening]; it is spent when the sign-in begins to wait, and is not kept
	CreatedAt    time.Time
	ExpiresAt    time.Time
}
