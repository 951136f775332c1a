package secondstep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Input is the proof of a second step.
type Input struct {
	Token    string
	Method   string    // or
	FactorID uuid.UUID // that the proof is of; neither: the first method of all
	// One of them, as the method has it.
	Code, Password string
	Credential     json.RawMessage
	// Beside: the password came beside the code of the first step, and is taken though other methods are offered. Where the code went to a factor
	// of the account the two are all that is asked for.
	Beside      bool
	TrustDevice bool
	Request     session.Request // how the client is signed in now; what else the first step said holds
}

// Proceed takes the proof of a second step, and opens the session where nothing else is asked for. Of several callers with one proof
// exactly one gets it. What was proven is noted before anything else: a process that dies in between costs a code at most.
//
// Refusals: [authcore.InvalidMFAToken]; [authcore.InvalidFields] for a method that is not offered; [authcore.InvalidCode];
// [authcore.InvalidPasskey]; [authcore.TooManyAttempts]; [authcore.InvalidCredentials] and [authcore.AccountLocked] for a password.
func (f *Flow) Proceed(ctx context.Context, in Input) (Outcome, error) {
	s, err := f.load(ctx, in.Token, in.Request)
	if err != nil {
		return Outcome{}, err
	}
	trace, step := f.cfg.Trace, StepBy(s.pending.Method)
	if s.stepsUp() {
		trace, step = f.cfg.StepUps, "step up"
	}
	ctx, done := trace(ctx, step)
	out, err := f.proceed(ctx, s, in)
	done(out.Traced(err))
	return out, err
}

// StepBy is what a [Config.Trace] is told of: the second step of sign-ins by a method.
func StepBy(method string) string { return "second step by " + method }

func (f *Flow) proceed(ctx context.Context, s started, in Input) (Outcome, error) {
	if e := NewEnrolment(f); e.means(s, in) {
		return e.confirm(ctx, s, in)
	}
	m, offered := s.next.find(in.Method, in.FactorID)
	if in.Beside {
		m, offered = Method{Method: MethodPassword}, true
	}
	if !offered {
		return Outcome{}, authcore.RefuseField("method", authcore.NotOffered)
	}
	amr, err := f.prove(ctx, s, m, in)
	if err != nil {
		if s.stepsUp() {
			err = StepUp{f}.failed(ctx, s, m, in.Request.Client, err)
		}
		return Outcome{}, err
	}
	return step{f}.advance(ctx, s, amr, in)
}

// step is what every proof in a sign-in that waits has in common.
type step struct{ *Flow }

// advance goes on with a sign-in in which amr was given just now.
func (f step) advance(ctx context.Context, s started, amr []string, in Input) (Outcome, error) {
	have := append(slices.Clone(s.pending.AMR), amr...)
	n := s.lacks(f.Flow, have)
	switch {
	case n.done && s.stepsUp():
		return StepUp(f).finish(ctx, s, have, in.Request)
	case n.done:
		return f.finish(ctx, s, have, in)
	}
	switch err := f.cfg.Store.AdvancePending(ctx, s.pending.ID, s.pending.AMR, have, f.now()); {
	case errors.Is(err, authcore.ErrNotFound): // another request was faster
		return Outcome{}, errInvalidToken()
	case err != nil:
		return Outcome{}, fmt.Errorf("advance pending sign-in: %w", err)
	}
	return f.pending(ctx, s.account, s.pending, in.Token, n, "", in.Request.Client)
}

// started is a pending sign-in, and what it still lacks.
type started struct {
	pending authcore.PendingSignIn
	account authcore.Account
	factors []authcore.Factor
	next    next
}

// stepsUp reports whether it is a step-up.
func (s started) stepsUp() bool { return s.pending.SessionID != uuid.Nil }

// lacks is what is still asked for after the proofs in have.
func (s started) lacks(f *Flow, have []string) next {
	if s.stepsUp() {
		return StepUp{f}.lacks(s.account, s.factors, have, s.pending.WantsMFA)
	}
	return Existing{f}.lacks(s.account, s.factors, have)
}

// load finds a pending sign-in by its token. It is bound to how its token travels: what a browser keeps in a cookie that no script reads
// is no token of a program, and the reverse (L19). And to the browser or app that began it, as far as that can be known: whoever has read
// the token somewhere goes on with it from a program of their own.
func (f *Flow) load(ctx context.Context, token string, r session.Request) (s started, err error) {
	id, ours := f.cfg.Key().ParseToken(Prefix, token)
	if !ours {
		return s, errInvalidToken() // junk costs no query
	}
	s.pending, s.account, err = f.cfg.Store.Pending(ctx, uuid.UUID(id), secret.SumString(token), f.now())
	switch {
	case errors.Is(err, authcore.ErrNotFound), err == nil && !sameClient(f.cfg.Sessions, s.pending, r):
		return s, errInvalidToken()
	case err != nil:
		return s, fmt.Errorf("find pending sign-in: %w", err)
	}
	if !s.stepsUp() { // who steps up has signed in
		if err = f.MayLoginFrom(r.Client); err != nil {
			return s, err
		}
		if !f.MayLogin(s.account, r.Client) {
			return s, errInvalidToken()
		}
	}
	if s.factors, err = f.cfg.Factors.Of(ctx, s.account.ID); err != nil {
		return s, err
	}
	s.next = s.lacks(f, s.pending.AMR)
	return s, nil
}

