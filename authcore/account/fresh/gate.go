package fresh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// DefaultFor is how long a sign-in stays fresh where the operator has not said.
const DefaultFor = 10 * time.Minute

// Store is what the gate reads and writes.
type Store interface {
	attempt.Store
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// SessionFamily returns the parent that a session of the account hangs on: itself unless it is a child session. ErrNotFound.
	SessionFamily(ctx context.Context, account, session uuid.UUID) (uuid.UUID, error)
}

// SecondSteps know what a sign-in asks for besides its first proof.
type SecondSteps interface {
	// Suffices reports whether a sign-in by amr is one that the account would be asked nothing more for at present, whatever device it trusts.
	Suffices(ctx context.Context, a authcore.Account, amr []string) (bool, error)
	// TakesOTP reports whether the account has anything that ProveOTP takes.
	TakesOTP(ctx context.Context, a authcore.Account) (bool, error)
	// ProveOTP checks and spends the code of an app or a recovery code, and counts wrong ones with those of sign-ins.
	// Refusals: [authcore.InvalidCode], [authcore.TooManyAttempts].
	ProveOTP(ctx context.Context, a authcore.Account, otp string, c authcore.Client) (factor.Proved, error)
}

// Config is what a Gate needs.
type Config struct {
	Store  Store
	Hasher *passhash.Hasher
	Policy *passpolicy.Policy
	Steps  SecondSteps
	// Sent is ProveOTP of Steps for a [Proof] with SentFor; nil: codes that were sent prove nothing.
	Sent     func(ctx context.Context, a authcore.Account, otp, sentFor string, c authcore.Client) (factor.Proved, error)
	Owners   attempt.Owners
	Lockouts attempt.Lockouts // of accounts, shared with sign-in
	Sessions attempt.Lockouts // of sessions: five wrong proofs within 15 minutes close a session to this proof
	// NoPassword: nobody signs in by a password, so every one is wrong.
	NoPassword bool
	For        func() time.Duration // how long a sign-in is fresh, asked at each use; nil: DefaultFor
	Now        authcore.Clock
}

// Gate tells the owner from somebody who found their browser open, or a token. It is safe for concurrent use.
type Gate struct {
	cfg   Config
	tries attempt.Proofs
}

// New checks cfg.
func New(cfg Config) (*Gate, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Steps == nil || cfg.Lockouts == nil || cfg.Sessions == nil || cfg.Owners == nil || cfg.Now == nil {
		return nil, errors.New("fresh: store, hasher, policy, second steps, both lockouts, who tells owners and a clock are required")
	}
	if cfg.For == nil {
		cfg.For = func() time.Duration { return DefaultFor }
	}
	return &Gate{cfg: cfg, tries: attempt.Proofs{
		Attempts: attempt.Attempts{Lockouts: cfg.Lockouts, Store: cfg.Store, Owners: cfg.Owners}, Sessions: cfg.Sessions, Now: cfg.Now,
	}}, nil
}

// Proof is what may be sent with a call in place of a fresh sign-in. It is good for that call alone.
type Proof struct {
	Password string
	OTP      string // of an app, or a recovery code; looked at beside a password where a sign-in asks for a second factor, else ignored
	SentFor  string // of [session.Request]: OTP may also be a code that was sent for that; "": it may not
}

// Check returns nil where the owner is at hand: the sign-in of who is fresh, or p proves them. A proof is checked even where the
// sign-in is fresh.
//
// A sign-in is fresh that is recent enough and in which all was given that one now asks for. So a session of a trusted device, or one
// from before second factors were switched on, is as good as its password: who stole that and the device makes no fresh call with it
// (contract §6.2, §8.5).
//
// Refusals: [authcore.ReauthenticationRequired] without a proof, and unchecked once wrong ones have closed the session to it;
// [authcore.MFARequired] where the second factor alone is missing; [authcore.InvalidCredentials]; [authcore.InvalidCode] and
// [authcore.TooManyAttempts] for a code; [authcore.InvalidToken] when account or session is gone; [authcore.Unavailable], also when
// wrong proofs cannot be counted.
func (g *Gate) Check(ctx context.Context, who *authcore.Principal, p Proof, c authcore.Client) error {
	if p.Password != "" {
		_, err := g.Prove(ctx, who, p, c)
		if p.OTP == "" && authcore.CodeOf(err) == authcore.MFARequired { // nothing that was sent is wrong: the session may make up for the rest
			return g.session(ctx, who, err)
		}
		return err
	}
	return g.session(ctx, who, nil)
}

