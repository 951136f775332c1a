package httpapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/credential"
	"github.com/gatehouse-auth/gatehouse/authcore/edge"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/httpapi"
	"github.com/gatehouse-auth/gatehouse/authcore/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/recovery"
	"github.com/gatehouse-auth/gatehouse/authcore/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
	"github.com/gatehouse-auth/gatehouse/authcore/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/throttle"
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

// house is the API on its real parts: a SQLite file, low-cost hashes, a clock that stands until it is moved.
type house struct {
	*testing.T
	handler http.Handler
	api     *httpapi.API
	store   *sqlstore.Store
	hasher  *passhash.Hasher
	mails   *mailbag
	log     *lockedBuffer
	clock   *clock
	ready   func(context.Context) (bool, []string)
}

// plan is what a test may want otherwise.
type plan struct {
	signup  enrol.Mode
	rates   map[string]throttle.Rate
	origins []string
	panics  bool // every limited call panics
}

func open(t *testing.T, plans ...plan) *house {
	t.Helper()
	t.Parallel()
	p := plan{}
	if len(plans) > 0 {
		p = plans[0]
	}
	if p.signup == "" {
		p.signup = enrol.Verified
	}
	h := &house{
		T: t, mails: &mailbag{}, log: &lockedBuffer{}, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
		ready: func(context.Context) (bool, []string) { return true, nil },
	}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.store = must(sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db"), Logger: log, Now: h.clock.Now}))(t)
	t.Cleanup(func() { _ = h.store.Close() })
	check(t, h.store.Migrate(t.Context()))
	sealer := must(secret.NewSealer(secret.FromString("0123456789abcdef0123456789abcdef")))(t)
	keys := must(keyring.New(keyring.Config{Store: h.store, Sealer: sealer, Algorithm: jwtkeys.EdDSA, AccessLifetime: 5 * time.Minute, Logger: log, Now: h.clock.Now}))(t)
	check(t, keys.Load(t.Context()))
	set := revocation.NewSet(h.clock.Now)
	h.hasher = must(passhash.New(passhash.Config{Params: passhash.Params{MemoryKiB: 64, Time: 1, Threads: 1}}))(t)
	h.build(p, parts{
		keys: keys, sealer: sealer, set: set, revoker: must(revocation.NewAnnouncer(set))(t),
		limiter: must(throttle.NewMemory(throttle.Config{Rates: p.rates, Now: h.clock.Now}))(t), log: log,
	})
	return h
}

type parts struct {
	keys    *keyring.Ring
	sealer  *secret.Sealer
	set     *revocation.Set
	revoker authcore.Revoker
	limiter authcore.Limiter
	log     *slog.Logger
}

// build wires the capabilities as the server in front does.
func (h *house) build(p plan, q parts) {
	now, both := h.clock.Now, []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}
	policy := must(passpolicy.New(passpolicy.Config{}))(h)
	lockouts := must(throttle.NewLockouts(throttle.LockoutConfig{Store: h.store, Sealer: q.sealer, Logger: q.log, Now: now}))(h)
	sessions := must(session.New(session.Config{
		Store: h.store, Keys: q.keys, Revoker: q.revoker, Mailer: h.mails, Now: now,
		AccessLifetime: 5 * time.Minute, RefreshLifetime: 30 * 24 * time.Hour, SessionLifetime: 90 * 24 * time.Hour,
	}))(h)
	desk := must(challenge.New(challenge.Config{
		Store: h.store, Limiter: q.limiter, Mailer: h.mails, Key: func() secret.MACKey { return q.keys.MACKey("code") }, Now: now,
	}))(h)
	limiter := q.limiter
	if p.panics {
		limiter = panicking{}
	}
	h.api = must(httpapi.New(httpapi.Config{
		Sessions: sessions,
		SignIn: must(signin.New(signin.Config{
			Store: h.store, Hasher: h.hasher, Policy: policy, Lockouts: lockouts, Sessions: sessions, Identities: both,
			RequireVerified: p.signup == enrol.Verified, Now: now,
		}))(h),
		Enrol: must(enrol.New(enrol.Config{
			Store: h.store, Hasher: h.hasher, Policy: policy, Challenges: desk, Sessions: sessions, Revoker: q.revoker,
			Signup: enrol.Signup{Mode: p.signup, Identities: both}, Now: now,
			Salt: func(address string) []byte { return q.keys.MACKey("password salt").MAC([]byte(address)).Bytes()[:16] },
		}))(h),
		Recovery: must(recovery.New(recovery.Config{
			Store: h.store, Hasher: h.hasher, Policy: policy, Challenges: desk, Lockouts: lockouts, Revoker: q.revoker, Identities: both, Now: now,
		}))(h),
		Password: must(credential.New(credential.Config{
			Store: h.store, Hasher: h.hasher, Policy: policy, Challenges: desk, Lockouts: lockouts, Revoker: q.revoker, Now: now,
		}))(h),
		Profile:  must(profile.New(profile.Config{Store: h.store, Identities: both, Now: now}))(h),
		Verifier: must(edge.New(edge.Config{Keys: q.keys, Revocations: q.set, Now: now}))(h),
		Keys:     q.keys, Origins: origins(h, p.origins...), Limiter: limiter, AddressKey: throttle.AddressKey,
		Ready: func(ctx context.Context) (bool, []string) { return h.ready(ctx) }, Logger: q.log,
	}))(h)
	h.handler = h.api.Handler("/auth")
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

type panicking struct{}

func (panicking) Take(context.Context, ...authcore.Limit) (time.Duration, error) {
	panic("the limiter broke")
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
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

// mailbag keeps every message that was composed.
type mailbag struct {
	mu   sync.Mutex
	list []authcore.Message
}

func (m *mailbag) Compose(msg authcore.Message) (authcore.Mail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, msg)
	return authcore.Mail{ID: uuid.Must(uuid.NewV7()), Kind: msg.Kind, Sealed: []byte("sealed"), CreatedAt: msg.At}, nil
}

func (m *mailbag) Nudge() {}

// last returns the newest message of a kind to an address.
func (m *mailbag) last(tb testing.TB, kind authcore.MailKind, to string) authcore.Message {
	tb.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.list) - 1; i >= 0; i-- {
		if m.list[i].Kind == kind && m.list[i].To == to {
			return m.list[i]
		}
	}
	tb.Fatalf("no %s mail", kind)
	return authcore.Message{}
}

// account stores a proven account with the password.
func (h *house) account(email, username string, change ...func(*authcore.Account)) authcore.Account {
	h.Helper()
	now := h.clock.Now()
	a := authcore.Account{
		ID: uuid.New(), Email: email, EmailVerifiedAt: now, Username: username, FirstName: "Ada", LastName: "Lovelace",
		PasswordHash: must(h.hasher.Hash(h.Context(), password))(h), CreatedAt: now, UpdatedAt: now,
	}
	for _, c := range change {
		c(&a)
	}
	ids := []authcore.Identifier{{Kind: authcore.KindEmail, Value: email}}
	if username != "" {
		ids = append(ids, authcore.Identifier{Kind: authcore.KindUsername, Value: username})
	}
	check(h, h.store.CreateAccount(h.Context(), a, ids, authcore.Effects{}))
	return a
}
