package testflow

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/breach"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// Options differ from the defaults of the contract only where a test is about them; the zero value has signup verified,
// sign-in by address and username, and a password hash that costs next to nothing.
type Options struct {
	Inviters     authcore.Inviters
	Mode         signup.Mode
	ModeNow      func() signup.Mode // in place of Mode, where it changes
	Identities   []authcore.IdentifierKind
	UserFields   userfield.Set
	Deferred     bool               // of signup.Settings
	CodeOnDemand bool               // of signup.Settings
	Numbers      identifier.Numbers // zero: no SMS
	Hash         passhash.Config
	Rates        map[string]ratelimit.Rate
	Lockout      lockout.Policy
	Logger       *slog.Logger  // nil discards
	Leeway       time.Duration // of refresh tokens
	MayIssue     func() error  // of session.Config
	// MaxSessions is of session.Config.
	MaxSessions int
	Factors     []authcore.FactorType // of factor.Config
	MFA         secondstep.Requirement
	TrustFor    time.Duration // of secondstep.Config
	Ways        passwordless.Ways
	NoPassword  bool // of gateway.Settings
	ByCode      bool // likewise
	Providers   []federated.Settings
	Admins      authcore.Admins
	Blocks      block.Config // but its clock
	Trap        gateway.TrapSettings
	Traces      gateway.Traces
	// Breached and BreachedAtLogin are of gateway.Settings.
	Breached        func(password string) bool
	BreachedAtLogin func() breach.AtLogin
	// DeletionGrace is how long deletions wait.
	DeletionGrace time.Duration
}

// CheapHash is for tests that are not about the hash.
var CheapHash = passhash.Config{Params: passhash.Params{MemoryKiB: 64, Time: 1, Threads: 1}}

// Env is one node. Its parts may be used directly.
type Env struct {
	gateway.Flows
	Store    *sqlstore.Store
	Clock    *Clock
	Sealer   *secret.Sealer
	Hasher   *passhash.Hasher
	Lockouts *lockout.Lockouts
	Proofs   *lockout.Lockouts
	Codes    *lockout.Lockouts
	Limiter  *ratelimit.Memory
	Revoked  *revocation.Set
	Ring     *keyring.Ring
	Blocks   *block.Blocks

	// Tuning changes settings at run time; of this one nothing but the API and pages is to be seen, for the flows have settings of their own.
	Tuning *tuning.Flow
	// Lifetimes of what is issued from now on: 5 minutes, 30 and 90 days, unless a test changes them.
	Lifetimes session.Lifetimes

	mails  []authcore.Message
	events told
	url    string
}

// told are the events that changes have written, in their order.
type told struct {
	mu  sync.Mutex
	all []authcore.Event
}

// Events returns every event that was written, the oldest first.
func (e *Env) Events() []authcore.Event {
	e.events.mu.Lock()
	defer e.events.mu.Unlock()
	return slices.Clone(e.events.all)
}

// File is where the database is; beside it, with an ending more, what is not in it yet.
func (e *Env) File() string { return strings.TrimPrefix(e.url, "sqlite:") }

// Elsewhere returns the store of another node on the same database: what it changes this one does not hear of.
func (e *Env) Elsewhere(t testing.TB) *sqlstore.Store {
	t.Helper()
	store := must(sqlstore.Open(t.Context(), sqlstore.Config{URL: e.url, Logger: slog.New(slog.DiscardHandler), Now: e.Clock.Now}))(t)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// New makes an environment that ends with the test.
func New(t testing.TB, o Options) *Env {
	t.Helper()
	if o.Mode == "" {
		o.Mode = signup.Verified
	}
	if o.ModeNow == nil {
		o.ModeNow = func() signup.Mode { return o.Mode }
	}
	if o.Identities == nil {
		o.Identities = []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}
	}
	if o.Hash == (passhash.Config{}) {
		o.Hash = CheapHash
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Env{Clock: &Clock{now: time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)},
		Lifetimes: session.Lifetimes{Access: 5 * time.Minute, Refresh: 30 * 24 * time.Hour, Session: 90 * 24 * time.Hour}}
	e.open(t, o)
	e.guard(t, o)
	e.flows(t, o)
	return e
}

func (e *Env) open(t testing.TB, o Options) {
	t.Helper()
	e.url = "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db")
	store := must(sqlstore.Open(t.Context(), sqlstore.Config{URL: e.url, Logger: o.Logger, Now: e.Clock.Now}))(t)
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	e.Revoked = revocation.NewSet(e.Clock.Now)
	announcer := must(revocation.NewAnnouncer(e.Revoked))(t)
	e.Store = store.WithInviters(o.Inviters).AfterCommit(func(ctx context.Context, done sqlstore.Commit) {
		announcer.Announce(ctx, done.Revocations...)
		e.events.mu.Lock()
		defer e.events.mu.Unlock()
		e.events.all = append(e.events.all, done.Events...)
	}).
		WithDigester(sqlstore.NewDigester(func() secret.MACKey { return gateway.FormerIdentifiers(e.Ring)() }))
}

