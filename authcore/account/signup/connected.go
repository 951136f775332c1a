package signup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// StepProvider is what a [Config.Trace] is told of: sign-ups by an identity provider.
const StepProvider = "sign up by provider"

// ConnectedInput is somebody who signs up by an identity provider, whose address is proven.
type ConnectedInput struct {
	Email      string // normalised
	VerifiedBy string // the provider by whose word alone it is proven; "" for our own code
	// Said is what the provider says of the person; what they give themselves goes before it.
	Said     authcore.Account
	Username string // that the provider says; left out where it is taken
	// Given is what they have typed: username, names, locale and fields; and the invitation that they came with.
	Given       RegisterInput
	Connection  authcore.Connection
	SocialToken uuid.UUID       // that is spent with it; zero for none
	Request     session.Request // AMR, Method and Provider are set
}

// Connected signs up people by identity providers. It is safe for concurrent use.
type Connected struct{ flow *Flow }

// NewConnected returns it for a flow.
func NewConnected(f *Flow) Connected { return Connected{f} }

// Open reports whether anybody can get an account that way at all.
func (c Connected) Open() bool { return c.flow.Mode() != Closed }

// Awaits reports whether a code may go to an address that is nobody's, by the token of an invitation, "" for none. It is to be asked for every
// address: the look-up must not tell whose it is (L02).
func (c Connected) Awaits(ctx context.Context, invitation, address string) (bool, error) {
	i, may, err := ByCode{c.flow}.MayAsk(ctx, invitation)
	return may && (i.Address == "" || i.Channel == authcore.BySMS || i.Address == address), err
}

// Unique reports whether addresses find accounts.
func (c Connected) Unique() bool { return c.flow.cfg.Settings.unique(authcore.KindEmail) }

// application reads what was given, over what the provider says. Every broken rule is returned, what is missing with [authcore.Required].
func (c Connected) application(in ConnectedInput) (authcore.Account, authcore.FieldErrors) {
	var broken authcore.FieldErrors
	read := func(name, typed, said string, normalise func(string) (string, error)) string {
		if typed == "" {
			return said
		}
		normal, err := normalise(typed)
		broken.AddError(name, err)
		return normal
	}
	f := c.flow
	a := authcore.Account{
		Username:  read("username", in.Given.Username, in.Username, identifier.Username),
		FirstName: read("first_name", in.Given.FirstName, in.Said.FirstName, identifier.PersonName),
		LastName:  read("last_name", in.Given.LastName, in.Said.LastName, identifier.PersonName),
		Locale:    read("locale", in.Given.Locale, in.Said.Locale, f.cfg.Locales.Read),
	}
	if _, err := f.cfg.Numbers.Read(a.Username); err == nil && a.Username != "" && f.cfg.Settings.unique(authcore.KindPhone) {
		a.Username = "" // it would sign in as somebody's number
	}
	if a.Username == "" && f.cfg.Settings.Deferred {
		broken.Add("username", authcore.Required)
	}
	typed := maps.Clone(in.Said.Fields)
	if typed == nil {
		typed = map[string]any{}
	}
	maps.Copy(typed, in.Given.Fields)
	fields, wrong := f.cfg.Fields.Register(typed)
	broken = append(broken, wrong...)
	for name, value := range in.Said.Fields { // read-only ones are the provider's to write
		if field, known := f.cfg.Fields.Find(name); known && field.ReadOnly {
			if fields == nil {
				fields = map[string]any{}
			}
			fields[name] = value
		}
	}
	a.Fields = fields
	return a, broken
}

// Missing returns what is missing or broken before the account can be made.
func (c Connected) Missing(in ConnectedInput) authcore.FieldErrors {
	_, broken := c.application(in)
	return broken
}

// SignUp makes the account, connects it and signs in. What others only claim of the address ends. Of several callers for one person at a
// provider exactly one succeeds; the others get [authcore.ErrConnected], or [authcore.ErrNotFound] where the social token is spent.
//
// Refusals: [authcore.SignupClosed]; [authcore.InvitationRequired]; [authcore.InvalidInvitation]; [authcore.InvalidFields];
// [authcore.Conflict]; [authcore.Blocked].
func (c Connected) SignUp(ctx context.Context, in ConnectedInput) (secondstep.Outcome, error) {
	ctx, done := c.flow.cfg.Trace(ctx, StepProvider)
	out, err := c.signUp(ctx, in)
	done(out.Traced(err))
	return out, err
}

