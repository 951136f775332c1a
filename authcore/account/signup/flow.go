package signup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// Mode says who may sign up.
type Mode string

// The modes.
const (
	Verified Mode = "verified" // an account is made once its address is verified
	Open     Mode = "open"     // an account is made at once
	Closed   Mode = "closed"   // nobody; what waits already can still be verified
)

// RegistrationLifetime is how long a sign-up waits for the proof of its address. It outlives its codes: a new one can be
// asked for.
const RegistrationLifetime = 24 * time.Hour

// keepRegistrations is how many sign-ups wait for one address at most, so that a flood for one address stays small and
// verifying costs a bounded number of hashes.
const keepRegistrations = 10

// Store is what signing up reads and writes.
type Store interface {
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error)
	// IdentifierTaken reports whether the identifier is or ever was used by an account other than except.
	IdentifierTaken(ctx context.Context, id authcore.Identifier, except uuid.UUID) (bool, error)
	// Registrations returns the unexpired registrations of an address, newest first.
	Registrations(ctx context.Context, address string, now time.Time) ([]authcore.Registration, error)
	// SaveRegistration stores r, keeping at most keep registrations of its address (the newest), and where ch is not nil
	// replaces the live challenge as IssueChallenge does; all in one transaction.
	SaveRegistration(ctx context.Context, r authcore.Registration, keep int, ch *authcore.Challenge, fx authcore.Effects) error
	// IssueChallenge makes ch the one live challenge of its purpose and subject. Attempts spent earlier stay spent until
	// the earlier AttemptsResetAt has passed.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	// CreateAccount stores a new account (with `signup open`: its address unverified) and claims ids for it.
	// *TakenError names the first identifier that belongs to somebody else.
	CreateAccount(ctx context.Context, a authcore.Account, ids []authcore.Identifier, fx authcore.Effects) error
	// SignUp consumes the challenge, creates or verifies the account, opens the session and drops every other registration
	// of the address. It does not ask for attempts: the challenge is verified. ErrNotFound: it is gone (consumed by another).
	// *TakenError. With Replace the revocation that ends the earlier sessions is returned, else a zero one.
	SignUp(ctx context.Context, e authcore.SignUp) (authcore.Account, authcore.Session, authcore.Revocation, error)
}

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Hasher     *passhash.Hasher
	Policy     *passpolicy.Policy
	Challenges *challenge.Issuer
	Sessions   *session.Sessions
	Settings   Settings
	// Salt returns the 16 bytes under which the first password of a normalised address is hashed: a MAC of it, the same on
	// every node and after a restart.
	Salt func(address string) []byte
	// CanReach returns false for a normalised address to which mails are known not to go out. It must not wait. nil: all may.
	CanReach func(address string) bool
	Now      authcore.Clock
}

// Settings is the operator's choice.
type Settings struct {
	Mode Mode
	// Identities are the kinds of identifier that sign in, and thus must be unique.
	Identities []authcore.IdentifierKind
}

// Flow signs people up. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Challenges == nil || cfg.Sessions == nil ||
		cfg.Salt == nil || cfg.Now == nil {
		return nil, errors.New("signup: store, hasher, policy, challenges, sessions, salt and clock are required")
	}
	if m := cfg.Settings.Mode; m != Verified && m != Open && m != Closed {
		return nil, fmt.Errorf("signup: signup mode %q is unknown; it is verified, open or closed", m)
	}
	if len(cfg.Settings.Identities) == 0 {
		return nil, errors.New("signup: at least one kind of identifier must sign in")
	}
	cfg.Settings.Identities = slices.Clone(cfg.Settings.Identities)
	return &Flow{cfg: cfg}, nil
}

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

func (f *Flow) unique(k authcore.IdentifierKind) bool {
	return slices.Contains(f.cfg.Settings.Identities, k)
}

// identifiers returns what an account claims: the fields that sign in, and of them those it has.
func (f *Flow) identifiers(a authcore.Account) []authcore.Identifier {
	var ids []authcore.Identifier
	if a.Email != "" && f.unique(authcore.KindEmail) {
		ids = append(ids, authcore.Identifier{Kind: authcore.KindEmail, Value: a.Email})
	}
	if a.Username != "" && f.unique(authcore.KindUsername) {
		ids = append(ids, authcore.Identifier{Kind: authcore.KindUsername, Value: a.Username})
	}
	if a.Phone != "" && f.unique(authcore.KindPhone) {
		ids = append(ids, authcore.Identifier{Kind: authcore.KindPhone, Value: a.Phone})
	}
	return ids
}

// Mode returns who may sign up.
func (f *Flow) Mode() Mode { return f.cfg.Settings.Mode }

// MinPassword returns the least number of characters of a new password.
func (f *Flow) MinPassword() int { return f.cfg.Policy.MinLength() }