// guard makes what protects the flows.
func (e *Env) guard(t testing.TB, o Options) {
	t.Helper()
	e.Sealer = must(secret.NewSealer(secret.New(secret.Random(32))))(t)
	e.Hasher = must(passhash.New(o.Hash))(t)
	e.Limiter = must(ratelimit.NewMemory(ratelimit.Config{Rates: o.Rates, Now: e.Clock.Now}))(t)
	e.Lockouts = must(lockout.New(lockout.Config{
		Policy: o.Lockout, Store: e.Store, Logger: o.Logger, Now: e.Clock.Now,
		Key: func() secret.MACKey { return e.Ring.MACKey("lockout names") },
	}))(t)
	e.Proofs = must(lockout.New(lockout.Config{
		Policy: lockout.ProofPolicy, Store: e.Store, Logger: o.Logger, Now: e.Clock.Now,
		Key: func() secret.MACKey { return e.Ring.MACKey("lockout names") },
	}))(t)
	e.Codes = must(lockout.New(lockout.Config{
		Policy: lockout.CodePolicy, Store: e.Store, Logger: o.Logger, Now: e.Clock.Now,
		Key: func() secret.MACKey { return e.Ring.MACKey("lockout names") },
	}))(t)
	e.Ring = must(keyring.New(keyring.Config{
		Store: e.Store, Sealer: e.Sealer, Algorithm: jwtkeys.EdDSA, AccessLifetime: func() time.Duration { return e.Lifetimes.Access },
		Logger: o.Logger, Now: e.Clock.Now,
	}))(t)
	if err := e.Ring.Load(t.Context()); err != nil {
		t.Fatalf("load keys: %v", err)
	}
}

func (e *Env) flows(t testing.TB, o Options) {
	t.Helper()
	o.Blocks.Now, o.Trap.Logger = e.Clock.Now, o.Logger
	e.Blocks = must(block.New(o.Blocks))(t)
	flows := must(gateway.NewFlows(gateway.Config{
		Traces: o.Traces,
		Store:  e.Store, Ring: e.Ring, Hasher: e.Hasher, Limiter: e.Limiter, Lockouts: e.Lockouts, Proofs: e.Proofs, Codes: e.Codes,
		Mailer: plainMailer{e.Clock}, Blocks: e.Blocks, Sealer: e.Sealer, MayIssue: o.MayIssue, Now: e.Clock.Now,
		Settings: gateway.Settings{
			Invitation: gateway.InvitationSettings{Inviters: o.Inviters},
			Signup:     o.ModeNow, Deferred: o.Deferred, CodeOnDemand: o.CodeOnDemand, Identities: o.Identities, UserFields: o.UserFields, Numbers: o.Numbers, RefreshLeeway: o.Leeway, MaxSessions: o.MaxSessions, DeletionGrace: o.DeletionGrace, Factors: o.Factors, MFA: o.MFA, TrustFor: o.TrustFor, Ways: o.Ways, NoPassword: o.NoPassword, ByCode: o.ByCode, Providers: o.Providers, Admins: o.Admins,
			Lifetimes: func() session.Lifetimes { return e.Lifetimes },
			Trap:      o.Trap,
			Password:  passpolicy.Config{Breached: o.Breached}, BreachedAtLogin: o.BreachedAtLogin,
		},
	}))(t)
	e.Flows = *flows
	day := 24 * time.Hour
	registry := must(tuning.NewRegistry([]tuning.Definition{
		tuning.Duration("access_lifetime", 5*time.Minute, time.Second, day), tuning.Duration("refresh_lifetime", 30*day, time.Second, 400*day).Or(tuning.DurationValue(30 * day)),
		tuning.Number("otp.attempts", 5, 1, 10), tuning.Word("signup", "verified", "open", "invite", "closed"),
	}, []tuning.Rule{{Less: "access_lifetime", Than: "refresh_lifetime"}}, func(name string) bool { return name != "otp.attempts" }))(t)
	e.Tuning = must(tuning.New(tuning.Config{Store: e.Store, Registry: registry, Apply: registry.Apply, Now: e.Clock.Now}))(t)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Client is a browser at an address of documentation.
func Client() authcore.Client {
	return authcore.Client{
		Addr: netip.MustParseAddr("192.0.2.7"), UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		Issuer: "https://auth.example.com", Portal: "https://auth.example.com/auth",
	}
}

// Request is a bearer sign-in of Client.
func Request() session.Request { return session.Request{Mode: authcore.ModeBearer, Client: Client()} }
