// Package testdialect serves a dialect over the flows of [testflow], for tests: one node with a clock that the test moves.
package testdialect

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/apidocs"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Key is what the dialect's JWTs are signed with.
const Key = "a key that clients of old know, too"

// Options are those of a test.
type Options struct {
	testflow.Options
	Settings func(s *dialect.Settings) // changes what an operator chooses; nil: the defaults
	Origins  []string                  // trusted ones
	Key      string                    // "": the constant Key
}

// Env is a node that serves a dialect.
type Env struct {
	*testflow.Env
	Site     *dialect.Site
	Beside   []*dialect.Site // others of the same node
	Verifier *accesstoken.Verifier
	Auth     *httpauth.Authenticator
	// Keys are those of all dialects of the node, of which a test may add some.
	Keys *jwtkeys.ForeignSet
	t    testing.TB
	// Counted are the codes of the outcomes of all calls; "" is success.
	Counted []authcore.Code
}

// New serves a dialect with sign-up open, unless o says otherwise.
func New(t testing.TB, d dialect.Dialect, o Options) *Env {
	t.Helper()
	if o.Mode == "" {
		o.Mode = signup.Open
	}
	e := &Env{Env: testflow.New(t, o.Options), t: t}
	seal := e.Ring.MACKey("dialect token")
	key := must(jwtkeys.Shared(secret.FromString(cmp.Or(o.Key, Key)), seal))(t)
	prefix := d.Prefix
	if prefix == "" {
		prefix = "/dialect"
	}
	s := dialect.Settings{Prefix: prefix, Lifetimes: func() dialect.Lifetimes { return d.Form.Lifetimes },
		Keys: must(jwtkeys.NewForeignKeys(d.Name, []jwtkeys.Key{key}, seal))(t), DigestKey: func() secret.MACKey { return e.Ring.MACKey("dialect refresh token") }}
	if o.Settings != nil {
		o.Settings(&s)
	}
	e.Keys = jwtkeys.NewForeignSet(s.Keys)
	e.Verifier = must(accesstoken.New(accesstoken.Config{Keys: e.Ring, Revocations: e.Revoked, Now: e.Clock.Now}))(t)
	e.Auth = must(httpauth.NewAuthenticator(httpauth.Config{Verifier: e.Verifier, Sessions: e.Sessions, Issuers: func() []string { return []string{testflow.Client().Issuer} },
		Origins: must(httpauth.NewOrigins(o.Origins))(t), Dialects: func() *jwtkeys.ForeignSet { return e.Keys }}))(t)
	e.Site = must(dialect.New(d, s, dialect.Flows{Sessions: e.Sessions, Dialects: session.NewDialects(e.Sessions, e.Store, e.Revoked), SignIn: e.SignIn, SignUp: e.SignUp,
		Password: e.Password, Profile: e.Profile, Contact: e.Contact, Fresh: e.Fresh, Factors: e.Factors, Steps: e.Steps, Federated: e.Federated, Invite: e.Invite, CodesAs: e.CodesAs, SignUpAs: e.SignUpAs,
		Accounts: e.Store, Blocks: e.Blocks, APIPage: must(apidocs.New())(t), AdminGate: e.AdminGate, Directory: e.Directory, Users: e.Users,
		Roster: e.Roster, Newcomers: e.Newcomers, Claims: e.Claims, Closure: e.Closure, Admins: o.Admins, Auth: e.Auth, Limits: httpauth.NewLimits(e.Limiter, ratelimit.AddressKey), Now: e.Clock.Now, Logger: discard(o.Logger),
		Count: func(_ string, err error) {
			code := authcore.CodeOf(err)
			if err == nil {
				code = ""
			}
			e.Counted = append(e.Counted, code)
		}}))(t)
	return e
}

// Add serves another dialect, which borrows from the first.
func (e *Env) Add(t testing.TB, d dialect.Dialect, prefix string) {
	t.Helper()
	s := dialect.Settings{Prefix: prefix, Lifetimes: func() dialect.Lifetimes { return d.Form.Lifetimes },
		DigestKey: func() secret.MACKey { return e.Ring.MACKey("dialect refresh token") }, Lender: func() *dialect.Site { return e.Site }}
	e.Beside = append(e.Beside, must(dialect.New(d, s, e.Site.Flows))(t))
}

// Call makes a request. A body that begins with a brace is JSON, any other a form, unless headers say otherwise; a token stands in the header
// Authorization as it is.
func (e *Env) Call(method, path, body, authorization string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "auth.example.com"
	switch {
	case strings.HasPrefix(body, "{"):
		r.Header.Set("Content-Type", "application/json")
	case body != "":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			r.Header.Del(headers[i])
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	client := testflow.Client()
	r.Header.Set("User-Agent", client.UserAgent)
	w := httptest.NewRecorder()
	site := e.Site
	for _, other := range e.Beside {
		if other.Has(path) {
			site = other
		}
	}
	site.ServeHTTP(w, r.WithContext(httpauth.WithRequestInfo(r.Context(), httpauth.RequestInfo{Client: client, HTTPS: true})))
	if err := described(site, r, w); err != nil {
		e.t.Error(err)
	}
	return w
}

// Want makes a request and ends the test unless it has the status; it returns the body, which is JSON or nothing.
func (e *Env) Want(t testing.TB, status int, method, path, body, authorization string) map[string]any {
	t.Helper()
	w := e.Call(method, path, body, authorization)
	if w.Code != status {
		t.Fatalf("%s %s %s answered %d %s, want %d", method, path, body, w.Code, w.Body, status)
	}
	var says map[string]any
	if w.Body.Len() > 0 && w.Body.Bytes()[0] == '{' {
		if err := json.Unmarshal(w.Body.Bytes(), &says); err != nil {
			t.Fatalf("%s %s answered %s: %v", method, path, w.Body, err)
		}
	}
	return says
}

// Claims are those of a JWT, unchecked.
func Claims(t testing.TB, token string) map[string]any {
	t.Helper()
	return part(t, token, 1)
}

// Header is that of a JWT.
func Header(t testing.TB, token string) map[string]any {
	t.Helper()
	return part(t, token, 0)
}

// Admits reports whether a guard that accepts dialects would let a request with the header Authorization in.
func (e *Env) Admits(t testing.TB, authorization string, accept httpauth.Accept) bool {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/app", nil)
	r.Header.Set("Authorization", authorization)
	if accept.Schemes == nil {
		accept.Schemes = func() []string { return e.Site.Settings.Schemes }
	}
	given, err := e.Auth.Find(r, httpauth.NewJar("", true), nil, &accept)
	if err != nil {
		return false
	}
	who, err := e.Auth.AuthenticateRequest(httptest.NewRecorder(), r, given, nil)
	return err == nil && who.Verified != nil
}
