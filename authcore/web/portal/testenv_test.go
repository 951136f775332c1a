package portal_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

const (
	email   = "ada@example.com"
	host    = "auth.example.com"
	origin  = "https://" + host
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// house is the pages and the API in front of the whole domain, as the server in front puts them together.
type house struct {
	*testing.T
	*testflow.Env
	pages *portal.Pages
	both  http.Handler
	log   *lockedBuffer
	idp   *testidp.Provider
}

type plan struct {
	ways    passwordless.Ways
	noPass  bool // passwords sign nobody in
	byCode  bool
	numbers identifier.Numbers
	signIn  []authcore.IdentifierKind // nil for address and username
	fields  userfield.Set
	signup  signup.Mode
	rates   map[string]ratelimit.Rate
	lockout lockout.Policy
	returns []string
	grace   time.Duration // that deletions wait
	mfa     secondstep.Requirement
	factors []authcore.FactorType
	// provider adds the identity provider acme, which is h.idp; kinds adds others.
	provider bool
	kinds    func(h *house) []federated.Settings

	inviters authcore.Inviters
	explain  portal.Explainer // nil: every request goes on
	health   portal.Doctor    // nil: nothing is wrong
	trap     gateway.TrapSettings
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
	h := &house{T: t, log: &lockedBuffer{}}
	h.Env = testflow.New(t, testflow.Options{Logger: logger(h.log), Trap: p.trap, Providers: h.providers(p), Mode: p.signup, Ways: p.ways, NoPassword: p.noPass, ByCode: p.byCode, Numbers: p.numbers, Identities: p.signIn, UserFields: p.fields, Rates: p.rates, Lockout: p.lockout, DeletionGrace: p.grace, MFA: p.mfa, Factors: p.factors, Inviters: p.inviters})
	h.pages, h.both = wire(t, h.Env, h.log, p)
	return h
}

// wire puts pages and API before the capabilities of e.
func wire(t testing.TB, e *testflow.Env, log *lockedBuffer, p plan) (*portal.Pages, http.Handler) {
	t.Helper()
	if p.explain == nil {
		p.explain = func(context.Context, access.Question) (access.Explanation, error) {
			return access.Explanation{Decision: access.Allows, Status: 200}, nil
		}
	}
	if p.health == nil {
		p.health = func(context.Context) (portal.Health, error) { return portal.Health{}, nil }
	}
	verifier := must(accesstoken.New(accesstoken.Config{Keys: e.Ring, Revocations: e.Revoked, Now: e.Clock.Now}))(t)
	issuers := func() []string { return []string{origin} }
	cfg := httpapi.Config{Explain: func(context.Context, access.Question) (access.Explanation, error) { return access.Explanation{}, nil },
		Sessions: e.Sessions, SignIn: e.SignIn, Steps: e.Steps, Passwordless: e.Passwordless, SignUp: e.SignUp, Profile: e.Profile, Password: e.Password,
		Setup: e.Setup, Invite: e.Invite, Secure: e.Secure, Contact: e.Contact, Factors: e.Factors, Fresh: e.Fresh, Closure: e.Closure, Export: e.Export, Avatars: e.Avatars,
		History: e.History, Devices: e.Devices, AdminGate: e.AdminGate, Tuning: e.Tuning, SigningKeys: gateway.SigningKeys(e.Ring), Directory: e.Directory, AllSessions: e.AllSessions, EventLive: e.EventLive, Connections: unused(t, e), Users: e.Users, Unlocker: e.Unlocker, BlockRules: e.BlockRules, Stats: e.Stats, EventLog: e.EventLog, Notifications: e.Notifications, StepUp: e.StepUp, Federated: e.Federated, Consents: e.Consents,
		Authenticator: must(httpauth.NewAuthenticator(httpauth.Config{
			Verifier: verifier, Sessions: e.Sessions, Issuers: issuers, Origins: must(httpauth.NewOrigins([]string{"https://spa.example.com"}))(t),
		}))(t),
		JWKS: e.Ring.JWKS, Limits: httpauth.NewLimits(e.Limiter, ratelimit.AddressKey),
		Ready: nobodyAsks, Logger: logger(log), Now: e.Clock.Now,
	}
	api := must(httpapi.New(cfg))(t)
	pages := must(portal.New(portal.Config{
		Sessions: cfg.Sessions, SignIn: cfg.SignIn, Steps: cfg.Steps, Passwordless: cfg.Passwordless, SignUp: cfg.SignUp, Profile: cfg.Profile, Password: cfg.Password, Handover: e.Handover,
		Setup: cfg.Setup, Invite: cfg.Invite, Secure: cfg.Secure, Contact: cfg.Contact, Factors: cfg.Factors, Fresh: cfg.Fresh, Closure: cfg.Closure, Export: cfg.Export, Avatars: cfg.Avatars, History: cfg.History, Notifications: cfg.Notifications, StepUp: cfg.StepUp, Federated: cfg.Federated, Devices: cfg.Devices, Stats: e.Stats, EventLog: e.EventLog,
		Admin:         portal.Administration{Gate: e.AdminGate, BlockRules: e.BlockRules, Directory: e.Directory, Users: e.Users, Unlocker: e.Unlocker, Tuning: e.Tuning, SigningKeys: gateway.ConsoleKeys(e.Ring), Explain: p.explain, Health: p.health},
		Authenticator: cfg.Authenticator, Trap: honeytrap.New(e.Trap, cfg.Authenticator, honeytrap.DefaultField), Limits: cfg.Limits, API: api, Issuers: issuers, Brand: "Acme",
		ReturnHosts: func(string) []string { return p.returns }, Logger: cfg.Logger, Now: e.Clock.Now,
	}))(t)
	forms, calls := pages.Handler("/auth"), api.Handler("/auth")
	return pages, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pages.Has("/auth", r) {
			forms.ServeHTTP(w, r)
			return
		}
		calls.ServeHTTP(w, r)
	})
}

