package authcore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// AccountKind says whether a person or a machine has an account.
type AccountKind string

// The kinds of account.
const (
	KindPerson  AccountKind = "person"
	KindService AccountKind = "service" // it has a username and roles, and neither address nor password: nobody signs in to it
)

// ManagedAccount is an account as administrators see it.
type ManagedAccount struct {
	Account
	Kind           AccountKind
	DisabledReason string // "" for none
	LastSignInAt   time.Time
	GivenRoles     []string  // by administrators and invitations; the other Roles are those of its providers, and go with them
	Sessions       int       // that are live, those of other hosts apart
	LockedUntil    time.Time // while wrong passwords lock it; zero: they do not
}

// Version identifies what administrators can write of the account: it changes with each change of that and with nothing else (RFC 9110 §8.8).
func (a ManagedAccount) Version() string {
	text, _ := json.Marshal([]any{a.ID, a.Email, a.Username, a.Phone, a.FirstName, a.LastName, a.Roles, a.Disabled(), a.DisabledReason, a.Fields}) // cannot go wrong
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// AwaitsVerification reports whether the account has an address to be verified, and an owner who may do so.
func (a ManagedAccount) AwaitsVerification() bool {
	return a.Email != "" && !a.EmailVerified() && !a.Disabled()
}

// ManagedChange is what an administrator makes of an account.
type ManagedChange struct {
	AccountID uuid.UUID
	// Ends says that it disables the account, or takes a role: what may leave nobody who administers.
	Ends          bool
	ClaimUsername bool // usernames sign in
	Now           time.Time
	// Decide returns the edit, from the account as it is while nobody else can change it, or why there is none. It may be called again.
	Decide func(before ManagedAccount) (ManagedEdit, error)
}

// ManagedEdit is one edit of an account. Nil leaves a field as it is.
type ManagedEdit struct {
	Profile             *ProfileChange
	AddRoles, TakeRoles []string
	Disable             *bool
	Reason              *string // of the disabling
	// Contacts are put in place of the account's address and number. Each ends every session, code and link of the account.
	Contacts []ContactSet
	Left     LastWay // what alone is left to sign in by after them
	// What tells of each part.
	RolesChanged, Disabled, Profiled Effects
}

// ContactSet is an address or number that an administrator puts in place of an account's. Nobody has proven it.
type ContactSet struct {
	Kind    IdentifierKind // email or phone
	Value   string         // normalised; "" removes it
	Unique  bool           // it signs in, so no other account may have it
	Effects Effects
}

// ManagedCreation is an account that an administrator makes.
type ManagedCreation struct {
	Account     Account
	Kind        AccountKind
	Identifiers []Identifier
	// Link is by which the owner chooses the first password; nil for none.
	Link    *Challenge
	Effects Effects
}
