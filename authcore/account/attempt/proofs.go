package attempt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// ErrClosed says that a session has had too many wrong proofs lately: it gets no more for a while, right ones neither.
var ErrClosed = errors.New("too many wrong proofs in this session")

// Proofs lets people who are signed in prove themselves again. Whoever holds a stolen session could guess here what the lock on signing in
// keeps them from: so wrong passwords count there too, and a session has few of them. The lock does not stop the owner here, who would be
// kept out of their own account by a stranger's guesses (L09). It is safe for concurrent use.
type Proofs struct {
	Attempts
	Sessions Lockouts // of sessions: five wrong proofs within 15 minutes close one
	Now      authcore.Clock
}

// Prover is who proves themselves.
type Prover struct {
	Account authcore.Account
	Session uuid.UUID // that they are signed in by
	Family  uuid.UUID // the parent that it hangs on, itself unless it is a child session: they have one budget together
	Client  authcore.Client
}

// Try runs prove, which returns what was shown, and counts [authcore.InvalidCredentials] and [authcore.InvalidCode] as wrong. ErrClosed: it
// was not run.
func (p Proofs) Try(ctx context.Context, who Prover, prove func() (amr []string, err error)) ([]string, error) {
	try, _, err := p.Sessions.Begin(ctx, "session:"+who.Family.String())
	if err != nil && !errors.Is(err, ErrFull) {
		return nil, fmt.Errorf("begin proof: %w", err)
	}
	if try == nil {
		return nil, ErrClosed
	}
	amr, err := prove()
	code := authcore.CodeOf(err)
	switch {
	case err == nil:
		try.Succeeded(context.WithoutCancel(ctx))
		return amr, nil
	case code != authcore.InvalidCredentials && !authcore.Guessed(err):
		try.Cancel()
		return nil, err
	}
	try.Failed(context.WithoutCancel(ctx))
	failure := StepUpFailure(who, audit.ByPassword, code, p.Now.Now())
	if counted := p.Count(ctx, identifier.AccountKey(who.Account.ID), &who.Account, failure, who.Client); counted != nil {
		return nil, counted
	}
	return nil, err
}

// StepUpFailure is the event of a proof that was refused.
func StepUpFailure(who Prover, method string, code authcore.Code, at time.Time) authcore.Event {
	failure := audit.Failure(authcore.EventStepUpFailed, who.Account.ID, who.Client, code, at)
	failure.SessionID, failure.Method = who.Session, method
	return failure
}
