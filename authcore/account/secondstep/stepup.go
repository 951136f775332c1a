package secondstep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// StepUp is the part of a Flow that is for who is signed in already and proves again who they are. What waits is a pending sign-in that is
// bound to its session: it dies with that one, besides all that a sign-in that waits dies with, and what ends it puts another session in
// its place. It is always the account's of that session: nobody else can sign in by it. It is safe for concurrent use.
type StepUp struct{ *Flow }

// StepUpInput says who proves themselves again.
type StepUpInput struct {
	Account authcore.Account
	Session uuid.UUID // that is replaced
	AMR     []string  // what was proven with the call; nil for nothing
	// MFA asks for two kinds of proof, also where sign-ins of the account ask for one.
	MFA bool
	// Since is when the session was signed in, by SignedBy, where that counts and the rest alone is asked for. It stays the time of the new
	// session's sign-in: what was given then was not given anew. Zero: all is asked for.
	Since    time.Time
	SignedBy []string
	// First is the method, or the id of the factor, that is to be asked for first; "" is any.
	First   string
	Request session.Request
}

// Ways returns all by which the step-up could go on, or what can be added where that is all that is left. It changes nothing, and sends
// nothing.
func (f StepUp) Ways(ctx context.Context, in StepUpInput) ([]Method, []authcore.FactorType, error) {
	factors, err := f.cfg.Factors.Of(ctx, in.Account.ID)
	if err != nil {
		return nil, nil, err
	}
	p := f.counted(in, factors).prepare(authcore.PendingSignIn{})
	n := f.lacks(in.Account, factors, p.AMR, p.WantsMFA)
	return n.methods, n.enrol, nil
}

// counted is the input without a sign-in of long ago, where the account has no factor and may be led to add one: whoever holds a session that
// was signed in by a mailed code last month must not add a factor of their own by it (contract §11, as at the account page).
func (f StepUp) counted(in StepUpInput, factors []authcore.Factor) StepUpInput {
	if !factor.HasSecond(factors) && !in.Since.IsZero() && f.now().After(in.Since.Add(f.cfg.FreshFor())) {
		in.Since, in.SignedBy = time.Time{}, nil
	}
	return in
}

// prepare fills in what is of a step-up.
func (in StepUpInput) prepare(p authcore.PendingSignIn) authcore.PendingSignIn {
	p.SessionID, p.AMR, p.WantsMFA = in.Session, in.AMR, in.MFA
	if !in.Since.IsZero() {
		p.AuthTime, p.AMR = in.Since, append(slices.Clone(in.SignedBy), in.AMR...)
	}
	p.Method, p.DeviceName, p.ShortLived, p.TrustDevice = "", "", false, false
	return p
}

// Begin replaces the session where what was proven is all that is asked for, and else says what is. Refusals are those of
// [session.Sessions.Replace]. An account that was disabled, deleted or reset since it was read is [authcore.InvalidToken].
func (f StepUp) Begin(ctx context.Context, in StepUpInput) (Outcome, error) {
	factors, err := f.cfg.Factors.Of(ctx, in.Account.ID)
	if err != nil {
		return Outcome{}, err
	}
	r := in.Request
	p, token := f.prepare(in.Account, r)
	p = f.counted(in, factors).prepare(p)
	n := f.lacks(in.Account, factors, p.AMR, p.WantsMFA)
	if n.done {
		return f.replace(ctx, in.Account, p, p.AMR, r)
	}
	if at := slices.IndexFunc(n.methods, func(m Method) bool { return m.Method == in.First || m.Factor.ID.String() == in.First }); at > 0 {
		first := n.methods[at]
		n.methods = slices.Insert(slices.Delete(n.methods, at, at+1), 0, first)
	}
	switch err := f.cfg.Store.SavePending(ctx, p, authcore.Effects{}); {
	case errors.Is(err, authcore.ErrNotFound):
		return Outcome{}, authcore.ErrSessionEnded
	case err != nil:
		return Outcome{}, fmt.Errorf("save pending step-up: %w", err)
	}
	return f.pending(ctx, in.Account, p, token, n, "", r.Client)
}

