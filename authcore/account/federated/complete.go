package federated

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// What a sign-in may lack besides fields, which are named as they are sent.
const (
	MissingEmail   = "email"
	MissingCode    = "email_code"
	MissingConnect = "connect"
)

// Waits is a sign-in by a provider that lacks something.
type Waits struct {
	Token     string // that completes it; "" where it is the one that was brought
	Provider  string
	Mode      authcore.Mode
	ExpiresIn time.Duration
	Missing   []string
	Suggested Suggested
	Sent      bool // a code was asked for just now

	id uuid.UUID
}

// Suggested is what can be filled in for somebody.
type Suggested struct {
	Email, Username, FirstName, LastName string
	Account                              string // whose owner is asked, with most of the address hidden
}

const sealedToken = "social token"

// wait keeps w, under a new token or the one that it was kept under.
func (f arrival) wait(ctx context.Context, w waiting, c completion, r session.Request, waits Waits) (Result, error) {
	sealed, err := f.seal(sealedToken, w)
	if err != nil {
		return Result{}, err
	}
	now := f.now()
	expires := now.Add(f.cfg.Challenges.Lifetime())
	if c.token != nil {
		next := *c.token
		next.Sealed, next.ExpiresAt = sealed, expires
		err = f.cfg.Transit.ChangeSocialToken(ctx, *c.token, next, uuid.Nil, now)
		waits.id = c.token.ID
	} else {
		waits.id = uuid.Must(uuid.NewV7())
		waits.Token = f.cfg.Key().IssueToken(Prefix, waits.id)
		err = f.cfg.Transit.SaveSocialToken(ctx, authcore.SocialToken{ID: waits.id, Token: secret.SumString(waits.Token), Mode: r.Mode, Sealed: sealed,
			By: w.by(), CreatedAt: now, ExpiresAt: expires})
	}
	if errors.Is(err, authcore.ErrNotFound) {
		return Result{}, errInvalidToken()
	}
	if err != nil {
		return Result{}, fmt.Errorf("keep sign-in: %w", err)
	}
	waits.Provider, waits.Mode, waits.ExpiresIn = w.Provider, r.Mode, expires.Sub(now)
	s := &waits.Suggested
	s.Username, s.FirstName, s.LastName = w.Username, w.Profile.FirstName, w.Profile.LastName
	return Result{Waits: &waits}, nil
}

func errInvalidToken() error {
	return authcore.Refuse(authcore.InvalidSocialToken, "This sign-in has expired or was completed already. Begin again at the provider.")
}

// connectedInput is a sign-up by w.
func (f arrival) connectedInput(w waiting, c completion, r session.Request) signup.ConnectedInput {
	now := f.now()
	in := signup.ConnectedInput{Email: w.Address, Said: w.Profile, Username: w.Username, Given: w.Given, Connection: w.connection(uuid.Nil, false, now), Request: w.session(r, amrFederated)}
	in.Connection.LastUsedAt = now
	in.Given.Invitation, in.Given.Client = w.Invitation, r.Client
	if w.Proven == byProvider {
		in.VerifiedBy = w.Provider
	} else {
		in.Request.AMR = []string{amrFederated, amrEmail}
	}
	if c.token != nil {
		in.SocialToken = c.token.ID
	}
	return in
}

// missingFields are those that a new account needs and w does not have.
func (f arrival) missingFields(w waiting) (missing []string) {
	for _, broken := range f.cfg.SignUp.Missing(f.connectedInput(w, completion{}, session.Request{})) {
		if broken.Rule == authcore.Required && !slices.Contains(missing, broken.Field) {
			missing = append(missing, broken.Field)
		}
	}
	return missing
}

// signUp makes an account, where nothing is missing for one.
func (f arrival) signUp(ctx context.Context, s Settings, w waiting, c completion, r session.Request) (Result, error) {
	in := f.connectedInput(w, c, r)
	if missing := f.missingFields(w); len(missing) > 0 && c.token == nil {
		return f.wait(ctx, w, c, r, Waits{Missing: missing, Suggested: Suggested{Email: w.Address}})
	}
	out, err := f.cfg.SignUp.SignUp(ctx, in)
	if errors.Is(err, authcore.ErrConnected) || errors.Is(err, authcore.ErrNotFound) { // another request was faster
		err = invalidAnswer(err)
	}
	if err != nil {
		return f.meanwhile(ctx, s, w, c, r, err)
	}
	if w.Proven == byCode {
		f.cfg.Challenges.Used(ctx, authcore.PurposeProvider, w.Address)
	}
	return Result{Outcome: &out}, nil
}

// CompleteInput is what completes a sign-in by a provider.
type CompleteInput struct {
	Token   string
	Email   string // has a code sent to it
	OTP     string
	Connect bool // with the account that was named
	// Given is username, names, locale and fields of a new account.
	Given   signup.RegisterInput
	Request session.Request // Mode, Client and DeviceToken
}

