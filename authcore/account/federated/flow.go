package federated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Prefix marks social tokens, so that scanners of leaked secrets can know them.
const Prefix = "ghs_"

// StartLifetime is how long a browser has to come back from a provider.
const StartLifetime = 10 * time.Minute

// Step is what a [Config.Trace] is told of.
const Step = "sign in by provider"

// Store keeps connections.
type Store interface {
	// ConnectionOf returns the connection of a person at a provider and its account, and whether they were disconnected from one before.
	// ErrNotFound, with that said, where they are not connected.
	ConnectionOf(ctx context.Context, issuer, subject string) (c authcore.Connection, a authcore.Account, former bool, err error)
	// AccountConnections returns those of an account, the oldest first.
	AccountConnections(ctx context.Context, account uuid.UUID) ([]authcore.Connection, error)
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error)
	// UseConnection notes a sign-in: what the provider says now, and its roles in place of those that it gave before. It returns the account.
	// ErrNotFound: the connection is gone, its account disabled, or the social token spent.
	UseConnection(ctx context.Context, u authcore.ConnectionUse) (authcore.Account, error)
	// Connect connects. ErrConnected; ErrTooManyConnections; ErrNotFound: the account is gone or disabled, or the social token spent; what
	// Connecting.May returns.
	Connect(ctx context.Context, c authcore.Connecting) (authcore.Account, error)
	// Disconnect takes a connection away, and remembers that it was. ErrNotFound; what Disconnecting.May returns.
	Disconnect(ctx context.Context, d authcore.Disconnecting) error
}

// Transit keeps what is under way, and what was taken.
type Transit interface {
	// Record writes events that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
	// SaveSocialStart keeps a start.
	SaveSocialStart(ctx context.Context, s authcore.SocialStart) error
	// TakeSocialStart returns a start and spends it: of several who take it at once exactly one gets it. ErrNotFound: there is none of this
	// state, browser and provider; then nothing is spent.
	TakeSocialStart(ctx context.Context, state, browser secret.Digest, provider string, now time.Time) (authcore.SocialStart, error)
	// SaveSocialToken keeps a sign-in that lacks something.
	SaveSocialToken(ctx context.Context, t authcore.SocialToken) error
	// SocialToken returns it. ErrNotFound.
	SocialToken(ctx context.Context, id uuid.UUID, token secret.Digest, now time.Time) (authcore.SocialToken, error)
	// ChangeSocialToken puts next in the place of was, if that is still what is stored, and spends a challenge with it; zero for none.
	// ErrNotFound.
	ChangeSocialToken(ctx context.Context, was, next authcore.SocialToken, challenge uuid.UUID, now time.Time) error
	// IssueChallenge makes ch the one live challenge of its purpose and subject.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	// UseToken notes that a provider's token was taken. ErrUsed: it was before.
	UseToken(ctx context.Context, once secret.Digest, until time.Time) error
	// EndProviderSessions ends the sessions that a provider says have ended, and returns how many. ErrUsed: its token was taken before.
	EndProviderSessions(ctx context.Context, l authcore.ProviderLogout) (int, error)
}

// Config is what a Flow needs. All of it is required but Providers, Trace and Told.
type Config struct {
	Store      Store
	Transit    Transit
	Providers  []Settings
	Steps      *secondstep.Flow // every sign-in ends in it
	SignUp     signup.Connected
	Challenges *challenge.Issuer
	Notices    *notice.Notices
	Sealer     *secret.Sealer
	Key        func() secret.MACKey // of social tokens, the same on every node and after a restart
	Admins     authcore.Admins
	Fields     userfield.Set
	Locales    identifier.Locales
	// WayIn reports whether the owner of an account with these factors could sign in without any connection. It asks no store.
	WayIn func(a authcore.Account, factors []authcore.Factor) bool
	// RequireVerified says whether accounts are refused of which nothing is verified (signup mode verified); nil: they are not.
	RequireVerified func() bool
	Trace           authcore.Trace
	// Told is told how every sign-in, sign-up and connection by a provider ended, with [authcore.ErrSecondStep] for one that waits and
	// [authcore.ErrDeclined] for one that was declined at the provider; it may be nil.
	Told func(provider string, err error)
	Now  authcore.Clock
}

