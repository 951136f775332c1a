package secondstep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Outcome is what a right proof leads to: a session or, where more is asked for, a pending sign-in.
type Outcome struct {
	Tokens    session.Tokens
	Pending   *Pending // nil: Tokens is the session
	Codes     []string // recovery codes that were made just now, with the account's first factor; they are shown this once
	SteppedUp bool     // the session has taken the place of the one that the client had: there is none left to end
}

// Traced is the outcome as traces have it: err, or [authcore.ErrSecondStep] for a sign-in that waits.
func (o Outcome) Traced(err error) error {
	if err == nil && o.Pending != nil {
		return authcore.ErrSecondStep
	}
	return err
}

// Pending is a sign-in that waits for what Methods and Enrol say.
type Pending struct {
	Token     string // that finishes it
	StepUp    bool   // it is one of who is signed in already
	Mode      authcore.Mode
	ExpiresIn time.Duration
	Methods   []Method
	Enrol     []authcore.FactorType // of which one is to be added, see [Enrolment.Begin]
}

// Finish ends a way in, for an account whose own proof is r.AMR: every way calls it in place of opening a session by itself. A code in
// r.OTP does the second step at once. Refusals: [authcore.InvalidCode] and [authcore.TooManyAttempts] for that code. An account that was
// disabled, deleted or reset since it was read, and one that a rule keeps out, is [authcore.ErrNotFound]; [authcore.Blocked] is for the client's address.
func (f *Flow) Finish(ctx context.Context, a authcore.Account, r session.Request) (Outcome, error) {
	if err := f.MayLoginFrom(r.Client); err != nil {
		return Outcome{}, err
	}
	if !f.MayLogin(a, r.Client) {
		return Outcome{}, authcore.ErrNotFound
	}
	existing := Existing{f}
	factors, trusted, err := existing.read(ctx, a, r)
	if err != nil {
		return Outcome{}, err
	}
	if trusted || !existing.asked(a, factors, r.AMR) {
		return f.open(ctx, a, r)
	}
	n := existing.lacks(a, factors, r.AMR)
	if !n.done && r.OTP != "" {
		proved, err := Ahead{f}.prove(ctx, a, n, r.OTP, r.SentFor, r.Client)
		if err != nil {
			return Outcome{}, err
		}
		r.AMR = append(slices.Clone(r.AMR), proved.AMR...)
		n = existing.lacks(a, factors, r.AMR)
	}
	if n.done {
		return f.open(ctx, a, f.complete(a, r))
	}
	p, token := f.prepare(a, r)
	if err := f.cfg.Store.SavePending(ctx, p, authcore.Effects{}); err != nil {
		return Outcome{}, fmt.Errorf("save pending sign-in: %w", err)
	}
	return f.pending(ctx, a, p, token, n, r.SentFor, r.Client)
}

// entry is what rules say of who comes in.
type entry struct{ blocks *block.Blocks }

// MayLoginFrom returns nil, or [authcore.Blocked] where a rule keeps the client's address from signing in. Every way in asks it before
// anything else, when it starts and when it is redeemed.
func (e entry) MayLoginFrom(c authcore.Client) error { return e.blocks.MayLoginFrom(c) }

// MayLogin reports whether no rule keeps the account from signing in. Every way in answers as for an account that is disabled.
func (e entry) MayLogin(a authcore.Account, c authcore.Client) bool {
	return e.blocks.MayLogin(block.Of(a, c))
}

// open opens the session.
func (f *Flow) open(ctx context.Context, a authcore.Account, r session.Request) (Outcome, error) {
	r.Step.ForgetReset = forgetsReset(a, r.AMR)
	tokens, err := f.cfg.Sessions.Start(ctx, a, r)
	return Outcome{Tokens: tokens}, err
}

// forgetsReset reports whether a password that a reset has set is worth a password again: another kind of proof has been given (contract §8.2).
func forgetsReset(a authcore.Account, amr []string) bool {
	return a.PasswordBy != "" && factor.Kinds(kindsGiven(a, amr)) > 1
}

// Complete returns the amr of a proof with what it makes of them: the one place where two kinds become "mfa" (RFC 8176).
func Complete(a authcore.Account, amr []string) []string {
	if factor.Kinds(kindsGiven(a, amr)) > 1 && !slices.Contains(amr, authcore.AMRMulti) {
		return append(slices.Clone(amr), authcore.AMRMulti)
	}
	return amr
}

