package password

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// Store is what the flows read and write.
type Store interface {
	authcore.AccountStore
	authcore.ChallengeStore
	authcore.EventStore
}

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Hasher     *passhash.Hasher
	Policy     *passpolicy.Policy
	Challenges *challenge.Desk
	Lockouts   authcore.Lockouts
	// Identities are the kinds of identifier that recover.
	Identities []authcore.IdentifierKind
	Now        authcore.Clock
}

// Flow changes and resets passwords. It is safe for concurrent use.
type Flow struct {
	cfg   Config
	tries attempt.Desk
}

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Challenges == nil || cfg.Lockouts == nil ||
		cfg.Now == nil {
		return nil, errors.New("password: store, hasher, policy, challenges, lockouts and clock are required")
	}
	if len(cfg.Identities) == 0 {
		return nil, errors.New("password: at least one kind of identifier must recover")
	}
	cfg.Identities = slices.Clone(cfg.Identities)
	return &Flow{cfg: cfg, tries: attempt.Desk{Lockouts: cfg.Lockouts, Store: cfg.Store}}, nil
}

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

// subject is whom a login means, in the terms of a challenge.
type subject struct {
	name      string            // of the challenge
	recipient string            // whose mails are counted
	account   *authcore.Account // nil: there is none that can recover
}

// find returns the subject for any login, also for one that means nobody: that has its own name, which no account has.
func (f *Flow) find(ctx context.Context, login string) (subject, error) {
	id, ok := identifier.Login(login)
	if !ok {
		return subject{name: "unknown:none", recipient: "none:"}, nil
	}
	none := subject{name: "unknown:" + identifier.Key(id), recipient: identifier.Key(id)}
	if id.Kind == authcore.KindEmail {
		none.recipient = id.Value
	}
	if !slices.Contains(f.cfg.Identities, id.Kind) {
		return none, nil
	}
	a, err := f.cfg.Store.AccountByIdentifier(ctx, id)
	if errors.Is(err, authcore.ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return subject{}, fmt.Errorf("find account: %w", err)
	}
	if a.Email == "" || a.Disabled() {
		return none, nil
	}
	return subject{name: identifier.AccountKey(a.ID), recipient: a.Email, account: &a}, nil
}
