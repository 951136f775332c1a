package passwordless

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Input is a try to sign in: the login that the code was asked for and the code, or the token of the link. With a token a code may come
// from where the binding is not: the token then says whose code it is.
type Input struct {
	Login
	OTP     string
	Token   string
	Binding string
	// New is what a new account is to have: the address or number is the one that is proven.
	New signup.RegisterInput
	// Registered is the password of a registration that waits for the address or number that is proven: what that holds makes the account,
	// in place of New. "" for none.
	Registered string
	Request    session.Request // AMR, Method and Challenge are set here
}

// Finish signs in, or begins a sign-in that waits for a second step. Nothing is spent unless it succeeds, except an attempt for a wrong
// code. Of several callers with one code or link exactly one succeeds. Whether the account may sign in is asked anew: it may have been
// disabled, or have another address, since the code was sent. A lock of its password keeps nobody out here (contract §6.1).
//
// Refusals: [authcore.NotFound] where the way is off; [authcore.InvalidRequest]; [authcore.InvalidFields]; [authcore.InvalidCode];
// [authcore.BindingRequired] for a link alone where its binding is not; [authcore.TooManyAttempts]; those of [secondstep.Flow.Finish]; with
// by_code, for who is new, those of [signup.ByCode.SignUp].
func (f *Flow) Finish(ctx context.Context, in Input) (secondstep.Outcome, error) {
	step := signup.StepLink
	if in.OTP != "" || in.Token == "" {
		step = signup.StepCode
	}
	ctx, done := f.cfg.Trace(ctx, step)
	out, err := f.finish(ctx, in)
	done(out.Traced(err))
	return out, err
}

func (f *Flow) finish(ctx context.Context, in Input) (out secondstep.Outcome, err error) {
	if !f.cfg.Ways.Any() {
		return out, errOff()
	}
	if err := f.cfg.Steps.MayLoginFrom(in.Request.Client); err != nil {
		return out, err
	}
	if err := f.readInput(&in); err != nil {
		return out, err
	}
	ch, account, err := f.prove(ctx, in)
	if err != nil {
		return out, err
	}
	in.Request.Challenge, in.Request.Method = ch.ID, audit.ByLink
	if in.OTP != "" {
		in.Request.Method = audit.ByCode
	}
	in.Request.AMR = challenge.AMR(authcore.PurposeSignIn, channelOf(ch))
	if ch.AccountID == uuid.Nil {
		in.New.Client = in.Request.Client
		if in.Registered != "" {
			return f.cfg.ByCode.Registered(ctx, ch, in.Registered, in.Request)
		}
		return f.cfg.ByCode.SignUp(ctx, ch, in.New, in.Request)
	}
	out, err = f.cfg.Steps.Finish(ctx, verified(account, ch, f.now()), in.Request)
	if errors.Is(err, authcore.ErrNotFound) { // another request was faster, or the account was disabled or changed meanwhile
		return out, challenge.Refuse()
	}
	if err != nil {
		return out, fmt.Errorf("sign in without a password: %w", err)
	}
	f.cfg.Challenges.SignedIn(ctx, authcore.PurposeSignIn, channelOf(ch), ch.SentTo)
	return out, nil
}

// readInput checks everything that needs no look-up, before an attempt is spent.
func (f *Flow) readInput(in *Input) error {
	named := in.Login != Login{}
	switch {
	case in.Token != "" && named:
		return authcore.Refuse(authcore.InvalidRequest, "Send either the token of the link, or login and otp.")
	case in.Token == "" && !named && in.OTP == "":
		return authcore.Refuse(authcore.InvalidRequest, "Send the token of the link, or login, email or phone and otp.")
	}
	var broken authcore.FieldErrors
	if in.Token == "" && in.OTP == "" {
		broken.Add("otp", authcore.CodeRequired)
	}
	if f.MakesAccounts() {
		broken = append(broken, f.cfg.ByCode.Broken(in.New)...)
	}
	device, err := identifier.DeviceName(in.Request.DeviceName)
	broken.AddError("device_name", err)
	in.Request.DeviceName = device
	return broken.Refusal()
}

