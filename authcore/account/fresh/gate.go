package fresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
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

// Config is what a Gate needs.
type Config struct {
	Store    Store
	Hasher   *passhash.Hasher
	Policy   *passpolicy.Policy
	Owners   attempt.Owners
	Lockouts attempt.Lockouts // of accounts, shared with sign-in
	Sessions attempt.Lockouts // of sessions: five wrong passwords within 15 minutes close a session to this proof
	For      time.Duration    // how long a sign-in is fresh; 0 is DefaultFor
	Now      authcore.Clock
}

// Gate tells the owner from somebody who found their browser open, or a token. It is safe for concurrent use.
type Gate struct {
	cfg   Config
	tries attempt.Attempts
}

// New checks cfg.
func New(cfg Config) (*Gate, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Lockouts == nil || cfg.Sessions == nil || cfg.Owners == nil || cfg.Now == nil {
		return nil, errors.New("fresh: store, hasher, policy, both lockouts, who tells owners and a clock are required")
	}
	if cfg.For == 0 {
		cfg.For = DefaultFor
	}
	return &Gate{cfg: cfg, tries: attempt.Attempts{Lockouts: cfg.Lockouts, Store: cfg.Store, Owners: cfg.Owners}}, nil
}

// Proof is what may be sent with a call in place of a fresh sign-in. It is good for that call alone.
type Proof struct {
	Password string
	OTP      string // of a second factor; ignored where the account has none
}

// Check returns nil where the owner is at hand: the sign-in of who is fresh, or p proves them. A proof is checked even where the
// sign-in is fresh. Refusals: [authcore.ReauthenticationRequired] without a proof, and unchecked once wrong ones have closed
// the session to it; [authcore.InvalidCredentials]; [authcore.InvalidToken] when account or session is gone; [authcore.Unavailable],
// also when wrong proofs cannot be counted.
func (g *Gate) Check(ctx context.Context, who *authcore.Principal, p Proof, c authcore.Client) error {
	if p.Password != "" {
		return g.prove(ctx, who, p, c)
	}
	// A sign-in asks for everything that an account can be asked for, so its age alone decides.
	if g.now().After(who.AuthTime.Add(g.cfg.For)) {
		return g.stale()
	}
	return nil
}

// HasPassword reports whether the account of who could prove itself by a password. [authcore.InvalidToken] when it is gone.
func (g *Gate) HasPassword(ctx context.Context, who *authcore.Principal) (bool, error) {
	a, err := g.account(ctx, who)
	return a.PasswordHash != "", err
}

// prove tries the password. Whoever holds a stolen session could guess here what the lock on signing in keeps them from: so wrong ones
// count there too, and a session has few of them, with all its child sessions together. The lock does not stop the owner here,
// who would be kept out of their own account by a stranger's guesses (L09).
func (g *Gate) prove(ctx context.Context, who *authcore.Principal, p Proof, c authcore.Client) error {
	account, err := g.account(ctx, who)
	if err != nil {
		return err
	}
	family, err := g.cfg.Store.SessionFamily(ctx, who.AccountID, who.SessionID)
	if err != nil {
		return gone(err)
	}
	try, _, err := g.cfg.Sessions.Begin(ctx, "session:"+family.String())
	if err != nil && !errors.Is(err, attempt.ErrFull) {
		return fmt.Errorf("begin proof: %w", err)
	}
	if try == nil {
		return g.stale()
	}
	right, err := password.Verify(ctx, g.cfg.Hasher, g.cfg.Policy, account.PasswordHash, p.Password)
	if err != nil {
		try.Cancel()
		return fmt.Errorf("verify password: %w", password.Busy(err))
	}
	if right {
		try.Succeeded(context.WithoutCancel(ctx))
		return nil
	}
	try.Failed(context.WithoutCancel(ctx))
	failure := audit.Failure(authcore.EventStepUpFailed, account.ID, c, authcore.InvalidCredentials, g.now())
	failure.SessionID, failure.Method = who.SessionID, "password"
	if err := g.tries.Count(ctx, identifier.AccountKey(account.ID), &account, failure, c); err != nil {
		return err
	}
	return authcore.Refuse(authcore.InvalidCredentials, "The password is wrong.")
}

func (g *Gate) account(ctx context.Context, who *authcore.Principal) (authcore.Account, error) {
	account, err := g.cfg.Store.AccountByID(ctx, who.AccountID)
	if err == nil && account.Disabled() {
		err = authcore.ErrNotFound
	}
	return account, gone(err)
}

func gone(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, authcore.ErrNotFound):
		return authcore.Refuse(authcore.InvalidToken, "This account no longer exists, or the session has ended.")
	}
	return fmt.Errorf("find who proves themselves: %w", err)
}

// stale says how recent the sign-in must be, as RFC 9470 has it.
func (g *Gate) stale() error {
	e := authcore.Refuse(authcore.ReauthenticationRequired, "Your sign-in is not recent enough for this. Send your password with the request, or sign in again.")
	e.MaxAge = g.cfg.For
	return e
}

func (g *Gate) now() time.Time { return g.cfg.Now.Now() }
