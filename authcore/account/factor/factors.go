package factor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

// Store is what Factors read and write.
type Store interface {
	CredentialStore
	// FactorState returns the account and all its factors, in the order of their ids, and the recovery codes that have not been used. Of
	// the factors that are not confirmed it has those that have not lapsed. ErrNotFound: the account is gone.
	FactorState(ctx context.Context, account uuid.UUID, now time.Time) (State, error)
	// ChangeFactors writes a change. ErrNotFound: the account is gone or disabled, or account and factors are no longer what the change was
	// decided from, or the challenge that it consumes is gone.
	ChangeFactors(ctx context.Context, c Change) error
	// RenameFactor names a confirmed factor of the account, and returns it as it is then. ErrNotFound.
	RenameFactor(ctx context.Context, account, id uuid.UUID, name string) (authcore.Factor, error)
	// TrustedDevices returns how many devices of the account are asked for no second factor now.
	TrustedDevices(ctx context.Context, account uuid.UUID, now time.Time) (int, error)
	// UseTOTPStep takes a time step of a confirmed factor: of several callers with one step exactly one succeeds. ErrNotFound: the
	// factor is gone, or the step is not after the last one that was used.
	UseTOTPStep(ctx context.Context, u Use, step int64) error
	// UseRecoveryCode spends a recovery code of the account's set and ends the trust in every device: of several callers with one code
	// exactly one succeeds. ErrNotFound: it is used, or the set is gone.
	UseRecoveryCode(ctx context.Context, u Use, code secret.Digest) error
	// UseFactorCode consumes the challenge of a code that was sent to a factor. Exactly one of the callers that present one challenge
	// succeeds. ErrNotFound: the challenge or the factor is gone. A FactorID of zero is no factor: then the challenge alone counts.
	UseFactorCode(ctx context.Context, u Use, challengeID uuid.UUID) error
	// IssueChallenge makes ch the one live challenge of its purpose and subject.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	// Record writes events that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
}

// State is what there is of an account's factors at one moment.
type State struct {
	Account authcore.Account
	Factors []authcore.Factor
	Codes   []secret.Digest // the recovery codes that have not been used, in the order of their bytes
}

// Change is what becomes of an account's factors.
type Change struct {
	Was     State // what it was decided from
	Remove  []uuid.UUID
	Add     []authcore.Factor
	Codes   []secret.Digest // of the set of recovery codes among Add
	Confirm *Confirmation   // nil: none
	MFA     *MFA            // nil: stays as it is
	Demand  *bool           // an administrator's for second factors; nil: stays as it is
	// EndTrust ends the trust in every device, EndSessions every session: it raises the account's epoch.
	EndTrust, EndSessions bool
	// DropPassword removes the account's password, and ends what was sent out to set another.
	DropPassword bool
	// Left is what alone is left to sign in by.
	Left authcore.LastWay
	// Issue is a challenge for a factor among Add; nil for none.
	Issue   *authcore.Challenge
	Now     time.Time
	Effects authcore.Effects
}

// Confirmation is of a factor whose owner has shown that it works.
type Confirmation struct {
	ID          uuid.UUID
	LastStep    int64     // of totp: the step that has shown it, which is not taken again
	ChallengeID uuid.UUID // that is consumed; zero for none
	// Credential is that of passkey and security_key; else nil.
	Credential *webauthn.Credential
}

// MFA is whether sign-ins ask for a second factor, as Account has it.
type MFA struct {
	EnabledAt time.Time
	Preferred authcore.FactorType
}

// Same reports whether nothing has changed by which a change of factors is decided. When a factor was last used is nothing of that.
func (s State) Same(now State) bool {
	a, b := s.Account, now.Account
	return a.ID == b.ID && a.Username == b.Username && a.Email == b.Email && a.EmailVerifiedAt.Equal(b.EmailVerifiedAt) && a.Phone == b.Phone &&
		a.PhoneVerifiedAt.Equal(b.PhoneVerifiedAt) && (a.PasswordHash == "") == (b.PasswordHash == "") && a.Disabled() == b.Disabled() &&
		a.MFAEnabledAt.Equal(b.MFAEnabledAt) && a.MFADemanded() == b.MFADemanded() && a.MFAPreferred == b.MFAPreferred && a.PasswordShort == b.PasswordShort && slices.Equal(s.Codes, now.Codes) &&
		slices.EqualFunc(s.Factors, now.Factors, func(x, y authcore.Factor) bool {
			return x.ID == y.ID && x.Confirmed() == y.Confirmed() && x.Address == y.Address
		})
}