// prove returns what was proven, and whose it is.
func (f *Flow) prove(ctx context.Context, in Input) (ch authcore.Challenge, account authcore.Account, err error) {
	if in.Token != "" {
		ch, err = f.proveLink(ctx, in)
	} else {
		ch, err = f.proveCode(ctx, in)
	}
	if err != nil {
		return ch, account, err
	}
	if ch.AccountID == uuid.Nil && f.redeems() {
		return ch, account, nil
	}
	account, err = f.cfg.Store.AccountByID(ctx, ch.AccountID)
	switch {
	case errors.Is(err, authcore.ErrNotFound), err == nil && (account.Disabled() || !reads(account, ch) || !f.cfg.Steps.MayLogin(account, in.Request.Client)):
		return ch, account, challenge.Refuse()
	case err != nil:
		return ch, account, fmt.Errorf("find account: %w", err)
	}
	return ch, account, nil
}

// proveLink takes a link alone only together with its binding: nobody can sign another's browser in, or approve it, by a mail (R02). The
// link is not spent by that, and its reader still has the code of the same mail.
func (f *Flow) proveLink(ctx context.Context, in Input) (authcore.Challenge, error) {
	ch, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeSignIn, challenge.Credentials{Token: in.Token})
	if err != nil {
		return ch, err
	}
	if in.OTP != "" {
		return f.tryCode(ctx, ch.AccountID, challenge.Credentials{Subject: ch.Subject, Code: in.OTP, Binding: in.Binding}, in.Request.Client)
	}
	if in.Binding == "" || ch.Binding.IsZero() || !ch.Binding.Equal(secret.SumString(in.Binding)) {
		return ch, authcore.Refuse(authcore.BindingRequired,
			"The link signs in only the browser or app that asked for it. Open it there, or enter the code of the same mail.")
	}
	return ch, nil
}

func (f *Flow) proveCode(ctx context.Context, in Input) (authcore.Challenge, error) {
	ids, err := f.read(in.Login)
	if err != nil {
		return authcore.Challenge{}, err
	}
	// By which name a code was asked for, with an invitation or without one, does not tell whose code it is.
	who, err := f.find(ctx, ids, welcome{anybody: f.MakesAccounts()})
	if err != nil {
		return authcore.Challenge{}, err
	}
	account := uuid.Nil
	if who.account != nil {
		account = who.account.ID
	}
	return f.tryCode(ctx, account, challenge.Credentials{Subject: who.name, Code: in.OTP, Binding: in.Binding}, in.Request.Client)
}

// tryCode tries a code. A wrong one is an event of the account, or of nobody: both are written alike.
func (f *Flow) tryCode(ctx context.Context, account uuid.UUID, shown challenge.Credentials, c authcore.Client) (authcore.Challenge, error) {
	ch, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeSignIn, shown)
	code := authcore.CodeOf(err)
	if code != authcore.InvalidCode && code != authcore.TooManyAttempts {
		return ch, err
	}
	failure := audit.Failure(authcore.EventSignInFailed, account, c, code, f.now())
	failure.Method = audit.ByCode
	if err := f.cfg.Store.Record(ctx, authcore.Effects{Events: []authcore.Event{failure}}); err != nil {
		return ch, fmt.Errorf("record failed sign-in: %w", err)
	}
	return ch, err
}

// reads reports whether the account still has what the challenge was sent to, and takes codes there. The store asks again when it is spent.
func reads(a authcore.Account, ch authcore.Challenge) bool {
	if channelOf(ch) == authcore.BySMS {
		return a.TakesCodes(authcore.BySMS) && a.Phone == ch.SentTo
	}
	return a.TakesCodes(authcore.ByEmail) && a.Email == ch.SentTo
}

// verified returns the account as the use of a code or link leaves it.
func verified(a authcore.Account, ch authcore.Challenge, now time.Time) authcore.Account {
	switch {
	case channelOf(ch) == authcore.BySMS && !a.PhoneVerified():
		a.PhoneVerifiedAt = now
	case channelOf(ch) == authcore.ByEmail && !a.EmailVerified():
		a.EmailVerifiedAt = now
	}
	return a
}

// channelOf is how the code of a challenge went out: numbers have no @.
func channelOf(ch authcore.Challenge) authcore.Channel {
	if strings.Contains(ch.SentTo, "@") {
		return authcore.ByEmail
	}
	return authcore.BySMS
}

// InPlaceOfPassword is Finish for a code that somebody sends where a password is taken: a wrong one is answered as a wrong password is,
// [authcore.InvalidCredentials], and so is every one where codes are off.
func (f *Flow) InPlaceOfPassword(ctx context.Context, in Input) (secondstep.Outcome, error) {
	out, err := f.Finish(ctx, in)
	if code := authcore.CodeOf(err); code == authcore.InvalidCode || code == authcore.NotFound {
		return out, authcore.Refuse(authcore.InvalidCredentials, "The username or code is wrong.")
	}
	return out, err
}