// Complete goes on with a sign-in by a provider. With an address it sends a code there and says no more ([Waits.Sent]), whoever has the
// address. Refusals: [authcore.InvalidSocialToken]; [authcore.InvalidCode]; [authcore.TooManyAttempts]; [authcore.InvalidFields] for what is
// missing, by which nothing is spent; those of [Flow.Callback].
func (f *Flow) Complete(ctx context.Context, in CompleteInput) (Result, error) {
	if _, broken := f.cfg.Fields.Change(in.Given.Fields); len(broken) > 0 {
		return Result{}, broken.Refusal()
	}
	s, kept, w, err := f.load(ctx, in)
	if err != nil {
		return Result{}, err
	}
	return traced(ctx, f, s, func(ctx context.Context) (Result, error) { return f.complete(ctx, s, kept, w, in) })
}

// load finds a sign-in by its token, which is bound to how it travels: what a browser keeps in a cookie is no token of a program.
func (f *Flow) load(ctx context.Context, in CompleteInput) (s Settings, kept authcore.SocialToken, w waiting, err error) {
	id, ours := f.cfg.Key().ParseToken(Prefix, in.Token)
	if !ours {
		return s, kept, w, errInvalidToken()
	}
	kept, err = f.cfg.Transit.SocialToken(ctx, uuid.UUID(id), secret.SumString(in.Token), f.now())
	if errors.Is(err, authcore.ErrNotFound) || err == nil && kept.Mode != in.Request.Mode {
		return s, kept, w, errInvalidToken()
	}
	if err != nil {
		return s, kept, w, fmt.Errorf("find social token: %w", err)
	}
	if err = f.open(sealedToken, kept.Sealed, &w); err != nil {
		return s, kept, w, err
	}
	if s, err = f.find(w.Provider); err != nil {
		err = errInvalidToken() // C17
	}
	return s, kept, w, err
}

func (f *Flow) complete(ctx context.Context, s Settings, kept authcore.SocialToken, w waiting, in CompleteInput) (Result, error) {
	if in.Email != "" {
		address, err := identifier.NewEmail(in.Email)
		if err != nil {
			var broken authcore.FieldErrors
			broken.AddError("email", err)
			return Result{}, broken.Refusal()
		}
		w.Address, w.Proven = address, unproven
		res, err := arrival{f}.settle(ctx, s, w, completion{token: &kept}, in.Request)
		if res.Waits != nil {
			res.Waits.Sent = true
		}
		return res, err
	}
	if w.Proven == unproven {
		var err error
		if kept, w, err = f.prove(ctx, kept, w, in); err != nil {
			return Result{}, err
		}
	}
	w.Given = in.Given
	return arrival{f}.settle(ctx, s, w, completion{consent: in.Connect, token: &kept}, in.Request)
}

// prove takes the code that was sent to the address, and notes that it came back.
func (f *Flow) prove(ctx context.Context, kept authcore.SocialToken, w waiting, in CompleteInput) (authcore.SocialToken, waiting, error) {
	switch {
	case w.Address == "":
		return kept, w, authcore.RefuseField("email", authcore.EmailRequired)
	case strings.TrimSpace(in.OTP) == "":
		return kept, w, authcore.RefuseField("otp", authcore.CodeRequired)
	}
	ch, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeProvider, challenge.Credentials{Subject: subjectOf(kept.ID, w.Address), Code: in.OTP})
	if err != nil {
		return kept, w, err
	}
	w.Proven = byCode
	next := kept
	if next.Sealed, err = f.seal(sealedToken, w); err != nil {
		return kept, w, err
	}
	err = f.cfg.Transit.ChangeSocialToken(ctx, kept, next, ch.ID, f.now())
	if errors.Is(err, authcore.ErrNotFound) { // another request was faster
		return kept, w, challenge.Refuse()
	}
	return next, w, err
}

// Show returns a sign-in as it is, and changes nothing. Refusal: [authcore.InvalidSocialToken].
func (f *Flow) Show(ctx context.Context, token string, r session.Request) (Waits, error) {
	s, kept, w, err := f.load(ctx, CompleteInput{Token: token, Request: r})
	if err != nil {
		return Waits{}, err
	}
	x, err := arrival{f}.look(ctx, s, w, r.Client)
	if err != nil {
		return Waits{}, err
	}
	waits := Waits{Provider: w.Provider, Mode: kept.Mode, ExpiresIn: kept.ExpiresAt.Sub(f.now()), id: kept.ID,
		Suggested: Suggested{Email: w.Address, Username: w.Username, FirstName: w.Profile.FirstName, LastName: w.Profile.LastName}}
	switch decide(x.situation) {
	case askConsent:
		waits.Missing, waits.Suggested = []string{MissingConnect}, Suggested{Account: identifier.Mask(x.account.Email)}
	case askAddress:
		waits.Missing = append([]string{MissingEmail}, arrival{f}.missingFields(w)...)
	case sendCode, sendNothing:
		waits.Missing = append([]string{MissingCode}, arrival{f}.missingFields(w)...)
	default:
		waits.Missing = arrival{f}.missingFields(w)
	}
	return waits, nil
}