// Use is one use of a factor.
type Use struct {
	AccountID uuid.UUID
	FactorID  uuid.UUID
	Now       time.Time
	Effects   authcore.Effects
}

// Config is what Factors need.
type Config struct {
	Store      Store
	Challenges *challenge.Issuer
	Notices    *notice.Notices
	Sealer     *secret.Sealer // of the seeds
	// Key is the key of the digests of recovery codes, the same on every node and after a restart. It is asked for at each use.
	Key     func() secret.MACKey
	Parties webauthn.Parties // of passkeys and security keys
	// Offered are the types that may be added and that count (the option `factors`). Nil means all but SMS; empty means none.
	Offered []authcore.FactorType
	// Required returns by what the operator demands a second factor of an account, as [Status] has it; "" where they do not. Nil: of none.
	Required func(authcore.Account) string
	Ways     wayin.Ways // that are on
	// Connected returns a connection of the account by which somebody at an identity provider of the configuration signs in to it, zero for
	// none; nil: there are no providers.
	Connected func(ctx context.Context, account uuid.UUID) (uuid.UUID, error)
	// FreshFor is how long ago a code to the proven address may be for the first factor, asked at each use; nil: 10 min.
	FreshFor func() time.Duration
	Brand    string             // what apps show beside a code; "": the host of the issuer
	Numbers  identifier.Numbers // how numbers are read, and which are taken
	// CanReach returns false for a normalised address to which mails are known not to go out. It must not wait. nil: all may.
	CanReach func(address string) bool
	// Trace is told how each use of a factor has ended: "success" or the code of the failure. It may be nil.
	Trace func(t authcore.FactorType, outcome string)
	Now   authcore.Clock
}

// Factors are the second factors of all accounts. They are safe for concurrent use.
type Factors struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Factors, error) {
	if cfg.Store == nil || cfg.Challenges == nil || cfg.Notices == nil || cfg.Sealer == nil || cfg.Key == nil || cfg.Now == nil {
		return nil, errors.New("factor: store, challenges, notices, sealer, key and clock are required")
	}
	if cfg.Offered == nil {
		cfg.Offered = slices.DeleteFunc(slices.Clone(authcore.FactorTypes), func(t authcore.FactorType) bool { return t == authcore.FactorSMS })
	}
	if slices.Contains(cfg.Offered, authcore.FactorSMS) && !cfg.Challenges.SMS() {
		return nil, errors.New("factor: sms is offered, and no SMS are sent")
	}
	if cfg.FreshFor == nil {
		cfg.FreshFor = func() time.Duration { return 10 * time.Minute }
	}
	wanted := cfg.Offered
	cfg.Offered = slices.DeleteFunc(slices.Clone(authcore.FactorTypes), func(t authcore.FactorType) bool { return !slices.Contains(wanted, t) })
	if cfg.Trace == nil {
		cfg.Trace = func(authcore.FactorType, string) {}
	}
	return &Factors{cfg: cfg}, nil
}

// Offered returns the types that may be added and that count, in the order in which they are offered. The caller must not change it.
func (f *Factors) Offered() []authcore.FactorType { return f.cfg.Offered }

// offers reports whether a type may be added and counts.
func (f *Factors) offers(t authcore.FactorType) bool { return slices.Contains(f.cfg.Offered, t) }

// CanAdd reports whether a type can be added by a client, see [Place.Offered].
func (f *Factors) CanAdd(t authcore.FactorType, c authcore.Client) bool {
	return slices.Contains(At(f, c.Issuer).Offered(), t)
}

// Of returns the factors that count for an account: those that are confirmed and of a type that is offered, in the order in which
// they were added. [authcore.InvalidToken] when the account is gone.
func (f *Factors) Of(ctx context.Context, account uuid.UUID) ([]authcore.Factor, error) {
	s, err := f.state(ctx, account)
	return f.counting(s.Factors), err
}

// counting returns those that count.
func (f *Factors) counting(all []authcore.Factor) []authcore.Factor {
	return slices.DeleteFunc(slices.Clone(all), func(x authcore.Factor) bool { return !x.Confirmed() || !f.offers(x.Type) })
}

func (f *Factors) state(ctx context.Context, account uuid.UUID) (State, error) {
	s, err := f.cfg.Store.FactorState(ctx, account, f.now())
	return s, authcore.OwnerGone("find factors", err)
}

func (f *Factors) now() time.Time { return f.cfg.Now.Now() }
