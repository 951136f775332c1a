package operator

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
)

// Store is what the operations need of the database, in addition to what everybody needs. As with the other ports, each
// method is one whole change, and may return an error wrapping authcore.ErrUnavailable.
type Store interface {
	admin.Finder
	// Record writes events and mails that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
	// EndAccount raises the account's epoch and ends all its sessions. It returns the revocation to announce, and how many
	// sessions were live. ErrNotFound.
	EndAccount(ctx context.Context, account uuid.UUID, now time.Time, fx authcore.Effects) (authcore.Revocation, int, error)
	session.EveryoneStore
	// VoidChallenges makes every code and link that is out invalid, and returns how many there were. Spent attempts stay spent.
	VoidChallenges(ctx context.Context, now time.Time) (int, error)
	// SealedMails returns up to limit mails that wait, in order of their ids after the given one.
	SealedMails(ctx context.Context, after uuid.UUID, limit int) ([]authcore.Mail, error)
	// ResealMail replaces the content of a mail if it is still old. No error when it is not.
	ResealMail(ctx context.Context, id uuid.UUID, old, sealed []byte) error
	// DropMail removes the content of a mail that waits; it is never sent.
	DropMail(ctx context.Context, id uuid.UUID, now time.Time) error
	// SealedLinks returns up to limit links of security mails with what they take back, in order of their ids after the given one.
	SealedLinks(ctx context.Context, after uuid.UUID, limit int) ([]authcore.SecurityLink, error)
	// ResealLink replaces what a link takes back if it is still old. No error when it is not.
	ResealLink(ctx context.Context, id uuid.UUID, old, sealed []byte) error
	// DropLink removes a link: it cannot be used any more.
	DropLink(ctx context.Context, id uuid.UUID) error
}

// SeedStore is what the operations need of second factors that hold a sealed seed.
type SeedStore interface {
	// SealedFactors returns up to limit factors with a seed, in order of their ids after the given one.
	SealedFactors(ctx context.Context, after uuid.UUID, limit int) ([]authcore.Factor, error)
	// ResealFactor replaces the seed of a factor if it is still old. No error when it is not.
	ResealFactor(ctx context.Context, id uuid.UUID, old, sealed []byte) error
	// DropFactor removes a factor without a word: nothing can prove it any more.
	DropFactor(ctx context.Context, id uuid.UUID) error
}

// GrantStore is what the operations need of consent at providers.
type GrantStore interface {
	// SealedGrants returns up to limit of them, in order of their ids after the given one.
	SealedGrants(ctx context.Context, after uuid.UUID, limit int) ([]authcore.Grant, error)
	// ResealGrant replaces what takes the consent back if it is still old. No error when it is not.
	ResealGrant(ctx context.Context, id uuid.UUID, old, sealed []byte) error
	// DropGrant removes one: the consent stays at the provider.
	DropGrant(ctx context.Context, id uuid.UUID) error
}

// Config is what an Operator needs; all of it is required.
type Config struct {
	Store  Store
	Seeds  SeedStore
	Grants GrantStore
	Keys   *keyring.Ring
	// MailPurpose is what mails in the outbox are sealed for, LinkPurpose what the links of security mails take back, SeedPurpose the
	// seeds of authenticator apps, GrantPurpose what takes consent back at providers.
	MailPurpose, LinkPurpose, SeedPurpose, GrantPurpose string
	Now                                                 func() time.Time
}

// Operator does the operations. It is safe for concurrent use.
type Operator struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Operator, error) {
	if cfg.Store == nil || cfg.Seeds == nil || cfg.Grants == nil || cfg.Keys == nil || cfg.Now == nil {
		return nil, errors.New("operator: stores, keys and clock are required")
	}
	if cfg.MailPurpose == "" || cfg.LinkPurpose == "" || cfg.SeedPurpose == "" || cfg.GrantPurpose == "" {
		return nil, errors.New("operator: purposes of mails, links, seeds and grants are required")
	}
	return &Operator{cfg: cfg}, nil
}
