package authcore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
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
	Number         int64 // positive; never given to another account, also after a deletion
	Kind           AccountKind
	DisabledReason string // "" for none
	LastSignInAt   time.Time
	Sessions       int       // that are live, those of other hosts apart
	LockedUntil    time.Time // while wrong passwords lock it; zero: they do not
}

// Version identifies what administrators can write of the account: it changes with each change of that and with nothing else (RFC 9110 §8.8).
func (a ManagedAccount) Version() string {
	text, _ := json.Marshal([]any{a.ID, a.Email, a.Username, a.Phone, a.FirstName, a.LastName, a.Roles, a.Disabled(), a.DisabledReason, a.Fields}) // cannot go wrong
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}
