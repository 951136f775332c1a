package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// env is an authenticator over real sessions of one account.
type env struct {
	*testing.T
	*testflow.Env
	cfg    httpauth.Config
	auth   *httpauth.Authenticator
	jar    *httpauth.Jar
	bearer session.Tokens
	cookie session.Tokens
}

func open(t *testing.T, change func(*httpauth.Config)) *env {
	t.Helper()
	e := &env{T: t, Env: testflow.New(t, testflow.Options{}), jar: httpauth.NewJar("", true)}
	verifier, err := accesstoken.New(accesstoken.Config{Keys: e.Ring, Revocations: e.Revoked, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	e.cfg = httpauth.Config{Verifier: verifier, Sessions: e.Sessions, Issuers: func() []string { return []string{"https://auth.example.com"} }}
	if change != nil {
		change(&e.cfg)
	}
	if e.auth, err = httpauth.NewAuthenticator(e.cfg); err != nil {
		t.Fatal(err)
	}
	now := e.Clock.Now()
	account := authcore.Account{ID: uuid.New(), Email: "ada@example.com", EmailVerifiedAt: now, CreatedAt: now, UpdatedAt: now}
	if err := e.Store.CreateAccount(t.Context(), account, []authcore.Identifier{{Kind: authcore.KindEmail, Value: account.Email}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	start := func(mode authcore.Mode) session.Tokens {
		tokens, err := e.Sessions.Start(t.Context(), account, session.Request{Mode: mode, AMR: []string{"pwd"}, Client: testflow.Client()})
		if err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	e.bearer, e.cookie = start(authcore.ModeBearer), start(authcore.ModeCookie)
	return e
}

// authenticate returns what becomes of a request with the header lines, "Name: value" each.
func (e *env) authenticate(method string, lines ...string) (*authcore.Principal, *httptest.ResponseRecorder, authcore.Code) {
	e.Helper()
	r, w := httptest.NewRequest(method, "https://app.example.com/x", nil), httptest.NewRecorder()
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	p, err := e.auth.Authenticate(w, r, httpauth.RequestInfo{Client: testflow.Client(), HTTPS: true, Jar: e.jar})
	if err != nil {
		return nil, w, authcore.CodeOf(err)
	}
	return p, w, ""
}

func (e *env) lines() (bearer, access, refresh, both string) {
	access, refresh = e.jar.Access()+"="+e.cookie.Access, e.jar.Refresh()+"="+e.cookie.Refresh
	return "Authorization: Bearer " + e.bearer.Access, "Cookie: " + access, "Cookie: " + refresh, "Cookie: " + access + "; " + refresh
}

func TestAuthenticate_ByWhat(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	bearer, access, refresh, both := e.lines()
	const foreign = "Sec-Fetch-Site: cross-site"
	for _, c := range []struct {
		name, method string
		lines        []string
		code         authcore.Code
		by           authcore.CredentialKind
		session      session.Tokens
	}{
		{name: "nothing", method: "GET", code: authcore.AuthenticationRequired},
		{name: "a bearer token", method: "POST", lines: []string{bearer}, by: authcore.BearerToken, session: e.bearer},
		{name: "a bearer token beside cookies", method: "GET", lines: []string{bearer, both}, by: authcore.BearerToken, session: e.bearer},
		{name: "a bad bearer token beside cookies", method: "GET", lines: []string{"Authorization: Bearer x", both}, code: authcore.InvalidToken},
		{name: "a cookie's token as bearer", method: "GET", lines: []string{"Authorization: Bearer " + e.cookie.Access}, code: authcore.InvalidToken},
		{name: "a bearer's token as cookie", method: "GET", lines: []string{"Cookie: " + e.jar.Access() + "=" + e.bearer.Access}, code: authcore.InvalidToken},
		{name: "a bearer token from another origin", method: "POST", lines: []string{bearer, foreign}, by: authcore.BearerToken, session: e.bearer},
		{name: "a cookie", method: "GET", lines: []string{access}, by: authcore.SessionCookie, session: e.cookie},
		{name: "a cookie from another origin's link", method: "GET", lines: []string{access, foreign}, by: authcore.SessionCookie, session: e.cookie},
		{name: "a cookie from another origin's form", method: "POST", lines: []string{access, foreign}, code: authcore.CrossOrigin},
		{name: "a refresh cookie from another origin's form", method: "POST", lines: []string{refresh, foreign}, code: authcore.CrossOrigin},
		{name: "a bad cookie", method: "GET", lines: []string{"Cookie: " + e.jar.Access() + "=x"}, code: authcore.InvalidToken},
		{name: "a bad cookie and a refresh cookie", method: "GET", lines: []string{refresh + "; " + e.jar.Access() + "=x"}, by: authcore.SessionCookie, session: e.cookie},
	} {
		p, w, code := e.authenticate(c.method, c.lines...)
		if code != c.code {
			t.Errorf("%s: code %q, want %q", c.name, code, c.code)
		}
		if p != nil && (p.Credential != c.by || p.SessionID != c.session.Session.ID) {
			t.Errorf("%s: authenticated by %s as session %s", c.name, p.Credential, p.SessionID)
		}
		if renewed := len(w.Result().Cookies()) == 2; renewed != strings.HasPrefix(c.name, "a bad cookie and") {
			t.Errorf("%s: cookies %v", c.name, w.Result().Cookies())
		}
	}
}

// What is revoked is known from memory: it is never renewed, and the browser forgets both cookies. What memory does not know ends at
// the database.
func TestAuthenticate_EndedSessions(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	_, _, refresh, both := e.lines()
	e.Revoked.Apply(authcore.Revocation{SessionID: e.cookie.Session.ID, Until: e.Clock.Now().Add(time.Hour)})
	if _, w, code := e.authenticate("GET", both); code != authcore.InvalidToken || cleared(w) != 2 {
		t.Errorf("a revoked session: code %q, %d cookies cleared", code, cleared(w))
	}
	if err := e.Sessions.EndByRefresh(t.Context(), e.cookie.Refresh, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if _, w, code := e.authenticate("GET", refresh); code != authcore.InvalidToken || cleared(w) != 2 {
		t.Errorf("a dead refresh cookie: code %q, %d cookies cleared", code, cleared(w))
	}
	foreign := "Cookie: " + e.jar.Access() + "=x; " + e.jar.Refresh() + "=ghr_of-another-gateway"
	if _, w, code := e.authenticate("GET", foreign); code != authcore.InvalidToken || cleared(w) != 0 {
		t.Errorf("cookies of another gateway: code %q, %d cookies cleared", code, cleared(w))
	}
}

func cleared(w *httptest.ResponseRecorder) (n int) {
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			n++
		}
	}
	return n
}

// Where this node cannot know, nobody is told that a token is dead: not with a snapshot that is too old, nor with a clock that is wrong.
func TestAuthenticate_CannotKnow(t *testing.T) {
	t.Parallel()
	stale, wrong := false, false
	e := open(t, func(c *httpauth.Config) {
		c.Stale, c.ClockWrong = func() bool { return stale }, func() bool { return wrong }
	})
	bearer, access, _, both := e.lines()
	stale = true
	for _, line := range []string{bearer, access} {
		if _, w, code := e.authenticate("GET", line); code != authcore.Unavailable || len(w.Result().Cookies()) != 0 {
			t.Errorf("a snapshot that is too old: code %q, cookies %v", code, w.Result().Cookies())
		}
	}
	e.Clock.Advance(6 * time.Minute)
	if _, _, code := e.authenticate("GET", both); code != "" {
		t.Errorf("what the database has just confirmed is refused: %q", code)
	}
	stale = false
	if _, _, code := e.authenticate("GET", bearer); code != authcore.InvalidToken {
		t.Errorf("an expired token: %q", code)
	}
	wrong = true
	if _, _, code := e.authenticate("GET", bearer); code != authcore.Unavailable {
		t.Errorf("a token that seems to have expired by a wrong clock: %q", code)
	}
}

// The token of a child session is good at its own host alone, and only where the site is there for that host (S04).
func TestS04_ChildSessionsStayAtTheirHost(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	own := func(host string) bool { return host == "app.example.com" }
	for _, c := range []struct {
		name, url string
		https     bool
		serves    func(string) bool
		good      bool
	}{
		{"its host", "https://app.example.com/", true, own, true}, {"another port", "https://app.example.com:8443/", true, own, true},
		{"another host", "https://wiki.example.com/", true, func(string) bool { return true }, false},
		{"a site for any host", "https://app.example.com/", true, nil, false}, {"plain http", "http://app.example.com/", false, own, false},
	} {
		jar := httpauth.NewJar("", c.https)
		r := httptest.NewRequest(http.MethodGet, c.url, nil)
		r.Header.Set("Cookie", jar.Access()+"="+e.child())
		_, err := e.auth.Authenticate(httptest.NewRecorder(), r, httpauth.RequestInfo{Client: testflow.Client(), HTTPS: c.https, ServesHost: c.serves, Jar: jar})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// child returns an access token that is good at https://app.example.com alone.
func (e *env) child() string {
	e.Helper()
	sess := e.cookie.Session
	sess.Origin = "https://app.example.com"
	tokens, err := e.Sessions.Grant(e.cookie.Account, sess, "", testflow.Client())
	if err != nil {
		e.Fatal(err)
	}
	return tokens.Access
}

// A token names one of the issuers and one of the audiences, cached or not (T11).
func TestT11_IssuerAndAudience(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	bearer, _, _, _ := e.lines()
	for name, c := range map[string]struct {
		issuers, audience []string
		good              bool
	}{
		"its own":          {[]string{"https://auth.example.com"}, nil, true},
		"one of several":   {[]string{"https://b.example.com", "https://auth.example.com"}, []string{"https://auth.example.com"}, true},
		"another issuer":   {[]string{"https://b.example.com"}, []string{"https://auth.example.com"}, false},
		"another audience": {[]string{"https://auth.example.com"}, []string{"api"}, false},
	} {
		cfg := e.cfg
		cfg.Issuers, cfg.Audience = func() []string { return c.issuers }, c.audience
		var err error
		if e.auth, err = httpauth.NewAuthenticator(cfg); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, _, code := e.authenticate("GET", bearer); (code == "") != c.good {
				t.Errorf("%s: %q", name, code)
			}
		}
	}
}
