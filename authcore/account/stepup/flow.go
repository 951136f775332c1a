package stepup

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
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
	Store Store
	Gate  *fresh.Gate
	Steps *secondstep.Flow // that ask for what is missing
	Trace authcore.Trace   // of the beginning of every step-up; it may be nil
}

// Flow begins step-ups. It is safe for concurrent use.
type Flow struct {
	cfg   Config
	steps secondstep.StepUp
}

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Gate == nil || cfg.Steps == nil {
		return nil, errors.New("stepup: store, gate and second steps are required")
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	return &Flow{cfg, secondstep.StepUp{Flow: cfg.Steps}}, nil
}

// Input says by what somebody proves themselves, and what for.
type Input struct {
	Proof fresh.Proof // nothing: the outcome says what would do
	// MFA asks for two kinds of proof, also where sign-ins of the account ask for one.
	MFA bool
	// Add counts what the session was signed in by, with the time of that: only what it lacks is asked for. With a proof it is nothing.
	Add     bool
	First   string          // the method, or the id of the factor, that is to be asked for first; "" is any
	Request session.Request // of it Mode and Client count
}

// Begin proves who is signed in by what in has, always as the account of who: nobody else can sign in by it (the session is that account's,
// and so is the new one). Where that is all that is asked for, the outcome is the session that takes the old one's place, see
// [session.Sessions.Replace]; else, and with nothing given, a step-up that waits for the rest.
//
// Refusals: [authcore.Forbidden] for a child session, which its host alone has and no owner ever signed in to;
// [authcore.InvalidFields] for a code without a password; [authcore.InvalidCredentials], [authcore.InvalidCode] and
// [authcore.TooManyAttempts], counted as the gate counts them, and [authcore.ReauthenticationRequired], unchecked, once there were too
// many; [authcore.InvalidToken] when account or session is gone; [authcore.Unavailable].
func (f *Flow) Begin(ctx context.Context, who *authcore.Principal, in Input) (secondstep.Outcome, error) {
	ctx, done := f.cfg.Trace(ctx, "step up")
	out, err := f.begin(ctx, who, in)
	done(out.Traced(err))
	return out, err
}

func (f *Flow) begin(ctx context.Context, who *authcore.Principal, in Input) (secondstep.Outcome, error) {
	if who.Origin != "" {
		return secondstep.Outcome{}, errBranch()
	}
	account, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, who.AccountID))
	if err != nil {
		return secondstep.Outcome{}, err
	}
	amr, err := f.prove(ctx, who, in.Proof, in.Request.Client)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	if account.Epoch != who.Epoch { // the password was changed since the token was made
		return secondstep.Outcome{}, authcore.ErrSessionEnded
	}
	return f.steps.Begin(ctx, inputOf(account, who, amr, in))
}

// Ways returns what who could go on with if they gave nothing, or the types of factor of which one is to be added. It changes nothing, and
// sends nothing. Refusals are those of Begin.
func (f *Flow) Ways(ctx context.Context, who *authcore.Principal, in Input) ([]secondstep.Method, []authcore.FactorType, error) {
	if who.Origin != "" {
		return nil, nil, errBranch()
	}
	account, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, who.AccountID))
	if err != nil {
		return nil, nil, err
	}
	return f.steps.Ways(ctx, inputOf(account, who, nil, in))
}

func inputOf(a authcore.Account, who *authcore.Principal, proved []string, in Input) secondstep.StepUpInput {
	out := secondstep.StepUpInput{Account: a, Session: who.SessionID, AMR: proved, MFA: in.MFA, First: in.First, Request: in.Request}
	if in.Add && proved == nil && authcore.ACR(who.AMR) == authcore.ACRSingle {
		out.Since, out.SignedBy = who.AuthTime, who.AMR
	}
	return out
}

func errBranch() error {
	return authcore.Refuse(authcore.Forbidden, "This session was handed over from another host. Prove yourself where you signed in.")
}

// prove tries what was given with the call, and returns what it has shown.
func (f *Flow) prove(ctx context.Context, who *authcore.Principal, p fresh.Proof, c authcore.Client) ([]string, error) {
	if p.Password == "" {
		if p.OTP != "" {
			return nil, authcore.RefuseField("password", authcore.Required)
		}
		return nil, nil
	}
	amr, err := f.cfg.Gate.Prove(ctx, who, p, c)
	if p.OTP == "" && authcore.CodeOf(err) == authcore.MFARequired { // the password is right: the rest is asked for
		return []string{authcore.AMRPassword}, nil
	}
	return amr, err
}
