package secondstep

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Prefix marks the tokens of pending sign-ins, so that scanners of leaked secrets can know them.
const Prefix = "ghm_"

// attempts is how many wrong codes end a pending sign-in (O01).
const attempts = 5

// Store is what the flow reads and writes.
type Store interface {
	attempt.Store
	// SavePending stores a pending sign-in. ErrNotFound: its account is gone, disabled, or past its epoch.
	SavePending(ctx context.Context, p authcore.PendingSignIn, fx authcore.Effects) error
	// Pending returns a pending sign-in with its account. ErrNotFound: it is gone, has expired or no attempts left, or its account is
	// gone, disabled, or past its epoch.
	Pending(ctx context.Context, id uuid.UUID, token secret.Digest, now time.Time) (authcore.PendingSignIn, authcore.Account, error)
	// SpendAttempt takes one of the wrong codes that may still come: of a hundred who ask at once as many get one as are left.
	// ErrNotFound: none is.
	SpendAttempt(ctx context.Context, id uuid.UUID, now time.Time) error
	// ReturnAttempt gives it back. ErrNotFound: the sign-in is gone.
	ReturnAttempt(ctx context.Context, id uuid.UUID, now time.Time) error
	// AdvancePending notes what was given by now, if it still is what the caller has read. ErrNotFound otherwise.
	AdvancePending(ctx context.Context, id uuid.UUID, from, to []string, now time.Time) error
	// BeginEnrolment notes which factor is added in the midst of a sign-in, in place of any other. ErrNotFound: the sign-in is gone.
	BeginEnrolment(ctx context.Context, id, factor uuid.UUID, now time.Time) error
	// DeviceTrusted reports whether the account asks the device of the token for no second factor.
	DeviceTrusted(ctx context.Context, account uuid.UUID, device secret.Digest, now time.Time) (bool, error)
}

// Factors are the second factors that accounts have.
type Factors interface {
	// Offered returns the types that count, in the order in which they are offered.
	Offered() []authcore.FactorType
	// Of returns the factors of an account that count.
	Of(ctx context.Context, account uuid.UUID) ([]authcore.Factor, error)
	// Verify checks and spends what was given.
	Verify(ctx context.Context, a authcore.Account, g factor.Given) (factor.Proved, error)
	// Ask returns options for the keys of a type that the account has; nil where none can be used.
	Ask(ctx context.Context, a authcore.Account, t authcore.FactorType, subject string, c authcore.Client) (json.RawMessage, error)
	// Send sends a code, to the account's verified address or number itself where the factor has no ID.
	Send(ctx context.Context, a authcore.Account, x authcore.Factor, subject string, c authcore.Client) (time.Duration, error)
	enroller
}

// enroller adds factors, see [factor.Factors].
type enroller interface {
	// CanAdd reports whether a type can be added by a client.
	CanAdd(t authcore.FactorType, c authcore.Client) bool
	Add(ctx context.Context, in factor.AddInput) (factor.Added, error)
	Show(ctx context.Context, account, id uuid.UUID, c authcore.Client) (factor.Added, error)
	Confirm(ctx context.Context, in factor.ConfirmInput) (factor.Confirmed, error)
}

// Requirement is whose sign-ins ask for a second factor although the owner has not switched it on (the option `mfa`).
type Requirement struct {
	Everybody bool
	Roles     []string // or those with any of these
}

// Config is what a Flow needs.
type Config struct {
	Store    Store
	Sessions *session.Sessions
	Factors  Factors
	Notices  *notice.Notices
	Hasher   *passhash.Hasher
	Policy   *passpolicy.Policy
	Lockouts attempt.Lockouts // of accounts, shared with sign-in: for the password of who came without one
	Proofs   attempt.Lockouts // of sessions: wrong passwords of step-ups
	// Codes count wrong codes over all pending sign-ins of an account: ten within an hour close it to codes for an hour (O02).
	Codes    attempt.Lockouts
	Key      func() secret.MACKey // of the tokens, the same on every node and after a restart
	Lifetime func() time.Duration // of pending sign-ins; asked at each use
	Required Requirement
	// NoPassword: nobody signs in by a password, so none is asked for.
	NoPassword bool
	// FreshFor is how long a sign-in is fresh: for so long what it was by counts where a step-up leads to a first factor. It is asked at
	// each use. Nil: not at all.
	FreshFor func() time.Duration
	TrustFor time.Duration   // how long a trusted device is asked for no second factor; 0: no device is trusted
	Admins   authcore.Admins // of the option: their accounts have the role
	Blocks   *block.Blocks   // whom rules keep from signing in; nil: nobody
	Texts    bool            // codes go by SMS
	// Trace is told of every second step, StepUps of every step of a step-up that has waited. They may be nil.
	Trace, StepUps authcore.Trace
	Now            authcore.Clock
}

// Flow asks for second steps. It is safe for concurrent use.
type Flow struct {
	entry
	cfg    Config
	tries  attempt.Attempts
	proofs attempt.Proofs
}

// password is the hash of the account's, "" where there is none that proves anything.
func (c *Config) password(a authcore.Account) string {
	if c.NoPassword {
		return ""
	}
	return a.PasswordHash
}

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	switch {
	case cfg.Store == nil || cfg.Sessions == nil || cfg.Factors == nil || cfg.Notices == nil || cfg.Key == nil || cfg.Now == nil:
		return nil, errors.New("secondstep: store, sessions, factors, notices, key and clock are required")
	case cfg.Hasher == nil || cfg.Policy == nil || cfg.Lockouts == nil || cfg.Proofs == nil || cfg.Codes == nil:
		return nil, errors.New("secondstep: hasher, policy, lockouts and the counts of wrong proofs and codes are required")
	}
	if cfg.Lifetime == nil || cfg.Lifetime() < time.Second || cfg.TrustFor < 0 {
		return nil, errors.New("secondstep: a pending sign-in lives at least 1s, and trust is not negative")
	}
	if cfg.FreshFor == nil {
		cfg.FreshFor = func() time.Duration { return 0 }
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	cfg.Required.Roles = slices.Clone(cfg.Required.Roles)
	if cfg.StepUps == nil {
		cfg.StepUps = authcore.NoTrace
	}
	tries := attempt.Attempts{Lockouts: cfg.Lockouts, Store: cfg.Store, Owners: cfg.Notices}
	return &Flow{entry: entry{cfg.Blocks}, cfg: cfg, tries: tries, proofs: attempt.Proofs{Attempts: tries, Sessions: cfg.Proofs, Now: cfg.Now}}, nil
}

// RequiredBy returns why sign-ins of the account ask for a second factor: "all", "role:<role>",
// [factor.ByAdministrator] or, where its owner has switched it on,
// [factor.ByAccount]; "" where they do not.
func (f *Flow) RequiredBy(a authcore.Account) string {
	if f.cfg.Required.Everybody {
		return "all"
	}
	if len(f.cfg.Required.Roles) > 0 {
		roles := f.cfg.Admins.Roles(a)
		for _, role := range f.cfg.Required.Roles {
			if slices.Contains(roles, role) {
				return "role:" + role
			}
		}
	}
	if a.MFADemanded() {
		return factor.ByAdministrator
	}
	if a.MFAEnabled() {
		return factor.ByAccount
	}
	return ""
}

// asks reports whether a sign-in of the account needs a second factor. It is decided from the account's row alone.
func (f *Flow) asks(a authcore.Account) bool { return f.RequiredBy(a) != "" }

// TrustFor returns how long a device can be trusted; 0: none can.
func (f *Flow) TrustFor() time.Duration { return f.cfg.TrustFor }

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }
