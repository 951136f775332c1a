package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Store is what the flow reads and writes.
type Store interface {
	// ProveToken finds the live challenge of a link. ErrNotFound.
	ProveToken(ctx context.Context, purpose authcore.Purpose, token secret.Digest, now time.Time) (authcore.Challenge, error)
	// ChallengeIsOut reports whether a code or link of the purpose is live.
	ChallengeIsOut(ctx context.Context, purpose authcore.Purpose, now time.Time) (bool, error)
	// SetUp consumes the challenge, creates the account and opens its session. ErrNotFound: another was faster. *TakenError.
	SetUp(ctx context.Context, e authcore.SignUp) (authcore.Account, authcore.Session, error)
}

// Config is what a Flow needs; all of it is required.
type Config struct {
	Store   Store
	Hasher  *passhash.Hasher
	Policy  *passpolicy.Policy
	Steps   *secondstep.Flow // every sign-in ends in it
	Contact *contact.Flow
	// Identities are the kinds of identifier that sign in, and thus must be unique.
	Identities []authcore.IdentifierKind
	Passwords  wayin.Passwords // whether one is asked for
	Now        authcore.Clock
}

// Flow makes the first administrator. It is safe for concurrent use.
type Flow struct {
	cfg Config
	// turn is taken by one at a time on this node: who comes second finds the link used up, without the work of a hash.
	turn chan struct{}
}

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Steps == nil || cfg.Contact == nil || cfg.Now == nil {
		return nil, errors.New("setup: store, hasher, policy, second steps, contacts and clock are required")
	}
	return &Flow{cfg: cfg, turn: make(chan struct{}, 1)}, nil
}

// Input is the first administrator as it was typed, and the token of the link.
type Input struct {
	Token                     string
	Email, Password, Username string
	Request                   session.Request // AMR and Method are set here
}

// SetUp makes the account and signs in. Its address is not verified until its mail is confirmed; it signs in meanwhile, and nobody
// else gets it by verifying the address. Refusals: [authcore.NotFound] while no link is out, or for who was slower;
// [authcore.InvalidCode] for a token that is wrong; [authcore.InvalidFields] with every broken rule, which leaves the link alone;
// [authcore.Conflict]; [authcore.Unavailable].
func (f *Flow) SetUp(ctx context.Context, in Input) (secondstep.Outcome, error) {
	a, normal, broken := f.check(&in)
	if err := broken.Refusal(); err != nil {
		return secondstep.Outcome{}, err
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return secondstep.Outcome{}, fmt.Errorf("wait for another set-up: %w", ctx.Err())
	}
	ch, err := f.prove(ctx, in.Token)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	in.Request.AMR, in.Request.Method = []string{}, audit.ByLink
	if normal != "" {
		in.Request.AMR, in.Request.Method = []string{authcore.AMRPassword}, audit.ByPassword
		if a.PasswordHash, err = password.Hash(ctx, f.cfg.Hasher, normal, "", nil); err != nil {
			return secondstep.Outcome{}, fmt.Errorf("set up: %w", err)
		}
	}
	out, err := f.open(ctx, ch, a, in.Request)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	// The account stands. What fails here is only the mail, which can be asked for again.
	_, _ = f.cfg.Contact.RequestEmail(ctx, a.ID, a.Email, in.Request.Client)
	return out, nil
}

// Open reports whether a link is out.
func (f *Flow) Open(ctx context.Context) (bool, error) {
	open, err := f.cfg.Store.ChallengeIsOut(ctx, authcore.PurposeSetup, f.cfg.Now.Now())
	if err != nil {
		return false, fmt.Errorf("look for a set-up link: %w", err)
	}
	return open, nil
}

func (f *Flow) prove(ctx context.Context, token string) (authcore.Challenge, error) {
	if len(token) > secret.MaxToken {
		token = ""
	}
	ch, err := f.cfg.Store.ProveToken(ctx, authcore.PurposeSetup, secret.SumString(token), f.cfg.Now.Now())
	if err == nil {
		return ch, nil
	}
	if !errors.Is(err, authcore.ErrNotFound) {
		return ch, fmt.Errorf("prove set-up link: %w", err)
	}
	open, err := f.Open(ctx)
	switch {
	case err != nil:
		return ch, err
	case open:
		return ch, challenge.Refuse()
	}
	return ch, errClosed()
}

func errClosed() error {
	return authcore.Refuse(authcore.NotFound, "No set-up link is out. Whoever runs the gateway gets one with: gatehouse user setup-link")
}

func (f *Flow) check(in *Input) (a authcore.Account, normal string, broken authcore.FieldErrors) {
	now := f.cfg.Now.Now()
	a = authcore.Account{ID: uuid.New(), Roles: []string{authcore.RoleAdmin}, MadeByOperator: true, CreatedAt: now, UpdatedAt: now}
	var err error
	a.Email, err = identifier.NewEmail(in.Email)
	broken.AddError("email", err)
	if in.Username != "" {
		a.Username, err = identifier.Username(in.Username)
		broken.AddError("username", err)
	}
	normal, rules := password.CheckFirst(f.cfg.Policy, f.cfg.Passwords, in.Password, password.Words(a)...)
	broken.AddErrors("password", rules...)
	in.Request.DeviceName, err = identifier.DeviceName(in.Request.DeviceName)
	broken.AddError("device_name", err)
	if len(broken) == 0 && len(f.identifiers(a)) == 0 {
		broken.Add(string(f.cfg.Identities[0]), authcore.Required)
	}
	return a, normal, broken
}

// identifiers returns what an account claims: the fields that sign in, and of them those it has.
func (f *Flow) identifiers(a authcore.Account) (ids []authcore.Identifier) {
	for _, id := range []authcore.Identifier{{Kind: authcore.KindEmail, Value: a.Email}, {Kind: authcore.KindUsername, Value: a.Username}} {
		if id.Value != "" && slices.Contains(f.cfg.Identities, id.Kind) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (f *Flow) open(ctx context.Context, ch authcore.Challenge, a authcore.Account, r session.Request) (secondstep.Outcome, error) {
	plan, err := f.cfg.Steps.Plan(ctx, a, true, r)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	made := audit.Event(authcore.EventRegistered, a.ID, r.Client, a.CreatedAt)
	plan.Effects.Events = append([]authcore.Event{made}, plan.Effects.Events...)
	stored, opened, err := f.cfg.Store.SetUp(ctx, authcore.SignUp{
		ChallengeID: ch.ID, Account: a, Create: true, Identifiers: f.identifiers(a), Opening: plan.SessionOpening,
		Pending: plan.Pending, Now: a.CreatedAt,
	})
	var taken *authcore.TakenError
	switch {
	case errors.As(err, &taken):
		e := authcore.Refuse(authcore.Conflict, "An account with this "+string(taken.Field)+" already exists.")
		e.Fields.Add(string(taken.Field), taken.Rule())
		return secondstep.Outcome{}, e
	case errors.Is(err, authcore.ErrNotFound): // another request was faster
		return secondstep.Outcome{}, errClosed()
	case err != nil:
		return secondstep.Outcome{}, fmt.Errorf("set up: %w", err)
	}
	out, err := f.cfg.Steps.Planned(ctx, plan, stored, opened)
	if err != nil {
		return secondstep.Outcome{}, fmt.Errorf("sign in after set-up: %w", err)
	}
	return out, nil
}
