package stepup

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// Store is what step-ups read.
type Store interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
}

// Config is what a Flow needs.
type Config struct {
	Store    Store
	Gate     *fresh.Gate
	Sessions *session.Sessions
	// RequiredBy returns why sign-ins of an account ask for a second factor; "" where they do not.
	RequiredBy func(a authcore.Account) string
	Trace      authcore.Trace // of every step-up; it may be nil
}

// Flow makes step-ups. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Gate == nil || cfg.Sessions == nil || cfg.RequiredBy == nil {
		return nil, errors.New("stepup: store, gate, sessions and what asks for second factors are required")
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	return &Flow{cfg}, nil
}

// Password proves by a password who is signed in, always as the account of who: nobody else can sign in by it (the session is that
// account's, and so is the new one). Of r only Mode and Client count. It returns the session that takes the old one's place, see
// [session.Sessions.Replace].
//
// Refusals: [authcore.Forbidden] for a child session, which its host alone has and no owner ever signed in to; [authcore.MFARequired]
// where the account asks for more than a password; [authcore.InvalidCredentials], counted as the gate counts them, and
// [authcore.ReauthenticationRequired], unchecked, once there were too many; [authcore.InvalidToken] when account or session is gone;
// [authcore.Unavailable].
func (f *Flow) Password(ctx context.Context, who *authcore.Principal, password string, r session.Request) (session.Tokens, error) {
	ctx, done := f.cfg.Trace(ctx, "step up")
	tokens, err := f.password(ctx, who, password, r)
	done(err)
	return tokens, err
}

func (f *Flow) password(ctx context.Context, who *authcore.Principal, password string, r session.Request) (session.Tokens, error) {
	if who.Origin != "" {
		return session.Tokens{}, authcore.Refuse(authcore.Forbidden, "This session was handed over from another host. Prove yourself where you signed in.")
	}
	account, err := f.cfg.Store.AccountByID(ctx, who.AccountID)
	switch {
	case errors.Is(err, authcore.ErrNotFound) || err == nil && account.Disabled():
		return session.Tokens{}, authcore.ErrSessionEnded
	case err != nil:
		return session.Tokens{}, fmt.Errorf("find who steps up: %w", err)
	case f.cfg.RequiredBy(account) != "": // a password alone would be less than signing in takes
		return session.Tokens{}, authcore.Refuse(authcore.MFARequired, "Your account asks for a second factor. Sign in again with it.")
	}
	if err := f.cfg.Gate.Check(ctx, who, fresh.Proof{Password: password}, r.Client); err != nil {
		return session.Tokens{}, err
	}
	if account.Epoch != who.Epoch { // the password was changed since the token was made
		return session.Tokens{}, authcore.ErrSessionEnded
	}
	r.Method = audit.ByPassword
	return f.cfg.Sessions.Replace(ctx, account, who.SessionID, []string{"pwd"}, r)
}
