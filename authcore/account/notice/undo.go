package notice

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Undo says what an event has changed, by what was there before. Nil and false is what it has not changed.
type Undo struct {
	Email    *Former `json:"email,omitempty"`
	Phone    *Former `json:"phone,omitempty"`
	Username *Former `json:"username,omitempty"`
	// Password says that the password was set, changed or removed. What it was is not kept: using a link closes it.
	Password bool `json:"password,omitempty"`
	// Muted is which kinds of mail the owner had switched off before.
	Muted *[]string `json:"muted,omitempty"`
	// Factors is which second factors were removed, and whether some were added.
	Factors *FormerFactors `json:"factors,omitempty"`
	MFA     *FormerMFA     `json:"mfa,omitempty"`
	// Deletion says that the account was to be deleted from then on.
	Deletion bool `json:"deletion,omitempty"`
	// Connections is which connections with people at providers were removed, and whether some were added.
	Connections *FormerConnections `json:"connections,omitempty"`
}

// FormerConnections are connections as they were before a change.
type FormerConnections struct {
	Removed []authcore.Connection `json:"removed,omitempty"`
	Added   bool                  `json:"added,omitempty"`
}

// and adds what a later event has removed and added.
func (f *FormerConnections) and(later *FormerConnections) *FormerConnections {
	if f == nil || later == nil {
		return cmp.Or(f, later)
	}
	return &FormerConnections{Removed: slices.Concat(f.Removed, later.Removed), Added: f.Added || later.Added}
}

// Former is what an account was known by; an empty value for nothing.
type Former struct {
	Value      string    `json:"value"`
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	Reused     bool      `json:"reused,omitempty"`      // Account.EmailReused
	VerifiedBy string    `json:"verified_by,omitempty"` // Account.EmailVerifiedBy
	SetAt      time.Time `json:"set_at,omitzero"`       // Account.EmailSetAt, Account.PhoneSetAt
}

// FormerFactors are second factors as they were before a change.
type FormerFactors struct {
	Removed []FormerFactor `json:"removed,omitempty"`
	Added   bool           `json:"added,omitempty"`
}

// FormerFactor is one that was removed.
type FormerFactor struct {
	Factor authcore.Factor `json:"factor"`
	Seed   []byte          `json:"seed,omitempty"`  // of totp, in place of Factor.Secret
	Codes  []secret.Digest `json:"codes,omitempty"` // of recovery: those that had not been used
}

// and adds what a later event has removed and added.
func (f *FormerFactors) and(later *FormerFactors) *FormerFactors {
	if f == nil || later == nil {
		return cmp.Or(f, later)
	}
	all := FormerFactors{Removed: slices.Clone(f.Removed), Added: f.Added || later.Added}
	for _, x := range later.Removed {
		if !slices.ContainsFunc(all.Removed, func(y FormerFactor) bool { return x.Factor.ID == y.Factor.ID }) {
			all.Removed = append(all.Removed, x)
		}
	}
	return &all
}

// FormerMFA is whether sign-ins asked for a second factor.
type FormerMFA struct {
	EnabledAt time.Time           `json:"enabled_at,omitzero"`
	Preferred authcore.FactorType `json:"preferred,omitempty"`
}

// FormerMFAOf returns it as it is before a change.
func FormerMFAOf(a authcore.Account) *FormerMFA {
	return &FormerMFA{EnabledAt: a.MFAEnabledAt, Preferred: a.MFAPreferred}
}

// FormerEmail returns the account's address, verified or not, as it is before a change.
func FormerEmail(a authcore.Account) *Former {
	return &Former{Value: a.Email, VerifiedAt: a.EmailVerifiedAt, Reused: a.EmailReused, VerifiedBy: a.EmailVerifiedBy, SetAt: a.EmailSetAt}
}

// FormerPhone returns the account's number, verified or not, as it is before a change.
func FormerPhone(a authcore.Account) *Former {
	return &Former{Value: a.Phone, VerifiedAt: a.PhoneVerifiedAt, SetAt: a.PhoneSetAt}
}

// FormerUsername returns the account's username as it is before a change.
func FormerUsername(a authcore.Account) *Former { return &Former{Value: a.Username} }

// FormerMuted returns what the owner has switched off as it is before a change.
func FormerMuted(a authcore.Account) *[]string {
	muted := append([]string{}, a.Muted...) // never nil: that would be read as "not changed"
	return &muted
}

// contact reports whether the account's address or number was changed.
func (u Undo) contact() bool { return u.Email != nil || u.Phone != nil }

// Before adds what a later event of the account has changed: of what both changed, u knows what was there first.
func (u Undo) Before(later Undo) Undo {
	if u.Email == nil {
		u.Email = later.Email
	}
	if u.Phone == nil {
		u.Phone = later.Phone
	}
	if u.Username == nil {
		u.Username = later.Username
	}
	if u.Muted == nil {
		u.Muted = later.Muted
	}
	if u.MFA == nil {
		u.MFA = later.MFA
	}
	u.Factors = u.Factors.and(later.Factors)
	u.Connections = u.Connections.and(later.Connections)
	u.Password = u.Password || later.Password
	u.Deletion = u.Deletion || later.Deletion
	return u
}

// SealPurpose is what the content of links is sealed for. It holds addresses and numbers that a person has given up.
const SealPurpose = "security link"

// content is what is sealed. The ids are in it so that what one row says is worth nothing in another.
type content struct {
	ID      uuid.UUID `json:"id"`
	Account uuid.UUID `json:"account"`
	To      string    `json:"to,omitempty"` // the address that the link was sent to; "" where none was sent
	Undo    Undo      `json:"undo"`
}

func (n *Notices) seal(l authcore.SecurityLink, to string, u Undo) ([]byte, error) {
	plain, err := json.Marshal(content{ID: l.ID, Account: l.AccountID, To: to, Undo: u})
	if err != nil {
		return nil, fmt.Errorf("seal security link: %w", err)
	}
	sealed, err := n.cfg.Sealer.Seal(SealPurpose, plain)
	if err != nil {
		return nil, fmt.Errorf("seal security link: %w", err)
	}
	return sealed, nil
}

// Open returns what a link takes back, and the address that it was sent to, "" where it was sent to none.
func (n *Notices) Open(l authcore.SecurityLink) (u Undo, to string, err error) {
	plain, err := n.cfg.Sealer.Open(SealPurpose, l.Undo)
	if err != nil {
		return u, "", fmt.Errorf("open security link: %w", err)
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil || c.ID != l.ID || c.Account != l.AccountID {
		return u, "", errors.New("open security link: not the content of this link")
	}
	return c.Undo, c.To, nil
}