// lacks decides what a step-up still asks for after the proofs in have (contract §6.2, §8.2): all that a sign-in asks for, and of an account
// whose sign-ins ask for one kind, one. It is the one place that does. Unlike a sign-in, which begins with the way that was chosen, it offers
// every way there is.
func (f StepUp) lacks(a authcore.Account, factors []authcore.Factor, have []string, mfa bool) next {
	if n, applies := Existing(f).next(a, factors, have); applies && !n.done {
		return n
	}
	if !mfa && !f.asks(a) {
		if len(have) > 0 {
			return next{done: true}
		}
		return next{methods: f.single(a, factors)}
	}
	n := f.next(a, factors, have)
	if n.done || !factor.HasSecond(factors) {
		return n // who has no factor is asked for the code to their address first, then for the password
	}
	given := kindsGiven(a, have)
	with := func(m Method, kind string) {
		if slices.Contains(given, kind) || slices.ContainsFunc(n.methods, func(x Method) bool { return x.Method == m.Method }) {
			return
		}
		at := slices.IndexFunc(n.methods, func(x Method) bool { return x.Method == string(authcore.FactorRecovery) })
		if at < 0 {
			at = len(n.methods)
		}
		n.methods = slices.Insert(n.methods, at, m)
	}
	if f.cfg.password(a) != "" {
		with(Method{Method: MethodPassword}, kindOfPassword(a))
	} else if own := ownChannel(a, f.cfg.Texts); own.Type != "" && !slices.ContainsFunc(factors, func(x authcore.Factor) bool { return x.Type == own.Type }) {
		with(Method{Method: string(own.Type), Factor: own}, factor.AMR(own.Type)) // it stands for the password, as at a sign-in by code
	}
	return n
}

// single are the ways of which one is enough: a code to the verified address, the password, a code to the verified number, a passkey.
func (f StepUp) single(a authcore.Account, factors []authcore.Factor) (all []Method) {
	if a.EmailVerified() {
		all = append(all, Method{Method: string(authcore.FactorEmail), Factor: authcore.Factor{AccountID: a.ID, Type: authcore.FactorEmail, Address: a.Email}})
	}
	if f.cfg.password(a) != "" {
		all = append(all, Method{Method: MethodPassword})
	}
	if a.PhoneVerified() && f.cfg.Texts {
		all = append(all, Method{Method: string(authcore.FactorSMS), Factor: authcore.Factor{AccountID: a.ID, Type: authcore.FactorSMS, Address: a.Phone}})
	}
	for _, x := range factors {
		if x.Type == authcore.FactorPasskey {
			all = append(all, Method{Method: string(x.Type), Factor: x})
		}
	}
	return all
}

// tryPassword tries the password of who is signed in: a lock of the account does not hold them up, but their session has few tries.
func (f StepUp) tryPassword(ctx context.Context, s started, typed string, c authcore.Client) error {
	_, err := f.proofs.Try(ctx, attempt.Prover{Account: s.account, Session: s.pending.SessionID, Family: s.pending.SessionID, Client: c}, func() ([]string, error) {
		if err := password.Prove(ctx, f.cfg.Hasher, f.cfg.Policy, f.cfg.password(s.account), typed); err != nil {
			return nil, err
		}
		return []string{authcore.AMRPassword}, nil
	})
	if errors.Is(err, attempt.ErrClosed) {
		return authcore.RefuseFor(authcore.TooManyAttempts, "Too many wrong passwords. Prove yourself otherwise, or try again later.", time.Minute)
	}
	return err
}

// failed tells of a proof that was refused, and returns err. Wrong passwords are told of where they are counted.
func (f StepUp) failed(ctx context.Context, s started, m Method, c authcore.Client, err error) error {
	code := authcore.CodeOf(err)
	if m.Method == MethodPassword || code != authcore.InvalidCode && code != authcore.InvalidPasskey && code != authcore.TooManyAttempts {
		return err
	}
	who := attempt.Prover{Account: s.account, Session: s.pending.SessionID, Client: c}
	failure := attempt.StepUpFailure(who, m.Method, code, f.now())
	if stored := f.cfg.Store.Record(context.WithoutCancel(ctx), authcore.Effects{Events: []authcore.Event{failure}}); stored != nil {
		return fmt.Errorf("record failure: %w", stored)
	}
	return err
}

// finish ends a step-up that has waited.
func (f StepUp) finish(ctx context.Context, s started, have []string, r session.Request) (Outcome, error) {
	r.Step.Pending = s.pending.ID
	out, err := f.replace(ctx, s.account, s.pending, have, r)
	if authcore.CodeOf(err) == authcore.InvalidToken { // another request was faster, or the session has ended meanwhile
		return Outcome{}, errInvalidToken()
	}
	return out, err
}

// replace ends a step-up that has given all that is asked for.
func (f StepUp) replace(ctx context.Context, a authcore.Account, p authcore.PendingSignIn, have []string, r session.Request) (Outcome, error) {
	r.Method = wayOf(have)
	r.Step.AuthTime = p.AuthTime
	r.Step.ForgetReset = forgetsReset(a, have)
	tokens, err := f.cfg.Sessions.Replace(ctx, a, p.SessionID, Complete(a, have), r)
	return Outcome{Tokens: tokens, SteppedUp: true}, err
}

// wayOf is the way in that the proofs of a step-up stand for, as events have it.
func wayOf(amr []string) string {
	switch {
	case slices.Contains(amr, authcore.AMRPassword):
		return audit.ByPassword
	case slices.Contains(amr, "hwk"), slices.Contains(amr, "swk"):
		return audit.ByPasskey
	}
	return audit.ByCode
}