// Flow signs people in by identity providers. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	switch {
	case cfg.Store == nil || cfg.Transit == nil || cfg.Steps == nil || cfg.Challenges == nil || cfg.Notices == nil || cfg.Sealer == nil:
		return nil, errors.New("federated: stores, second steps, challenges, notices and sealer are required")
	case cfg.Key == nil || cfg.WayIn == nil || cfg.Now == nil:
		return nil, errors.New("federated: key, ways in and clock are required")
	}
	if cfg.RequireVerified == nil {
		cfg.RequireVerified = func() bool { return false }
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	if cfg.Told == nil {
		cfg.Told = func(string, error) {}
	}
	cfg.Providers = slices.Clone(cfg.Providers)
	for i, s := range cfg.Providers {
		if s.Provider == nil || s.Name == "" {
			return nil, fmt.Errorf("federated: provider %q is not one", s.Name)
		}
		for _, m := range DefaultMap {
			if !slices.ContainsFunc(s.Map, func(own Mapping) bool { return own.Field == m.Field }) {
				cfg.Providers[i].Map = append(slices.Clone(cfg.Providers[i].Map), m)
			}
		}
	}
	return &Flow{cfg: cfg}, nil
}

// Offered is a provider that people can choose.
type Offered struct{ Name, Title string }

// Offered returns the providers in the order of the configuration.
func (f *Flow) Offered() []Offered {
	all := make([]Offered, len(f.cfg.Providers))
	for i, s := range f.cfg.Providers {
		all[i] = Offered{s.Name, s.Title}
	}
	return all
}

// Background returns what keeps the providers' documents and keys fresh; each returns when its context ends.
func (f *Flow) Background() (all []func(context.Context)) {
	for _, s := range f.cfg.Providers {
		if b, ok := s.Provider.(idp.Background); ok {
			all = append(all, b.Run)
		}
	}
	return all
}

// Origin returns the origin that browsers are sent to by a provider; "" where it is not known now.
func (f *Flow) Origin(ctx context.Context, provider string) string {
	s, err := f.find(provider)
	if err != nil {
		return ""
	}
	ctx, cancel := idp.Within(ctx)
	defer cancel()
	to, err := s.AuthURL(ctx, idp.AuthRequest{})
	if err != nil {
		return ""
	}
	u, err := url.Parse(to)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// find returns a provider of the configuration. One that was taken out of it is gone with everything that was begun by it (C17).
func (f *Flow) find(name string) (Settings, error) {
	if s, ok := named(f.cfg.Providers, name); ok {
		return s, nil
	}
	return Settings{}, authcore.Refuse(authcore.NotFound, "There is no provider with this name here.")
}

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

// failed is the error of a call to a provider as people are told of it.
func failed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, idp.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return authcore.RefuseFor(authcore.ProviderUnavailable, "The provider does not answer. Try again in a moment, or sign in another way.", idp.Retry).Because(err)
	case errors.Is(err, idp.ErrAnswer):
		return invalidAnswer(err)
	case errors.Is(err, idp.ErrNotTaken):
		return authcore.Refuse(authcore.InvalidRequest, "This provider does not accept that. Send an id_token with its nonce, a code with code_verifier and redirect_uri, or an access_token.")
	}
	return err
}

func invalidAnswer(err error) error {
	return authcore.Refuse(authcore.InvalidProviderAnswer, "The provider's answer cannot be used: it belongs to another request, has expired or was used before. Start again.").Because(err)
}

// seal and open are for what is kept of people between two requests, for a purpose.
func (f *Flow) seal(purpose string, what any) ([]byte, error) {
	plain, err := json.Marshal(what)
	if err == nil {
		plain, err = f.cfg.Sealer.Seal(purpose, plain)
	}
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", purpose, err)
	}
	return plain, nil
}

func (f *Flow) open(purpose string, sealed []byte, into any) error {
	plain, err := f.cfg.Sealer.Open(purpose, sealed)
	if err == nil {
		err = json.Unmarshal(plain, into)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", purpose, err)
	}
	return nil
}
