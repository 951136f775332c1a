package stepup

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
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
	Trace    authcore.Trace // of every step-up; it may be nil
}

// Flow makes step-ups. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Gate == nil || cfg.Sessions == nil {
		return nil, errors.New("stepup: store, gate and sessions are required")
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	return &Flow{cfg}, nil
}

// Password proves by a password, and by a code where signing in asks for more, who is signed in, always as the account of who: nobody else
// can sign in by it (the session is that account's, and so is the new one). Of r only Mode and Client count. It returns the session that
// takes the old one's place, see [session.Sessions.Replace].
//
// Refusals: [authcore.Forbidden] for a child session, which its host alone has and no owner ever signed in to; [authcore.MFARequired]
// where signing in asks for more and no code was given: a password alone would be less than that takes; [authcore.InvalidCredentials],
// [authcore.InvalidCode] and [authcore.TooManyAttempts], counted as the gate counts them, and
// [authcore.ReauthenticationRequired], unchecked, once there were too many; [authcore.InvalidToken] when account or session is gone;
// [authcore.Unavailable].
func (f *Flow) Password(ctx context.Context, who *authcore.Principal, p fresh.Proof, r session.Request) (session.Tokens, error) {
	ctx, done := f.cfg.Trace(ctx, "step up")
	tokens, err := f.password(ctx, who, p, r)
	done(err)
	return tokens, err
}

func (f *Flow) password(ctx context.Context, who *authcore.Principal, p fresh.Proof, r session.Request) (session.Tokens, error) {
	if who.Origin != "" {
		return session.Tokens{}, authcore.Refuse(authcore.Forbidden, "This session was handed over from another host. Prove yourself where you signed in.")
	}
	account, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, who.AccountID))
	if err != nil {
		return session.Tokens{}, err
	}
	amr, err := f.cfg.Gate.Prove(ctx, who, p, r.Client)
	if err != nil {
		return session.Tokens{}, err
	}
	if account.Epoch != who.Epoch { // the password was changed since the token was made
		return session.Tokens{}, authcore.ErrSessionEnded
	}
	r.Method = audit.ByPassword
	return f.cfg.Sessions.Replace(ctx, account, who.SessionID, secondstep.Complete(account, amr), r)
}
