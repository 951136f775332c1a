package signup

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// ByCode makes accounts of who proves, by the code or link that they would sign in with, an address or number that is no account's yet (the
// option by_code). What signing up asks for holds here as well.
type ByCode struct{ *Flow }

// StepByCode and StepByLink are what a [Config.Trace] is told of: tries to get an account so.
const (
	StepByCode = "sign up by code"
	StepByLink = "sign up by link"
)

// MayAsk reports whether a code may go to who has no account, by the token of an invitation, "" for none, and returns that invitation. It is
// to be asked for whoever it may be: its look-up must not tell who has an account (L02).
func (f ByCode) MayAsk(ctx context.Context, token string) (i authcore.Invitation, may bool, err error) {
	if token != "" {
		if i, err = f.cfg.Invitations.Find(ctx, token); authcore.CodeOf(err) == authcore.InvalidInvitation {
			return authcore.Invitation{}, false, nil
		}
	}
	mode := f.Mode()
	return i, err == nil && mode != Closed && (mode != Invite || i.ID != uuid.Nil), err
}

// Awaits reports whether an address or number could become a new account's: it signs in, something can be sent to it, it is not that of
// another invitation, and the account that is found by it, nil for none, has only claimed it.
func (f ByCode) Awaits(id authcore.Identifier, found *authcore.Account, i authcore.Invitation) bool {
	to, read := target{authcore.ByEmail, id.Value}, f.newEmail
	switch id.Kind {
	case authcore.KindPhone:
		to.channel, read = authcore.BySMS, f.cfg.Numbers.Read
	case authcore.KindEmail:
	default:
		return false
	}
	if i.Address != "" && (i.Address != to.address || i.Channel != to.channel) {
		return false
	}
	address, err := read(id.Value)
	return err == nil && address == id.Value && f.cfg.Settings.unique(id.Kind) && to.open(found)
}

// MayHave reports whether no rule keeps an address or number from getting an account.
func (f ByCode) MayHave(to challenge.Recipient, c authcore.Client) bool {
	about := block.Subject{Email: to.Address, Client: c}
	if to.Channel == authcore.BySMS {
		about.Email, about.Phone = "", to.Address
	}
	return f.cfg.Blocks.MaySignUp(about) == nil
}

// Broken returns the rules that what somebody gives breaks by itself, whatever is missing.
func (f ByCode) Broken(in RegisterInput) authcore.FieldErrors {
	_, broken := f.check(in)
	return slices.DeleteFunc(broken, func(x authcore.FieldError) bool {
		return x.Rule == authcore.Required || x.Rule == authcore.EmailRequired
	})
}

// SignUp makes the account of who has proven a challenge that belongs to nobody, and signs in or begins a sign-in that waits. in is what the
// new account is to have; the address or number is that of the challenge, and so is the invitation where in has none. Nothing is spent
// unless it succeeds. Of several callers with one challenge exactly one succeeds.
//
// Refusals: [authcore.InvalidFields] with every broken rule, as signing up; [authcore.InvitationRequired]; [authcore.InvalidInvitation];
// [authcore.Conflict] for a username, with signup open, or an address that another account once had; [authcore.Blocked]; [authcore.InvalidCode],
// also where sign-up is closed by now, or somebody else has the address.
func (f ByCode) SignUp(ctx context.Context, ch authcore.Challenge, in RegisterInput, r session.Request) (secondstep.Outcome, error) {
	step := StepByCode
	if r.Method == audit.ByLink {
		step = StepByLink
	}
	ctx, done := f.cfg.Trace(ctx, step)
	out, err := f.signUp(ctx, ch, in, r)
	done(err)
	return out, err
}

// Registered is SignUp for who also knows the password of a registration that waits for what the challenge proves: the account is what that
// holds. Refusals: [authcore.RegistrationProofRequired] where it is the password of none; [authcore.InvalidCode]; those of [Flow.Verify].
func (f ByCode) Registered(ctx context.Context, ch authcore.Challenge, password string, r session.Request) (secondstep.Outcome, error) {
	ctx, done := f.cfg.Trace(ctx, StepByCode)
	out, err := f.registered(ctx, ch, password, r)
	done(err)
	return out, err
}

// proven returns what a challenge proves, unless it cannot become a new account's any more.
func (f ByCode) proven(ctx context.Context, ch authcore.Challenge) (target, error) {
	to := targetOf(ch.SentTo)
	existing, err := f.owner(ctx, to)
	if err == nil && (f.Mode() == Closed || !to.open(existing)) {
		err = challenge.Refuse()
	}
	return to, err
}

func (f ByCode) registered(ctx context.Context, ch authcore.Challenge, password string, r session.Request) (secondstep.Outcome, error) {
	to, err := f.proven(ctx, ch)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	waiting, err := f.cfg.Store.Registrations(ctx, to.address, f.now())
	if err != nil {
		return secondstep.Outcome{}, fmt.Errorf("find registrations: %w", err)
	}
	c, ok, err := f.withPassword(ctx, to, waiting[:min(len(waiting), keepRegistrations)], nil, password)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	if !ok {
		return secondstep.Outcome{}, authcore.Refuse(authcore.RegistrationProofRequired, "That is not the password you chose at sign-up. Try again, or choose a new one.")
	}
	if c.invitation == uuid.Nil {
		c.invitation = ch.InvitationID
	}
	r.AMR, r.Challenge = c.amr, uuid.Nil
	return f.complete(ctx, ch, c, r)
}

func (f ByCode) signUp(ctx context.Context, ch authcore.Challenge, in RegisterInput, r session.Request) (secondstep.Outcome, error) {
	to, err := f.proven(ctx, ch)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	if in.Trapped {
		return secondstep.Outcome{}, errTrapped()
	}
	if to.channel == authcore.BySMS {
		in.Phone = to.address
	} else {
		in.Email = to.address
	}
	invitation, err := f.invitation(ctx, ch, &in)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	a, err := f.application(ctx, in)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	hash, err := f.hash(ctx, to, a.password)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	c := f.claimRegistered(authcore.Registration{
		Email: a.email, Username: a.username, FirstName: a.firstName, LastName: a.lastName, Phone: a.phone, Locale: a.locale, Fields: a.fields,
		PasswordHash: hash, InvitationID: invitation,
	}, to)
	r.Challenge = uuid.Nil // it is spent with the account, before there is a session
	return f.complete(ctx, ch, c, r)
}

// invitation returns the id of the invitation that somebody signs up with: the one they show, else the one that they asked for the code with.
func (f ByCode) invitation(ctx context.Context, ch authcore.Challenge, in *RegisterInput) (uuid.UUID, error) {
	if in.Invitation == "" && ch.InvitationID != uuid.Nil {
		return ch.InvitationID, nil
	}
	i, err := invited(ctx, f.cfg, in)
	return i.ID, err
}

// application is what in asks for, or the refusal of it.
func (f ByCode) application(ctx context.Context, in RegisterInput) (application, error) {
	a, broken := f.check(in)
	taken, err := usernameTaken(ctx, f.cfg, a)
	if err != nil {
		return a, err
	}
	if taken && f.Mode() == Open && len(broken) == 0 {
		return a, refusal("sign up by code", &authcore.TakenError{Field: authcore.KindUsername})
	}
	if taken {
		broken.Add("username", authcore.UsernameTaken)
	}
	return a, broken.Refusal()
}
