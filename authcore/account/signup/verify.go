package signup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
)

// VerifyInput is the proof of an address, as it came: the token of the link, or address or number and code; and what shows that the
// prover is who registered.
type VerifyInput struct {
	Token        string
	Email, Phone string // one of them, with OTP
	OTP          string

	Proof       string // the registration secret
	Password    string // the one chosen at registration
	NewPassword string // instead of all that was given at registration

	// NoSession: nobody is signed in. The account is made, or its address verified, and the outcome is empty.
	NoSession bool
	Request   session.Request // AMR and Method are set here
}

// Verify makes the account of a verified address or number, or marks that of an existing one as verified, and signs in or, where a second factor is asked for, begins a sign-in that waits for it. Nothing
// is spent unless it succeeds, except an attempt for a wrong code. Of several callers with one code exactly one succeeds. What other
// accounts claim of it ends.
//
// NewPassword, where given, wins over the other proofs: the account gets the address and that password and nothing else,
// so that a registration secret somebody slipped into a browser cannot keep their password or names alive. A username that
// was taken while the registration waited is left out.
//
// The session's amr is email or, where the code came by SMS, sms (RFC 8176); with the password given in the same request, pwd too.
//
// Refusals: [authcore.InvalidRequest], [authcore.InvalidFields], [authcore.InvalidCode], [authcore.TooManyAttempts],
// [authcore.RegistrationProofRequired], [authcore.Blocked], [authcore.Unavailable].
func (f *Flow) Verify(ctx context.Context, in VerifyInput) (secondstep.Outcome, error) {
	step := StepCode
	if in.Token != "" {
		step = StepLink
	}
	if in.NoSession { // it is no sign-in, and is not counted as one
		return verify(ctx, f, in)
	}
	ctx, done := f.cfg.Trace(ctx, step)
	out, err := verify(ctx, f, in)
	done(out.Traced(err))
	return out, err
}

func verify(ctx context.Context, f *Flow, in VerifyInput) (secondstep.Outcome, error) {
	if err := f.cfg.Steps.MayLoginFrom(in.Request.Client); err != nil {
		return secondstep.Outcome{}, err
	}
	shown, err := f.readInput(&in)
	if err != nil {
		return secondstep.Outcome{}, f.withEveryRule(ctx, shown, in.NewPassword, err)
	}
	ch, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeVerifyEmail, shown)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	claimed, err := f.claim(ctx, targetOf(ch.Subject), in)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	claimed.noSession = in.NoSession
	in.Request.AMR, in.Request.Method = claimed.amr, audit.ByCode
	if in.Token != "" {
		in.Request.Method = audit.ByLink
	}
	return f.complete(ctx, ch, claimed, in.Request)
}

// readInput checks everything that needs no look-up, before an attempt is spent.
func (f *Flow) readInput(in *VerifyInput) (challenge.Credentials, error) {
	var broken authcore.FieldErrors
	shown := challenge.Credentials{Token: in.Token}
	switch {
	case in.Token != "" && in.OTP != "":
		return shown, authcore.Refuse(authcore.InvalidRequest, "Send either the token of the link, or email and otp.")
	case in.Token == "" && in.OTP == "" && in.Email == "" && in.Phone == "", in.Email != "" && in.Phone != "":
		return shown, authcore.Refuse(authcore.InvalidRequest, "Send the token of the link, or email or phone and otp.")
	case in.Token == "":
		name, normalise, typed := "email", identifier.Email, in.Email
		if in.Phone != "" {
			name, normalise, typed = "phone", f.numbers().Read, in.Phone
		}
		address, err := normalise(typed)
		broken.AddError(name, err)
		if in.OTP == "" {
			broken.Add("otp", authcore.CodeRequired)
		}
		shown.Subject, shown.Code = address, in.OTP
	}
	switch {
	case in.NewPassword == "":
	case f.cfg.Settings.Passwords == wayin.PasswordsOff:
		broken.Add("new_password", authcore.PasswordsOff)
	default:
		_, rules := password.Check(f.cfg.Policy, in.NewPassword, shown.Subject)
		broken.AddErrors("new_password", rules...)
	}
	device, err := identifier.DeviceName(in.Request.DeviceName)
	broken.AddError("device_name", err)
	in.Request.DeviceName = device
	return shown, broken.Refusal()
}