// unused is a registry of connections that no page opens.
func unused(t testing.TB, e *testflow.Env) *liveconn.Registry {
	return must(liveconn.New(liveconn.Config{Revocations: e.Revoked, Sessions: e.Store, Age: func() time.Duration { return 0 }, Ended: func(liveconn.Reason) {},
		Cut: func(liveconn.Ending) {}, Open: func(liveconn.Kind, int) {}, Logger: slog.New(slog.DiscardHandler), Now: e.Clock.Now}))(t)
}

func logger(to *lockedBuffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// providers starts the identity providers that are asked for.
func (h *house) providers(p plan) []federated.Settings {
	if p.kinds != nil {
		return p.kinds(h)
	}
	if !p.provider {
		return nil
	}
	h.idp = testidp.Start(h.T, func() time.Time { return h.Clock.Now() })
	h.idp.User = map[string]any{"sub": "ada-1", "email": "ada@example.com", "email_verified": true}
	return []federated.Settings{h.idp.Settings(h.T, "acme")}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
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

// browser keeps cookies between requests and says what browsers say.
type browser struct {
	*house
	cookies map[string]string
	device  string // by what it is known again; it outlives every session
	https   bool
	host    string
}

func (h *house) browser() *browser {
	return &browser{house: h, cookies: map[string]string{}, https: true, host: host}
}

type change func(*http.Request)

func header(name string, values ...string) change {
	return func(r *http.Request) {
		if len(values) == 0 {
			r.Header.Del(name)
			return
		}
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
}

func (b *browser) get(path string, changes ...change) *answer {
	b.Helper()
	return b.send(httptest.NewRequest(http.MethodGet, "/auth"+path, nil), changes)
}

// post submits a form; fields are name and value in turn.
func (b *browser) post(path string, fields []string, changes ...change) *answer {
	b.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, "/auth"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.origin())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(r, changes)
}

func (b *browser) origin() string {
	if b.https {
		return "https://" + b.host
	}
	return "http://" + b.host
}

func (b *browser) send(r *http.Request, changes []change) *answer {
	b.Helper()
	r.Host = b.host
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	var line []string
	for name, value := range b.cookies {
		line = append(line, name+"="+value)
	}
	if b.device != "" {
		line = append(line, "__Host-gatehouse_device="+b.device)
	}
	if len(line) > 0 {
		r.Header.Set("Cookie", strings.Join(line, "; "))
	}
	for _, c := range changes {
		c(r)
	}
	in := httpauth.RequestInfo{HTTPS: b.https, RequestID: "request-1", Client: authcore.Client{
		Addr: netip.MustParseAddr("192.0.2.7"), UserAgent: firefox, Issuer: origin, Portal: origin + "/auth", Origin: httpauth.HostOf(r, b.https),
	}, ServesHost: func(string) bool { return true }}
	w := httptest.NewRecorder()
	b.both.ServeHTTP(w, r.WithContext(httpauth.WithRequestInfo(r.Context(), in)))
	for _, c := range w.Result().Cookies() {
		if c.Name == "__Host-gatehouse_device" {
			b.device = c.Value
		} else if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return &answer{T: b.T, status: w.Code, header: w.Header(), body: w.Body.String()}
}

// nobodyAsks stands for readiness, which pages have no use for.
func nobodyAsks(context.Context) (bool, []string) { return true, nil }

// person has an account and is signed in with this browser.
func (b *browser) person() *browser {
	b.Helper()
	b.Person(b.T, signup.RegisterInput{Email: email, Username: "ada", FirstName: "Ada", LastName: "Lovelace"})
	b.signIn()
	return b
}

func (b *browser) signIn() {
	b.Helper()
	b.post("/login", []string{"login", email, "password", testflow.Password}).leads("/auth/account")
}

// mailed proves again who is signed in, by a code to their address.
func (b *browser) mailed() {
	b.Helper()
	b.post("/reauthenticate/begin", []string{"use", "email"}).leads("/auth/login/mfa?done=code_sent&use=email")
	b.post("/login/mfa", []string{"use", "email", "otp", b.Mail(b.T, email, authcore.MailSecondFactorCode).Code}).leads("/auth/account")
}

type answer struct {
	*testing.T
	status int
	header http.Header
	body   string
	tree   *html.Node
}

func (a *answer) want(status int) *answer {
	a.Helper()
	if a.status != status {
		a.Fatalf("status %d, want %d: %s%s", a.status, status, a.header.Get("Location"), a.body)
	}
	return a
}

// leads ends the test unless the answer is a 303 to the place.
func (a *answer) leads(to string) *answer {
	a.Helper()
	a.want(http.StatusSeeOther)
	if got := a.header.Get("Location"); got != to {
		a.Fatalf("leads to %s, want %s", got, to)
	}
	return a
}

func (a *answer) says(texts ...string) *answer {
	a.Helper()
	for _, text := range texts {
		if !strings.Contains(a.body, html.EscapeString(text)) {
			a.Fatalf("does not say %q:\n%s", text, a.body)
		}
	}
	return a
}

func (a *answer) silent(texts ...string) *answer {
	a.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			a.Fatalf("says %q:\n%s", text, a.body)
		}
	}
	return a
}
