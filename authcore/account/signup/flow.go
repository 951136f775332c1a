package signup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// Mode says who may sign up.
type Mode string

// The modes.
const (
	Verified Mode = "verified" // an account is made once its address is verified
	Open     Mode = "open"     // an account is made at once
	Invite   Mode = "invite"   // as verified, with an invitation
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
	// OpenAccount stores a new account whose address is not verified, claims its identifiers, and saves the challenge and the
	// registration that verify it; all in one transaction. *TakenError names the first identifier that belongs to somebody else.
	OpenAccount(ctx context.Context, o authcore.Opening) error
	// SaveRegistration stores r, keeping at most keep registrations of its address (the newest), and where ch is not nil
	// replaces the live challenge as IssueChallenge does; all in one transaction.
	SaveRegistration(ctx context.Context, r authcore.Registration, keep int, ch *authcore.Challenge, fx authcore.Effects) error
	// IssueChallenge makes ch the one live challenge of its purpose and subject. Attempts spent earlier stay spent until
	// the earlier AttemptsResetAt has passed.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	// CreateInvited uses an invitation up and creates the account that it is used for, whose address is verified by it, with what the
	// invitation gives. ErrInvitation: it is not good any more. *TakenError.
	CreateInvited(ctx context.Context, e authcore.SignUp) (authcore.Account, error)
	// SignUp consumes the challenge, ends what other accounts claim of the address, creates or verifies the account, opens the
	// session and drops every other registration of the address. It does not ask for attempts: the challenge is verified.
	// ErrNotFound: it is gone (consumed by another). *TakenError.
	SignUp(ctx context.Context, e authcore.SignUp) (authcore.Account, authcore.Session, error)
	// SignUpConnected is SignUp for an account that is made by the word of an identity provider, and no challenge: it spends the social
	// token, where there is one, and connects the account. ErrConnected: the person at the provider is connected already. ErrNotFound: the
	// social token is gone. *TakenError. ErrInvitation.
	SignUpConnected(ctx context.Context, e authcore.SignUp) (authcore.Account, authcore.Session, error)
}

// What a [Config.Trace] is told of: sign-ups, and the sign-ins that complete them.
const (
	StepRegister = "sign up"
	StepInvited  = "sign up by invitation"
	StepCode     = "sign in by code"
	StepLink     = "sign in by link"
)

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Hasher     *passhash.Hasher
	Policy     *passpolicy.Policy
	Challenges *challenge.Issuer
	Steps      *secondstep.Flow // every sign-in ends in it
	Notices    *notice.Notices
	// Invitations finds the open invitation of a token, or refuses with [authcore.InvalidInvitation].
	Invitations interface {
		Find(ctx context.Context, token string) (authcore.Invitation, error)
	}
	Settings Settings
	Trace    authcore.Trace // of the steps above; nil is nobody
	// Salt returns the 16 bytes under which the first password of a normalised address is hashed: a MAC of it, the same on
	// every node and after a restart.
	Salt func(address string) []byte
	// CanReach returns false for a normalised address to which mails are known not to go out. It must not wait. nil: all may.
	CanReach func(address string) bool
	Fields   userfield.Set      // that the operator has added
	Locales  identifier.Locales // that people can choose
	Numbers  identifier.Numbers // how phone numbers are read, and which are taken
	Blocks   *block.Blocks      // whom rules keep from signing up; nil: nobody
	// Confirm sends a code for the address or number that an account has pending. Required with Deferred.
	Confirm func(ctx context.Context, account uuid.UUID, p authcore.Pending, c authcore.Client) error
	Now     authcore.Clock
}

// Settings is the operator's choice.
type Settings struct {
	Mode func() Mode // asked at each use
	// Deferred, with Open or Closed: an address or number is saved only once it is verified, and is pending before; a username is required.
	Deferred bool
	// CodeOnDemand: signing up sends no code; it goes out when [Flow.Resend] asks for it.
	CodeOnDemand bool
	// Identities are the kinds of identifier that sign in, and thus must be unique.
	Identities []authcore.IdentifierKind
	// Passwords says whether a password is asked for.
	Passwords wayin.Passwords
}

// Flow signs people up. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Challenges == nil || cfg.Steps == nil ||
		cfg.Notices == nil || cfg.Salt == nil || cfg.Invitations == nil || cfg.Now == nil {
		return nil, errors.New("signup: store, hasher, policy, challenges, second steps, notices, invitations, salt and clock are required")
	}
	if cfg.Settings.Mode == nil {
		return nil, errors.New("signup: a signup mode is required")
	}
	m := cfg.Settings.Mode()
	if m != Verified && m != Open && m != Invite && m != Closed {
		return nil, fmt.Errorf("signup: signup mode %q is unknown; it is verified, open, invite or closed", m)
	}
	if cfg.Settings.Deferred && (m != Open && m != Closed || !slices.Contains(cfg.Settings.Identities, authcore.KindUsername)) {
		return nil, errors.New("signup: deferred needs signup open, and usernames that sign in")
	}
	if cfg.Settings.Deferred && cfg.Confirm == nil {
		return nil, errors.New("signup: deferred needs something that sends codes")
	}
	if len(cfg.Settings.Identities) == 0 {
		return nil, errors.New("signup: at least one kind of identifier must sign in")
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	cfg.Settings.Identities = slices.Clone(cfg.Settings.Identities)
	return &Flow{cfg: cfg}, nil
}

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

// unique reports whether values of a kind find one account.
func (s Settings) unique(k authcore.IdentifierKind) bool { return slices.Contains(s.Identities, k) }

// identifiers returns what an account claims: the fields that sign in, and of them those it has.
func (s Settings) identifiers(a authcore.Account) []authcore.Identifier {
	var ids []authcore.Identifier
	if a.Email != "" && s.unique(authcore.KindEmail) {
		ids = append(ids, authcore.Identifier{Kind: authcore.KindEmail, Value: a.Email})
	}
	if a.Username != "" && s.unique(authcore.KindUsername) {
		ids = append(ids, authcore.Identifier{Kind: authcore.KindUsername, Value: a.Username})
	}
	if a.Phone != "" && s.unique(authcore.KindPhone) {
		ids = append(ids, authcore.Identifier{Kind: authcore.KindPhone, Value: a.Phone})
	}
	return ids
}

// Settings returns what the operator has chosen.
func (f *Flow) Settings() Settings { return f.cfg.Settings }

// Mode returns who may sign up.
func (f *Flow) Mode() Mode { return f.cfg.Settings.Mode() }

// MinPassword returns the least number of characters of a new password.
func (f *Flow) MinPassword() int { return f.cfg.Policy.MinLength() }
