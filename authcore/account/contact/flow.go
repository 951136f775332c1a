package contact

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// ClaimLifetime is how long an address or number waits for its proof. It outlives its codes: a new one can be asked for.
const ClaimLifetime = 7 * 24 * time.Hour

// Store is what the flow reads and writes.
type Store interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error)
	// IdentifierTaken reports whether the identifier is or ever was used by an account other than except.
	IdentifierTaken(ctx context.Context, id authcore.Identifier, except uuid.UUID) (bool, error)
	// ClaimContact makes an address or number the one that the account wants to be known by, and its challenge the one live
	// challenge of its purpose and subject. ErrNotFound: the account is gone or disabled.
	ClaimContact(ctx context.Context, c Claim, fx authcore.Effects) error
	// ConfirmContact consumes the challenge and makes what the account has claimed its verified address or number. Codes and links
	// that went to the former one die. Exactly one of the callers that present one challenge succeeds. ErrNotFound: the challenge
	// or the claim is gone, or the account is no longer as it was Before. *TakenError.
	ConfirmContact(ctx context.Context, c Confirmation) (authcore.Account, error)
	// RemoveContact empties the address or number, whatever was claimed, and ends what was sent there. ErrNotFound: the account is
	// gone, or no longer as it was Before.
	RemoveContact(ctx context.Context, r Removal) (authcore.Account, error)
}

// Claim is an address or number that an account wants to be known by.
type Claim struct {
	AccountID uuid.UUID
	Channel   authcore.Channel
	Address   string // normalised
	Until     time.Time
	Challenge authcore.Challenge
	Now       time.Time
}

// Confirmation is a claim that was proven.
type Confirmation struct {
	ChallengeID uuid.UUID
	Purpose     authcore.Purpose
	Channel     authcore.Channel
	Address     string
	// Before is the account as it was when the Effects were made.
	Before  authcore.Account
	From    *authcore.Account         // the account that the number moves away from, likewise; nil for none
	Left    authcore.LastWay          // what alone From is left with
	Unique  []authcore.IdentifierKind // that find accounts
	Closed  authcore.Event            // recorded of an account that only claimed it, and that nothing finds any more
	Now     time.Time
	Effects authcore.Effects
}

// Removal asks to empty an address or number of an account.
type Removal struct {
	Channel authcore.Channel
	Before  authcore.Account // as it was when the Effects were made
	Left    authcore.LastWay // what alone the account is left with
	Now     time.Time
	Effects authcore.Effects
}

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Challenges *challenge.Issuer
	Notices    *notice.Notices
	Factors    *factor.Factors
	// Identities are the kinds of identifier that sign in, and thus must be unique.
	Identities []authcore.IdentifierKind
	// CanReach returns false for a normalised address to which mails are known not to go out. It must not wait. nil: all may.
	CanReach func(address string) bool
	Numbers  identifier.Numbers // how numbers are read, and which are taken
	Now      authcore.Clock
}

// Flow changes addresses and numbers. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Challenges == nil || cfg.Notices == nil || cfg.Factors == nil || cfg.Now == nil {
		return nil, errors.New("contact: store, challenges, notices, factors and clock are required")
	}
	cfg.Identities = slices.Clone(cfg.Identities)
	return &Flow{cfg: cfg}, nil
}

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

// channel is what differs between addresses and numbers.
type channel struct {
	by      authcore.Channel
	field   string // of who asks
	kind    authcore.IdentifierKind
	purpose authcore.Purpose
	inUse   authcore.MailKind // what the owner of an address is told when somebody else asks for it; "" where it moves
	changed authcore.EventKind
	tells   authcore.MailKind // of the change
	undo    func(authcore.Account) notice.Undo
	// of returns what the account is known by, and whether it is verified; claim what it wants to be known by.
	of    func(authcore.Account) (value string, verified bool)
	claim func(authcore.Account) (value string, until time.Time)
	// without returns the account as it would be without it.
	without func(authcore.Account) authcore.Account
}

var byEmail = channel{
	by: authcore.ByEmail, field: "email", kind: authcore.KindEmail, purpose: authcore.PurposeConfirmEmail, inUse: authcore.MailEmailInUse,
	changed: authcore.EventEmailChanged, tells: authcore.MailEmailChanged,
	undo:  func(a authcore.Account) notice.Undo { return notice.Undo{Email: notice.FormerEmail(a)} },
	of:    func(a authcore.Account) (string, bool) { return a.Email, a.EmailVerified() },
	claim: func(a authcore.Account) (string, time.Time) { return a.PendingEmail, a.PendingEmailUntil },
	without: func(a authcore.Account) authcore.Account {
		a.Email = ""
		return a
	},
}

var byPhone = channel{
	by: authcore.BySMS, field: "phone", kind: authcore.KindPhone,
	purpose: authcore.PurposeConfirmPhone, changed: authcore.EventPhoneChanged, tells: authcore.MailPhoneChanged,
	undo:  func(a authcore.Account) notice.Undo { return notice.Undo{Phone: notice.FormerPhone(a)} },
	of:    func(a authcore.Account) (string, bool) { return a.Phone, a.PhoneVerified() },
	claim: func(a authcore.Account) (string, time.Time) { return a.PendingPhone, a.PendingPhoneUntil },
	without: func(a authcore.Account) authcore.Account {
		a.Phone = ""
		return a
	},
}

// claimed returns what the account wants to be known by; "" for nothing, and once it has waited too long.
func (f *Flow) claimed(ch channel, a authcore.Account) string {
	value, until := ch.claim(a)
	if !until.After(f.now()) {
		return ""
	}
	return value
}

func (f *Flow) unique(k authcore.IdentifierKind) bool { return slices.Contains(f.cfg.Identities, k) }

// account returns the account, which must not be disabled.
func (f *Flow) account(ctx context.Context, id uuid.UUID) (authcore.Account, error) {
	return authcore.Owner(f.cfg.Store.AccountByID(ctx, id))
}

func subject(account uuid.UUID) string { return identifier.AccountKey(account) }
