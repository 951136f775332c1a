package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Store is what signing in reads and writes.
type Store interface {
	attempt.Store
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error)
	// Registrations returns the unexpired registrations of an address, newest first.
	Registrations(ctx context.Context, address string, now time.Time) ([]authcore.Registration, error)
	// RegistrationByUsername returns the newest unexpired registration that asked for the username. ErrNotFound.
	RegistrationByUsername(ctx context.Context, username string, now time.Time) (authcore.Registration, error)
	// ReplacePasswordHash sets a new hash of the same password, if the hash is still old. No error when it is not.
	ReplacePasswordHash(ctx context.Context, id uuid.UUID, old, hash string) error
}

// Step and StepPasskey are what a [Config.Trace] is told of.
const (
	Step        = "sign in"
	StepPasskey = "sign in with passkey"
)

// Config is what a Flow needs.
type Config struct {
	Store    Store
	Hasher   *passhash.Hasher
	Policy   *passpolicy.Policy
	Lockouts attempt.Lockouts
	Owners   attempt.Owners
	Steps    *secondstep.Flow // every sign-in ends in it
	Passkeys Passkeys         // nil: none signs in
	// NoPassword: nobody signs in by a password, so every one is wrong.
	NoPassword bool
	// Breached is asked about a password that has proved right, in its normal form, before the sign-in goes on; an error ends it. It may be nil.
	Breached func(ctx context.Context, a authcore.Account, password string, c authcore.Client) error
	// Identities are the kinds of identifier that sign in.
	Identities []authcore.IdentifierKind
	Numbers    identifier.Numbers // how numbers are read that somebody signs in with
	// RequireVerified says whether accounts are refused whose address is not verified (signup mode verified); nil: they are not.
	RequireVerified func() bool
	// ReadDevice returns the digest of a device token of ours; false for any other text.
	ReadDevice func(token string) (secret.Digest, bool)
	// Trace is told of every sign-in; it may be nil.
	Trace authcore.Trace
	Now   authcore.Clock
}

// Flow signs people in. It is safe for concurrent use.
type Flow struct {
	cfg   Config
	tries attempt.Attempts
}

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Lockouts == nil || cfg.Owners == nil || cfg.Steps == nil || cfg.ReadDevice == nil || cfg.Now == nil {
		return nil, errors.New("signin: store, hasher, policy, lockouts, who tells owners, second steps, device tokens and clock are required")
	}
	if len(cfg.Identities) == 0 {
		return nil, errors.New("signin: at least one kind of identifier must sign in")
	}
	if cfg.RequireVerified == nil {
		cfg.RequireVerified = func() bool { return false }
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	if cfg.Breached == nil {
		cfg.Breached = func(context.Context, authcore.Account, string, authcore.Client) error { return nil }
	}
	cfg.Identities = slices.Clone(cfg.Identities)
	return &Flow{cfg: cfg, tries: attempt.Attempts{Lockouts: cfg.Lockouts, Store: cfg.Store, Owners: cfg.Owners}}, nil
}

// TakesPasswords reports whether a password signs in.
func (f *Flow) TakesPasswords() bool { return !f.cfg.NoPassword }

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

func (f *Flow) signsIn(k authcore.IdentifierKind) bool { return slices.Contains(f.cfg.Identities, k) }
