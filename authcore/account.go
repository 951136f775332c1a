package authcore

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// Account is one person's account. The zero time means "not".
type Account struct {
	ID              uuid.UUID // v4: it goes to upstreams and must not tell when the account was made
	Email           string    // normalised; "" for none
	EmailVerifiedAt time.Time
	Username        string // normalised; "" for none
	Phone           string // E.164; "" for none
	FirstName       string
	LastName        string
	AvatarURL       string
	Roles           []string
	PasswordHash    string // PHC string; "" for none
	// Epoch is in every token; raising it ends every session of the account at once.
	Epoch int64
	// RolesVersion is in every token; raising it makes every access token be renewed, without a new sign-in.
	RolesVersion int64
	DisabledAt   time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// EmailVerified reports whether the account's address has been verified.
func (a Account) EmailVerified() bool { return a.Email != "" && !a.EmailVerifiedAt.IsZero() }

// VerifiedEmail returns the address if it has been verified, else "". Nothing that leaves towards an upstream or a token
// uses any other address: an unverified one could be anybody's.
func (a Account) VerifiedEmail() string {
	if a.EmailVerified() {
		return a.Email
	}
	return ""
}

// Disabled reports whether the account may not sign in.
func (a Account) Disabled() bool { return !a.DisabledAt.IsZero() }

// Name returns first and last name joined by one space, or what there is of them.
func (a Account) Name() string {
	return strings.TrimSpace(a.FirstName + " " + a.LastName)
}

// IdentifierKind names a field by which accounts are found.
type IdentifierKind string

// The kinds of identifier.
const (
	KindEmail    IdentifierKind = "email"
	KindUsername IdentifierKind = "username"
)

// Identifier is a normalised value that finds at most one account. A value once used (a username, a verified address)
// stays with its account for ever, also after a change or a deletion, and is never given to another.
type Identifier struct {
	Kind  IdentifierKind
	Value string
}

// Registration is a sign-up that waits until its address is verified. Several may wait for one address: whoever proves
// the address picks theirs with the proof (secret or password) given at registration, so that nobody can plant a
// password on a stranger's address.
type Registration struct {
	ID           uuid.UUID
	Address      string // normalised e-mail address
	ProofDigest  []byte // digest of the registration secret given to the client
	PasswordHash string
	Username     string
	FirstName    string
	LastName     string
	Phone        string
	CreatedAt    time.Time
	ExpiresAt    time.Time
}

// ProfileChange lists the profile fields to change; nil means "leave". An empty username means "none".
type ProfileChange struct {
	Username  *string
	FirstName *string
	LastName  *string
	Phone     *string
}

// PasswordChange sets another password for who has verified the present one.
type PasswordChange struct {
	AccountID    uuid.UUID
	Old          string // the hash that the current password was verified against
	PasswordHash string
	Now          time.Time
	Effects      Effects
}
