package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// ByOperator is the method of events of what was done on the command line.
const ByOperator = "operator"

// Finder finds accounts.
type Finder interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error)
}

// Store is what Accounts reads and changes.
type Store interface {
	Finder
	// CreateAccount stores a new account and claims ids for it. *TakenError names the first identifier that belongs to somebody else.
	CreateAccount(ctx context.Context, a authcore.Account, ids []authcore.Identifier, fx authcore.Effects) error
	// IssueChallenge makes ch the one live challenge of its purpose and subject.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
}

// Config is what Accounts needs; all of it is required.
type Config struct {
	Store Store
	// Identities are the kinds of identifier that sign in, and thus must be unique.
	Identities []authcore.IdentifierKind
	// NoPassword: nobody signs in by a password, so the owner of a new account gets no link to choose one.
	NoPassword bool
	Now        authcore.Clock
}

// Accounts makes accounts for whoever runs the gateway. It is safe for concurrent use.
type Accounts struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Accounts, error) {
	if cfg.Store == nil || cfg.Now == nil || len(cfg.Identities) == 0 {
		return nil, errors.New("admin: store, kinds of identifier and clock are required")
	}
	return &Accounts{cfg: cfg}, nil
}

// Find returns the account that has the given id, address or username. An [authcore.NotFound] says that there is none.
func Find(ctx context.Context, store Finder, who string) (authcore.Account, error) {
	a, err := find(ctx, store, who)
	if errors.Is(err, authcore.ErrNotFound) {
		return a, authcore.Refuse(authcore.NotFound, "No account has this id, e-mail address or username.")
	}
	if err != nil {
		return a, fmt.Errorf("find account: %w", err)
	}
	return a, nil
}

func find(ctx context.Context, store Finder, who string) (authcore.Account, error) {
	// An id counts in the one form that is no username: the same 32 digits without hyphens are one that anybody may take.
	given := strings.TrimSpace(who)
	if id, err := uuid.Parse(given); err == nil && id.String() == given {
		return store.AccountByID(ctx, id)
	}
	name, ok := identifier.Login(who)
	if !ok {
		return authcore.Account{}, authcore.ErrNotFound
	}
	return store.AccountByIdentifier(ctx, name)
}

func (s *Accounts) effects(kind authcore.EventKind, account uuid.UUID, method string) authcore.Effects {
	e := audit.Event(kind, account, authcore.Client{}, s.cfg.Now.Now())
	e.Method = method
	return authcore.Effects{Events: []authcore.Event{e}}
}

// refusal turns the store's outcomes into what whoever asked may see.
func refusal(step string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, authcore.ErrNotFound):
		return authcore.Refuse(authcore.NotFound, "The account is not there any more.")
	case errors.Is(err, authcore.ErrLastAdmin):
		return authcore.ErrLastAdmin
	case errors.Is(err, authcore.ErrTooManyRoles):
		return authcore.RefuseValue("roles", authcore.FieldError{Rule: authcore.TooManyRoles, Params: authcore.Params{N: authcore.MaxRoles}})
	case errors.Is(err, authcore.ErrLeaving):
		return authcore.Refuse(authcore.Conflict, "The owner has asked for the deletion of this account, and alone can call it off.")
	}
	return fmt.Errorf("%s: %w", step, err)
}