func (c Connected) signUp(ctx context.Context, in ConnectedInput) (secondstep.Outcome, error) {
	f := c.flow
	if !c.Open() {
		return secondstep.Outcome{}, authcore.Refuse(authcore.SignupClosed, "Sign-up is closed.")
	}
	if in.Given.Trapped {
		return secondstep.Outcome{}, errTrapped()
	}
	in.Given.Email = in.Email
	invitation, err := invited(ctx, f.cfg, &in.Given)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	a, broken := c.application(in)
	if err := broken.Refusal(); err != nil {
		return secondstep.Outcome{}, err
	}
	now := f.now()
	if err := c.mayEnter(&a, in); err != nil {
		return secondstep.Outcome{}, err
	}
	a.ID, a.Email, a.EmailVerifiedAt, a.EmailVerifiedBy, a.CreatedAt, a.UpdatedAt = uuid.New(), in.Email, now, in.VerifiedBy, now, now
	in.Request.Client.Lang = cmp.Or(a.Locale, in.Request.Client.Lang)
	out, err := c.create(ctx, a, invitation.ID, in)
	var taken *authcore.TakenError
	if errors.As(err, &taken) && taken.Field == authcore.KindUsername && in.Given.Username == "" && !f.cfg.Settings.Deferred {
		a.Username = ""
		out, err = c.create(ctx, a, invitation.ID, in)
	}
	if errors.As(err, &taken) && f.Mode() != Open {
		return out, authcore.RefuseField(string(taken.Field), taken.Rule())
	}
	if err != nil {
		return out, refusal("sign up by provider", err)
	}
	return out, nil
}

// mayEnter asks the rules. A username that the person has not chosen here is left out where one keeps it from them.
func (c Connected) mayEnter(a *authcore.Account, in ConnectedInput) error {
	about := block.Of(*a, in.Request.Client)
	about.Email = in.Email
	err := c.flow.cfg.Blocks.MaySignUp(about)
	if err != nil && a.Username != "" && in.Given.Username == "" && !c.flow.cfg.Settings.Deferred {
		a.Username, about.Username = "", ""
		err = c.flow.cfg.Blocks.MaySignUp(about)
	}
	if err == nil && !c.flow.cfg.Blocks.MayLogin(about) {
		err = authcore.Refuse(authcore.InvalidCredentials, "This account cannot sign in.")
	}
	return err
}

func (c Connected) create(ctx context.Context, a authcore.Account, invitation uuid.UUID, in ConnectedInput) (secondstep.Outcome, error) {
	f := c.flow
	plan, err := f.cfg.Steps.Plan(ctx, a, true, in.Request)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	client := in.Request.Client
	plan.Effects.Events = append([]authcore.Event{
		audit.Event(authcore.EventRegistered, a.ID, client, a.CreatedAt), audit.Event(authcore.EventVerified, a.ID, client, a.CreatedAt),
		audit.Event(authcore.EventConnectionAdded, a.ID, client, a.CreatedAt),
	}, plan.Effects.Events...)
	stored, opened, err := f.cfg.Store.SignUpConnected(ctx, authcore.SignUp{
		Verified: authcore.Identifier{Kind: authcore.KindEmail, Value: a.Email}, Unique: f.cfg.Settings.Identities, Account: a, Create: true,
		Identifiers: f.cfg.Settings.identifiers(a), Invited: spends(f.cfg.Notices, invitation, client), Connection: &in.Connection, SocialToken: in.SocialToken,
		Closed: audit.Event(authcore.EventDisabled, uuid.Nil, authcore.Client{}, a.CreatedAt), Opening: plan.SessionOpening, Pending: plan.Pending, Now: a.CreatedAt,
	})
	if err != nil {
		return secondstep.Outcome{}, err
	}
	out, err := f.cfg.Steps.Planned(ctx, plan, stored, opened)
	if err != nil {
		return out, fmt.Errorf("sign in after sign-up: %w", err)
	}
	return out, nil
}