// sameClient reports whether a request may be of the browser or app that began a sign-in. It is known by how its tokens travel and by its
// user agent, as at a refresh, and by the token that a device keeps, where both requests have one. A sign-in that a node of the release
// before has begun says nothing of the user agent.
func sameClient(sessions *session.Sessions, p authcore.PendingSignIn, r session.Request) bool {
	if p.Mode != r.Mode || !p.ClientDigest.IsZero() && !p.ClientDigest.Equal(clientDigest(r.Client)) {
		return false
	}
	device, ours := sessions.DeviceDigest(r.DeviceToken)
	return !ours || p.DeviceDigest.IsZero() || p.DeviceDigest.Equal(device)
}

func clientDigest(c authcore.Client) secret.Digest { return secret.SumString(audit.UserAgent(c)) }

// Show returns a pending sign-in as it is, and changes nothing but that options for keys are new: those before are dead.
// [authcore.InvalidMFAToken].
func (f *Flow) Show(ctx context.Context, token string, r session.Request) (*Pending, error) {
	s, err := f.load(ctx, token, r)
	if err != nil {
		return nil, err
	}
	return f.show(ctx, s.account, s.pending, token, s.next, r.Client)
}

// Send sends the code of a method, and returns how long it is good. Asked again too soon it sends nothing, and the code that is out stays
// good. Refusals: [authcore.InvalidMFAToken], [authcore.InvalidFields], [authcore.RateLimited], [authcore.Unavailable].
func (f *Flow) Send(ctx context.Context, token, method string, id uuid.UUID, r session.Request) (time.Duration, error) {
	s, err := f.load(ctx, token, r)
	if err != nil {
		return 0, err
	}
	m, offered := s.next.find(method, id)
	if !offered || !sendable(m) {
		return 0, authcore.RefuseField("method", authcore.NotOffered)
	}
	return f.cfg.Factors.Send(ctx, s.account, m.Factor, s.pending.ID.String(), r.Client)
}

// prove tries the proof of a method, and returns what it is worth.
func (f *Flow) prove(ctx context.Context, s started, m Method, in Input) ([]string, error) {
	if m.Method == MethodPassword {
		if in.Password == "" {
			return nil, authcore.RefuseField("password", authcore.Required)
		}
		if s.stepsUp() {
			return []string{authcore.AMRPassword}, StepUp{f}.tryPassword(ctx, s, in.Password, in.Request.Client)
		}
		return []string{authcore.AMRPassword}, f.provePassword(ctx, s, in.Password, in.Request)
	}
	if in.Code == "" && len(in.Credential) == 0 {
		return nil, authcore.RefuseField("code", authcore.CodeRequired)
	}
	id := m.Factor.ID
	if keyed(m) {
		id = uuid.Nil // the options were for all of the type
	}
	var proved factor.Proved
	err := step{f}.attempt(ctx, s, func() (err error) {
		proved, err = f.verify(ctx, s.account, factor.Given{
			Type: m.Factor.Type, FactorID: id, Code: in.Code, Credential: in.Credential, Subject: s.pending.ID.String(), Client: in.Request.Client,
		})
		return err
	})
	return proved.AMR, err
}

// attempt has a code or credential looked at. The attempt is taken before that: of a hundred guesses that come at once no more are looked at
// than may be (O01). It is given back unless the code is wrong.
func (f step) attempt(ctx context.Context, s started, look func() error) error {
	switch err := f.cfg.Store.SpendAttempt(ctx, s.pending.ID, f.now()); {
	case errors.Is(err, authcore.ErrNotFound):
		return errInvalidToken()
	case err != nil:
		return fmt.Errorf("spend attempt: %w", err)
	}
	err := look()
	if !authcore.Guessed(err) {
		returned := f.cfg.Store.ReturnAttempt(context.WithoutCancel(ctx), s.pending.ID, f.now())
		if returned != nil && !errors.Is(returned, authcore.ErrNotFound) && err == nil {
			err = fmt.Errorf("return attempt: %w", returned)
		}
	}
	return err
}

// finish opens the session of a pending sign-in, which ends by it.
func (f *Flow) finish(ctx context.Context, s started, have []string, in Input) (Outcome, error) {
	r, p := in.Request, s.pending
	r.DeviceName, r.ShortLived, r.Method, r.AMR = p.DeviceName, p.ShortLived, p.Method, have
	r.Provider = p.Provider
	r.TrustDevice = p.TrustDevice || in.TrustDevice
	r.Step = session.Step{Pending: p.ID, DeviceDigest: p.DeviceDigest}
	out, err := f.open(ctx, s.account, f.complete(s.account, r))
	if errors.Is(err, authcore.ErrNotFound) { // another request was faster, or the account disabled or reset meanwhile
		return Outcome{}, errInvalidToken()
	}
	return out, err
}

func errInvalidToken() error {
	return authcore.Refuse(authcore.InvalidMFAToken, "This sign-in has expired, was finished already, or had too many wrong codes. Sign in again.")
}
