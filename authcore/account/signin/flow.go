package signin

import (
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// Store is what signing in reads and writes.
type Store interface {
	authcore.AccountStore
	authcore.RegistrationStore
	authcore.EventStore
}

// Config is what a Flow needs.
type Config struct {
	Store    Store
	Hasher   *passhash.Hasher
	Policy   *passpolicy.Policy
	Lockouts authcore.Lockouts
	Sessions *session.Sessions
	// Identities are the kinds of identifier that sign in.
	Identities []authcore.IdentifierKind
	// RequireVerified refuses accounts whose address is not proven (signup mode verified).
	RequireVerified bool
	// Trace is told of every sign-in; it may be nil.
	Trace authcore.Trace
	Now   authcore.Clock
}

// Flow signs people in. It is safe for concurrent use.
type Flow struct {
	cfg   Config
	tries attempt.Desk
}

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Lockouts == nil || cfg.Sessions == nil || cfg.Now == nil {
		return nil, errors.New("signin: store, hasher, policy, lockouts, sessions and clock are required")
	}
	if len(cfg.Identities) == 0 {
		return nil, errors.New("signin: at least one kind of identifier must sign in")
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	cfg.Identities = slices.Clone(cfg.Identities)
	return &Flow{cfg: cfg, tries: attempt.Desk{Lockouts: cfg.Lockouts, Store: cfg.Store}}, nil
}

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

func (f *Flow) signsIn(k authcore.IdentifierKind) bool { return slices.Contains(f.cfg.Identities, k) }
