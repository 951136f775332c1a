package secondstep

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// Plan is a sign-in whose session is opened within the change that made or verified its account.
type Plan struct {
	session.SignIn
	// Pending is of [authcore.SignUp].
	Pending func(a authcore.Account) *authcore.PendingSignIn

	client  authcore.Client
	sentFor string                  // of [session.Request]
	waits   *authcore.PendingSignIn // what Pending returned last
	token   string
	next    next
}

// Plan prepares the sign-in of an account that is about to be made (made), or to be verified by the proof that signs in. The account
// is as it will be. What the store has done is for [Flow.Planned]. Refusals are those of opening sessions.
func (f *Flow) Plan(ctx context.Context, a authcore.Account, made bool, r session.Request) (*Plan, error) {
	plan, existing := &Plan{client: r.Client, sentFor: r.SentFor}, Existing{f}
	var factors []authcore.Factor
	var trusted bool
	var err error
	if !made {
		if factors, trusted, err = existing.read(ctx, a, r); err != nil {
			return nil, err
		}
	}
	waiting := r
	if !trusted && f.mayAsk(a) && existing.lacks(a, factors, r.AMR).done {
		r = f.complete(a, r)
	}
	if plan.SignIn, err = f.cfg.Sessions.PrepareSignIn(a, r); err != nil {
		return nil, err
	}
	plan.Pending = func(stored authcore.Account) *authcore.PendingSignIn {
		plan.waits = nil
		if trusted || !existing.asked(stored, factors, r.AMR) { // its roles may have come with an invitation
			return nil
		}
		if plan.next = existing.lacks(stored, factors, r.AMR); plan.next.done {
			return nil
		}
		p, token := f.prepare(stored, waiting)
		plan.waits, plan.token = &p, token
		return plan.waits
	}
	return plan, nil
}

// mayAsk reports whether sign-ins of the account may turn out to need a second factor.
func (f *Flow) mayAsk(a authcore.Account) bool { return f.asks(a) || len(f.cfg.Required.Roles) > 0 }

// Planned ends the sign-in of a plan whose account and session the store has returned.
func (f *Flow) Planned(ctx context.Context, plan *Plan, stored authcore.Account, opened authcore.Session) (Outcome, error) {
	if plan.waits != nil {
		return f.pending(ctx, stored, *plan.waits, plan.token, plan.next, plan.sentFor, plan.client)
	}
	tokens, err := f.cfg.Sessions.GrantSignIn(stored, opened, plan.SignIn)
	return Outcome{Tokens: tokens}, err
}
