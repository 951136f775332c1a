package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// Store is what administrators read and change.
type Store interface {
	Finder
	// CreateAccount stores a new account and claims ids for it. *TakenError names the first identifier that belongs to somebody else.
	CreateAccount(ctx context.Context, a authcore.Account, ids []authcore.Identifier, fx authcore.Effects) error
	// IssueChallenge makes ch the one live challenge of its purpose and subject.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	// ChangeRoles gives and takes roles, and has access tokens renewed: those with the roles of before are not accepted any more.
	// ErrNotFound, ErrLastAdmin, ErrTooManyRoles.
	ChangeRoles(ctx context.Context, c authcore.RolesChange) (authcore.Account, error)
	// ChangeDisabled disables an account, which ends its sessions and what codes and links are out, or enables it.
	// ErrNotFound, ErrLastAdmin, ErrLeaving.
	ChangeDisabled(ctx context.Context, d authcore.Disabling) (authcore.Account, error)
}

// Config is what Accounts needs; all of it is required.
type Config struct {
	Store Store
	// Identities are the kinds of identifier that sign in, and thus must be unique.
	Identities []authcore.IdentifierKind
	Admins     authcore.Admins // of the option; none is possible
	// NoPassword: nobody signs in by a password, so the owner of a new account gets no link to choose one.
	NoPassword bool
	Now        authcore.Clock
}

// Accounts changes accounts for whoever administers them. It is safe for concurrent use.
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

// ChangeRoles gives roles to an account and takes others from it; method is how the history calls who does it. Refusals:
// [authcore.NotFound]; [authcore.InvalidFields]; [authcore.Conflict] for a role that the option admins gives; [authcore.LastAdmin] where nobody else would administer the gateway;
// [authcore.Unavailable].
func (s *Accounts) ChangeRoles(ctx context.Context, who string, add, remove []string, method string) (authcore.Account, error) {
	a, err := Find(ctx, s.cfg.Store, who)
	if err != nil {
		return a, err
	}
	c := authcore.RolesChange{AccountID: a.ID, Now: s.cfg.Now.Now(), Effects: s.effects(authcore.EventRolesChanged, a.ID, method)}
	var broken, more authcore.FieldErrors
	c.Add, broken = identifier.Roles(add)
	c.Remove, more = identifier.Roles(remove)
	if err := append(broken, more...).Refusal(); err != nil {
		return a, err
	}
	if slices.Contains(c.Remove, authcore.RoleAdmin) && s.cfg.Admins.Has(a) {
		return a, authcore.Refuse(authcore.Conflict, "The option admins makes this account an administrator. Take its address off that list.")
	}
	a, err = s.cfg.Store.ChangeRoles(ctx, c)
	return a, refusal("change roles", err)
}

// Disable keeps the owner of an account out: every session, access token, connection, code and link of it ends. Disabling what is
// disabled changes nothing. Refusals: [authcore.NotFound]; [authcore.LastAdmin]; [authcore.Unavailable].
func (s *Accounts) Disable(ctx context.Context, who, method string) (authcore.Account, error) {
	return s.disable(ctx, who, true, method)
}

// Enable lets the owner sign in again. What was ended stays so. Refusals: [authcore.NotFound]; [authcore.Conflict] where the owner
// has asked for the deletion of the account; [authcore.Unavailable].
func (s *Accounts) Enable(ctx context.Context, who, method string) (authcore.Account, error) {
	return s.disable(ctx, who, false, method)
}

func (s *Accounts) disable(ctx context.Context, who string, disable bool, method string) (authcore.Account, error) {
	a, err := Find(ctx, s.cfg.Store, who)
	if err != nil {
		return a, err
	}
	kind := authcore.EventEnabled
	if disable {
		kind = authcore.EventDisabled
	}
	a, err = s.cfg.Store.ChangeDisabled(ctx, authcore.Disabling{
		AccountID: a.ID, Disable: disable, Now: s.cfg.Now.Now(), Effects: s.effects(kind, a.ID, method),
	})
	return a, refusal("disable or enable account", err)
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
