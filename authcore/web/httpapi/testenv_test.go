package httpapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

const (
	email     = "ada@example.com"
	username  = "ada"
	password  = "winter granite lantern 7"
	password2 = "summer pebble beacon 9"
	issuer    = "https://auth.example.com"
	host      = "auth.example.com"
	firefox   = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	iphone    = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)

// house is the API on the real domain, with a clock that stands until it is moved.
type house struct {
	*testing.T
	*testflow.Env
	handler http.Handler
	api     *httpapi.API
	log     *lockedBuffer
	idp     *testidp.Provider
	ready   func(context.Context) (bool, []string)
	stale   atomic.Bool              // what the node knows of revocations is too old
	issuers atomic.Pointer[[]string] // `iss` that access tokens may name
}

// plan is what a test may want otherwise.
type plan struct {
	numbers identifier.Numbers
	fields  userfield.Set
	signup  signup.Mode
	ways    passwordless.Ways
	noPass  bool // passwords sign nobody in
	byCode  bool
	rates   map[string]ratelimit.Rate
	origins []string
	panics  bool          // every limited call panics
	grace   time.Duration // that deletions wait
	mfa     secondstep.Requirement
	factors []authcore.FactorType
	// provider adds the identity provider acme, which is h.idp.
	provider bool
	blocks   []block.Compiled
	trap     bool
	// live says that answers that last end with their session.
	live bool
	// apple adds Apple.
	apple *testidp.Apple
}

func open(t *testing.T, plans ...plan) *house {
	t.Helper()
	t.Parallel()
	return build(t, plans...)
}

func build(t *testing.T, plans ...plan) *house {
	t.Helper()
	p := plan{}
	if len(plans) > 0 {
		p = plans[0]
	}
	h := &house{T: t, log: &lockedBuffer{}, ready: func(context.Context) (bool, []string) { return true, nil }}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.Env = testflow.New(t, testflow.Options{Blocks: block.Config{Rules: p.blocks}, Trap: trapOf(p.trap), Providers: h.providers(p), Mode: p.signup, Ways: p.ways, NoPassword: p.noPass, ByCode: p.byCode, Numbers: p.numbers, UserFields: p.fields, Rates: p.rates, DeletionGrace: p.grace, MFA: p.mfa, Factors: p.factors, Logger: log})
	limiter := authcore.Limiter(h.Limiter)
	if p.panics {
		limiter = panicking{limiter}
	}
	h.issuers.Store(&[]string{issuer})
	auth := must(httpauth.NewAuthenticator(httpauth.Config{
		Verifier: must(accesstoken.New(accesstoken.Config{Keys: h.Ring, Revocations: h.Revoked, Now: h.Clock.Now}))(t),
		Sessions: h.Sessions, Issuers: func() []string { return *h.issuers.Load() },
		Origins: must(httpauth.NewOrigins(p.origins))(t), Stale: h.stale.Load,
	}))(t)
	h.api = must(httpapi.New(httpapi.Config{Explain: explained, Trap: honeytrap.New(h.Trap, auth, honeytrap.DefaultField),
		Sessions: h.Sessions, SignIn: h.SignIn, Steps: h.Steps, Passwordless: h.Passwordless, SignUp: h.SignUp, Profile: h.Profile, Password: h.Env.Password,
		Setup: h.Setup, Invite: h.Invite, Secure: h.Secure, Contact: h.Contact, Factors: h.Factors, Fresh: h.Fresh, Closure: h.Closure, Export: h.Export, Avatars: h.Avatars,
		History: h.History, Devices: h.Devices, AdminGate: h.AdminGate, Tuning: h.Tuning, SigningKeys: gateway.SigningKeys(h.Ring), Directory: h.Directory, AllSessions: h.AllSessions, Users: h.Users, Unlocker: h.Unlocker, BlockRules: h.BlockRules, Stats: h.Stats, EventLog: h.EventLog, EventLive: h.EventLive, Connections: h.connections(p.live), Notifications: h.Notifications, StepUp: h.StepUp, Federated: h.Federated, Consents: h.Consents,
		Authenticator: auth, JWKS: h.Ring.JWKS, Limits: httpauth.NewLimits(limiter, ratelimit.AddressKey), Logger: log, Now: h.Clock.Now,
		Offer: httpapi.Offer{Signup: signup.Verified, Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername},
			SignIn: []string{"password"}, Providers: []httpapi.OfferedProvider{}, Factors: []string{}, MFA: "optional",
			Password: httpapi.OfferedPassword{MinLength: 12, MaxLength: 256}, OTP: httpapi.OfferedCode{Length: 6},
			UserFields: []httpapi.OfferedField{}, Invitations: "admins", Locales: httpauth.Languages()},
		Ready: func(ctx context.Context) (bool, []string) { return h.ready(ctx) },
	}))(t)
	h.handler = h.api.Handler("/auth")
	return h
}

// connections makes the registry of answers that last.
func (h *house) connections(run bool) *liveconn.Registry {
	r := must(liveconn.New(liveconn.Config{Revocations: h.Revoked, Sessions: h.Store, Age: func() time.Duration { return 0 }, Ended: func(liveconn.Reason) {},
		Cut: func(liveconn.Ending) {}, Open: func(liveconn.Kind, int) {}, Logger: slog.New(slog.DiscardHandler), Now: h.Clock.Now}))(h.T)
	if run {
		h.Revoked.Watch(r.Revoked)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		h.Cleanup(func() { stop(); <-done })
	}
	return r
}

// providers starts the identity provider, if one is asked for.
func (h *house) providers(p plan) (all []federated.Settings) {
	if p.apple != nil {
		all = append(all, p.apple.Settings(h.T))
	}
	if !p.provider {
		return all
	}
	h.idp = testidp.Start(h.T, func() time.Time { return h.Clock.Now() })
	h.idp.User = map[string]any{"sub": "ada-1", "email": "ada@example.com", "email_verified": true}
	return append(all, h.idp.Settings(h.T, "acme"))
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		check(tb, err)
		return v
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

type panicking struct{ authcore.Limiter }

func (panicking) Take(context.Context, ...authcore.Limit) (authcore.Taken, error) {
	panic("the limiter broke")
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// account stores a proven account with the password.
func (h *house) account(email, username string, change ...func(*authcore.Account)) authcore.Account {
	h.Helper()
	now := h.Clock.Now()
	a := authcore.Account{
		ID: uuid.New(), Email: email, EmailVerifiedAt: now, Username: username, FirstName: "Ada", LastName: "Lovelace",
		PasswordHash: must(h.Hasher.Hash(h.Context(), password))(h), CreatedAt: now, UpdatedAt: now,
	}
	for _, c := range change {
		c(&a)
	}
	ids := []authcore.Identifier{{Kind: authcore.KindEmail, Value: email}}
	if username != "" {
		ids = append(ids, authcore.Identifier{Kind: authcore.KindUsername, Value: username})
	}
	check(h, h.Store.CreateAccount(h.Context(), a, ids, authcore.Effects{}))
	return a
}

// sameHeader reports whether two answers have the same header fields, but for what is left of the limit: the second has less.
func sameHeader(a, b answer) bool {
	first, second := a.header.Clone(), b.header.Clone()
	first.Del("RateLimit")
	second.Del("RateLimit")
	return reflect.DeepEqual(first, second)
}

func trapOf(on bool) gateway.TrapSettings {
	if !on {
		return gateway.TrapSettings{}
	}
	return gateway.TrapSettings{Lifetime: time.Hour}
}