// session asks the sign-in of who. missing is what is refused where it is too old.
func (g *Gate) session(ctx context.Context, who *authcore.Principal, missing error) error {
	if g.now().After(who.AuthTime.Add(g.cfg.For())) {
		if missing != nil {
			return missing
		}
		return g.stale()
	}
	if slices.Contains(who.AMR, authcore.AMRMulti) { // nothing asks for more: no account needs to be read
		return nil
	}
	a, err := g.account(ctx, who)
	if err != nil {
		return err
	}
	all, err := g.cfg.Steps.Suffices(ctx, a, who.AMR)
	if err != nil || all {
		return err
	}
	return errFactorMissing()
}

// Inline says what an account can prove itself by within a call.
type Inline struct {
	Password bool
	OTP      bool // beside the password: a sign-in asks for a second factor
}

// Inline returns what who could send as a [Proof]; nothing where that cannot be enough, as for an account whose only factor is a mailbox.
// [authcore.InvalidToken] when it is gone.
func (g *Gate) Inline(ctx context.Context, who *authcore.Principal) (Inline, error) {
	a, err := g.account(ctx, who)
	if err != nil || g.password(a) == "" {
		return Inline{}, err
	}
	enough, err := g.cfg.Steps.Suffices(ctx, a, byPassword)
	if err != nil || enough {
		return Inline{Password: enough}, err
	}
	takes, err := g.cfg.Steps.TakesOTP(ctx, a)
	return Inline{Password: takes, OTP: takes}, err
}

// byPassword is the amr of who has given a password.
var byPassword = []string{authcore.AMRPassword}

// Prove tries what p has, whatever the sign-in of who is like, and returns what it has shown (amr, RFC 8176). Refusals are those of Check.
//
// Wrong ones count as [attempt.Proofs] says, of a session with all its child sessions together.
func (g *Gate) Prove(ctx context.Context, who *authcore.Principal, p Proof, c authcore.Client) (amr []string, err error) {
	account, err := g.account(ctx, who)
	if err != nil {
		return nil, err
	}
	family, err := g.cfg.Store.SessionFamily(ctx, who.AccountID, who.SessionID)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return nil, authcore.ErrSessionEnded
	case err != nil:
		return nil, fmt.Errorf("find session: %w", err)
	}
	amr, err = g.tries.Try(ctx, attempt.Prover{Account: account, Session: who.SessionID, Family: family, Client: c}, func() ([]string, error) {
		return g.prove(ctx, account, p, c)
	})
	if errors.Is(err, attempt.ErrClosed) {
		err = g.stale()
	}
	return amr, err
}

// prove tries the password and then, where a sign-in asks for more, the code. A right password forgives no wrong code: who has stolen the
// one could else guess the other for ever.
func (g *Gate) prove(ctx context.Context, a authcore.Account, p Proof, c authcore.Client) ([]string, error) {
	if err := password.Prove(ctx, g.cfg.Hasher, g.cfg.Policy, g.password(a), p.Password); err != nil {
		return nil, err
	}
	enough, err := g.cfg.Steps.Suffices(ctx, a, byPassword)
	switch {
	case err != nil:
		return nil, err
	case enough:
		return byPassword, nil
	case p.OTP == "":
		return nil, errFactorMissing()
	}
	prove := g.cfg.Steps.ProveOTP
	if p.SentFor != "" && g.cfg.Sent != nil {
		prove = func(ctx context.Context, a authcore.Account, otp string, c authcore.Client) (factor.Proved, error) {
			return g.cfg.Sent(ctx, a, otp, p.SentFor, c)
		}
	}
	proved, err := prove(ctx, a, p.OTP, c)
	return append(slices.Clone(byPassword), proved.AMR...), err
}

// password is the hash of the account's, "" where there is none that proves anything.
func (g *Gate) password(a authcore.Account) string {
	if g.cfg.NoPassword {
		return ""
	}
	return a.PasswordHash
}

// errFactorMissing: all else was given.
func errFactorMissing() error {
	return authcore.Refuse(authcore.MFARequired, "This asks for your second factor. Send your password and a code with the request, or prove yourself again.")
}

func (g *Gate) account(ctx context.Context, who *authcore.Principal) (authcore.Account, error) {
	return authcore.Owner(g.cfg.Store.AccountByID(ctx, who.AccountID))
}

// stale says how recent the sign-in must be, as RFC 9470 has it.
func (g *Gate) stale() error {
	e := authcore.Refuse(authcore.ReauthenticationRequired, "Your sign-in is not recent enough for this. Send your password with the request, or sign in again.")
	e.MaxAge = g.cfg.For()
	return e
}

func (g *Gate) now() time.Time { return g.cfg.Now.Now() }