// complete is Complete for a sign-in that has given all that is asked for.
func (f *Flow) complete(a authcore.Account, r session.Request) session.Request {
	r.AMR = Complete(a, r.AMR)
	if r.TrustDevice && f.cfg.TrustFor > 0 {
		r.Step.TrustUntil = f.now().Add(f.cfg.TrustFor)
	}
	return r
}

// trusted reports whether the account asks the device for no second factor. It is never a factor: such a session is one of a single kind.
func (f *Flow) trusted(ctx context.Context, a authcore.Account, token string) (bool, error) {
	digest, ours := f.cfg.Sessions.DeviceDigest(token)
	if !ours || f.cfg.TrustFor == 0 {
		return false, nil
	}
	trusted, err := f.cfg.Store.DeviceTrusted(ctx, a.ID, digest, f.now())
	if err != nil {
		return false, fmt.Errorf("look for trusted device: %w", err)
	}
	return trusted, nil
}

// prepare makes a pending sign-in and its token.
func (f *Flow) prepare(a authcore.Account, r session.Request) (authcore.PendingSignIn, string) {
	now, id := f.now(), uuid.Must(uuid.NewV7())
	token := f.cfg.Key().IssueToken(Prefix, id)
	p := authcore.PendingSignIn{
		ID: id, AccountID: a.ID, AccountEpoch: a.Epoch, TokenDigest: secret.SumString(token), Mode: r.Mode, Method: r.Method, AMR: r.AMR,
		DeviceName: r.DeviceName, ShortLived: r.ShortLived, TrustDevice: r.TrustDevice, AttemptsLeft: attempts, Challenge: r.Challenge, Provider: r.Provider,
		ClientDigest: clientDigest(r.Client), CreatedAt: now, ExpiresAt: now.Add(f.cfg.Lifetime()),
	}
	p.DeviceDigest, _ = f.cfg.Sessions.DeviceDigest(r.DeviceToken)
	return p, token
}

// pending says how to go on, and sends the code of the first method where that is one that is sent. What cannot be sent now can be asked
// for again: the sign-in waits.
//
// sentFor is of [session.Request]; "" for the sign-in.
func (f *Flow) pending(ctx context.Context, a authcore.Account, p authcore.PendingSignIn, token string, n next, sentFor string, c authcore.Client) (Outcome, error) {
	if len(n.methods) > 0 && sendable(n.methods[0]) {
		_, err := f.cfg.Factors.Send(ctx, a, n.methods[0].Factor, cmp.Or(sentFor, p.ID.String()), c)
		var refusal *authcore.Error
		if err != nil && !errors.As(err, &refusal) && !errors.Is(err, authcore.ErrUnavailable) {
			return Outcome{}, err
		}
		n.methods[0].Sent = err == nil
	}
	shown, err := f.show(ctx, a, p, token, n, c)
	return Outcome{Pending: shown}, err
}

// show says how to go on and what can be added, with options for the keys among the methods. Those of a type have the same: the browser asks its user which.
func (f *Flow) show(ctx context.Context, a authcore.Account, p authcore.PendingSignIn, token string, n next, c authcore.Client) (*Pending, error) {
	options := map[authcore.FactorType]json.RawMessage{}
	for i, m := range n.methods {
		if !keyed(m) {
			continue
		}
		made, known := options[m.Factor.Type]
		if !known {
			var err error
			if made, err = f.cfg.Factors.Ask(ctx, a, m.Factor.Type, p.ID.String(), c); err != nil {
				return nil, err
			}
			options[m.Factor.Type] = made
		}
		n.methods[i].Options = made
	}
	// What cannot be added at this host is not offered at it. It counts all the same: nobody gets past a step by the host they come to.
	enrol := slices.DeleteFunc(slices.Clone(n.enrol), func(t authcore.FactorType) bool { return !f.cfg.Factors.CanAdd(t, c) })
	return &Pending{Token: token, StepUp: p.SessionID != uuid.Nil, Mode: p.Mode, ExpiresIn: p.ExpiresAt.Sub(f.now()), Methods: n.methods, Enrol: enrol}, nil
}

func keyed(m Method) bool {
	return m.Method == string(authcore.FactorPasskey) || m.Method == string(authcore.FactorSecurityKey)
}

func sendable(m Method) bool {
	return m.Method == string(authcore.FactorEmail) || m.Method == string(authcore.FactorSMS)
}

// givenOTP is what came beside the first proof: the code of an app, or a recovery code.
func givenOTP(otp string, c authcore.Client) factor.Given {
	g := factor.Given{Type: authcore.FactorTOTP, Code: otp, Client: c}
	if factor.IsRecoveryForm(otp) {
		g.Type = authcore.FactorRecovery
	}
	return g
}