// withEveryRule returns the refusal of a new password with the rules that only the address shows, which a good link knows. To look
// at a link costs nothing.
func (f *Flow) withEveryRule(ctx context.Context, shown challenge.Credentials, typed string, refused error) error {
	var e *authcore.Error
	if shown.Token == "" || !errors.As(refused, &e) || len(e.Fields.At("new_password")) == 0 || f.cfg.Settings.Passwords == wayin.PasswordsOff {
		return refused
	}
	ch, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeVerifyEmail, shown)
	if err != nil {
		return refused
	}
	_, rules := password.Check(f.cfg.Policy, typed, ch.Subject)
	e.Fields = slices.DeleteFunc(e.Fields, func(f authcore.FieldError) bool { return f.Field == "new_password" })
	e.Fields.AddErrors("new_password", rules...)
	return refused
}

// complete consumes the challenge together with everything it brings about.
func (f *Flow) complete(ctx context.Context, ch authcore.Challenge, c claim, r session.Request) (secondstep.Outcome, error) {
	now, to, signsIn := f.now(), targetOf(ch.Subject), ch.Purpose == authcore.PurposeSignIn
	if signsIn {
		to = targetOf(ch.SentTo)
	}
	account := c.account
	if err := mayEnter(f.cfg, c, r.Client); err != nil {
		return secondstep.Outcome{}, err
	}
	if to.channel == authcore.BySMS {
		account.PhoneVerifiedAt = now
	} else {
		account.EmailVerifiedAt = now
	}
	plan, err := planFor(ctx, f, account, c, r)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	// Nobody is told of a new device: no address was verified before.
	plan.Effects.Events = append(f.events(c, ch, r), plan.Effects.Events...)
	e := authcore.SignUp{
		ChallengeID: ch.ID, Purpose: ch.Purpose, Verified: to.identifier(), Unique: f.cfg.Settings.Identities, Account: account, Create: c.create,
		Closed: audit.Event(authcore.EventDisabled, uuid.Nil, authcore.Client{}, now), Opening: plan.SessionOpening, Pending: plan.Pending, Now: now,
	}
	if c.create {
		// Whoever proves the address without the registration that came with an invitation has none.
		if f.Mode() == Invite && c.invitation == uuid.Nil {
			return secondstep.Outcome{}, errNoInvitation()
		}
		e.Identifiers, e.Invited = f.cfg.Settings.identifiers(account), spends(f.cfg.Notices, c.invitation, r.Client)
	}
	stored, opened, err := f.cfg.Store.SignUp(ctx, e)
	var taken *authcore.TakenError
	if errors.As(err, &taken) && taken.Field == authcore.KindUsername && e.Account.Username != "" {
		// Who proves the address must not lose the sign-up to whoever took the name meanwhile.
		e.Account.Username = ""
		e.Identifiers = f.cfg.Settings.identifiers(e.Account)
		stored, opened, err = f.cfg.Store.SignUp(ctx, e)
	}
	if errors.Is(err, authcore.ErrNotFound) { // another request was faster
		return secondstep.Outcome{}, challenge.Refuse()
	}
	if err != nil {
		return secondstep.Outcome{}, refusal("complete sign-up", err)
	}
	if signsIn {
		f.cfg.Challenges.SignedIn(ctx, ch.Purpose, to.channel, to.address)
	} else {
		f.cfg.Challenges.Used(ctx, authcore.PurposeVerifyEmail, to.address)
	}
	if c.noSession {
		return secondstep.Outcome{}, nil
	}
	out, err := f.cfg.Steps.Planned(ctx, plan, stored, opened)
	if err != nil {
		return secondstep.Outcome{}, fmt.Errorf("sign in after sign-up: %w", err)
	}
	return out, nil
}

// planFor prepares the sign-in that completes a sign-up; an empty one where nobody is signed in.
func planFor(ctx context.Context, f *Flow, a authcore.Account, c claim, r session.Request) (*secondstep.Plan, error) {
	if c.noSession {
		return new(secondstep.Plan), nil
	}
	return f.cfg.Steps.Plan(ctx, a, c.create, r)
}

// mayEnter asks the rules again when a sign-up is completed, which signs in: they may be newer than what was sent.
func mayEnter(cfg Config, c claim, client authcore.Client) error {
	if c.create {
		if err := cfg.Blocks.MaySignUp(block.Of(c.account, client)); err != nil {
			return err
		}
	}
	if !cfg.Steps.MayLogin(c.account, client) {
		return challenge.Refuse()
	}
	return nil
}

func (f *Flow) events(c claim, ch authcore.Challenge, r session.Request) []authcore.Event {
	account, client := c.account.ID, r.Client
	var events []authcore.Event
	if c.create {
		registered := audit.Event(authcore.EventRegistered, account, client, f.now())
		if ch.Purpose == authcore.PurposeSignIn {
			registered.Method = r.Method
		}
		events = append(events, registered)
	}
	return append(events, audit.Event(authcore.EventVerified, account, client, f.now()))
}
