package passwordless

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// BindingPrefix marks bindings, so that they are known from other tokens of ours.
const BindingPrefix = "ghb_"

// Store is what the flow reads and writes.
type Store interface {
	// Record writes events and mails that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error)
	// IssueChallenge makes ch the one live challenge of its purpose and subject. Attempts spent earlier stay spent until
	// the earlier AttemptsResetAt has passed.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
}

// Ways are those that are on.
type Ways struct {
	Code bool // by mail, and by SMS to a number
	Link bool // by mail, with a code beside it
}

// Any reports whether anything is sent at all.
func (w Ways) Any() bool { return w.Code || w.Link }

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Challenges *challenge.Issuer
	Steps      *secondstep.Flow // every sign-in ends in it
	Ways       Ways
	// ByCode makes accounts of who proves an address or number that is no account's, by a code that some flow has sent them. The zero value
	// makes none.
	ByCode signup.ByCode
	// Newcomers: this flow sends codes to who has no account.
	Newcomers bool
	// Invited returns the open invitation that is bound to one of these, zero for none: then its owner gets a code as well. It is asked
	// for whoever it may be. Nil: invitations are known by their tokens alone.
	Invited func(ctx context.Context, ids []authcore.Identifier) (authcore.Invitation, error)
	// Identities are the kinds of identifier that sign in.
	Identities []authcore.IdentifierKind
	Numbers    identifier.Numbers   // how numbers are read that somebody signs in with
	Key        func() secret.MACKey // of bindings, the same on every node and after a restart
	// Trace is told of every sign-in; it may be nil.
	Trace authcore.Trace
	Now   authcore.Clock
}

// Flow signs people in without a password. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Challenges == nil || cfg.Steps == nil || cfg.Key == nil || cfg.Now == nil {
		return nil, errors.New("passwordless: store, challenges, second steps, key and clock are required")
	}
	if len(cfg.Identities) == 0 {
		return nil, errors.New("passwordless: at least one kind of identifier must sign in")
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	cfg.Identities = slices.Clone(cfg.Identities)
	return &Flow{cfg: cfg}, nil
}

// Ways returns what is on.
func (f *Flow) Ways() Ways { return f.cfg.Ways }

// MakesAccounts reports whether who is new gets an account by a code or link.
func (f *Flow) MakesAccounts() bool { return f.cfg.Newcomers && f.redeems() }

// redeems reports whether a code that was sent to who is new makes an account.
func (f *Flow) redeems() bool {
	return f.cfg.ByCode.Flow != nil && f.cfg.ByCode.Mode() != signup.Closed
}

// SMS reports whether codes go to numbers.
func (f *Flow) SMS() bool { return f.cfg.Ways.Code && f.cfg.Challenges.SMS() }

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

// binding returns the one that a browser or app has brought, else a new one. A browser keeps one: asked again too soon, nothing is sent, and
// the link that is on its way must still know the browser.
func (f *Flow) binding(brought string) string {
	if _, ours := f.cfg.Key().ParseToken(BindingPrefix, brought); ours {
		return brought
	}
	return f.cfg.Key().IssueToken(BindingPrefix, uuid.New())
}

// errOff is the refusal of a call of a way that is off.
func errOff() error {
	return authcore.Refuse(authcore.NotFound, "Nobody signs in by a code or link here.")
}
