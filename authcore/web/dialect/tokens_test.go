package dialect_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/constancejwt"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drfusers"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/simplejwt"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// TestTokens_OfDialectsKeptApart: an access token is good at the calls of its own dialect alone, also where another has the same key.
func TestTokens_OfDialectsKeptApart(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	token := "Bearer " + e.Want(t, 200, "POST", "/api/login/", form("email", "ada@example.com", "password", testflow.Password), "")["access_token"].(string)
	seal := e.Ring.MACKey("dialect token")
	key, err := jwtkeys.Shared(secret.FromString(testdialect.Key), seal)
	if err != nil {
		t.Fatal(err)
	}
	other, settings := constancejwt.New(""), e.Site.Settings
	other.Name, settings.Prefix = "another", "/other"
	if settings.Keys, err = jwtkeys.NewForeignKeys(other.Name, []jwtkeys.Key{key}, seal); err != nil {
		t.Fatal(err)
	}
	e.Keys = jwtkeys.NewForeignSet(e.Site.Settings.Keys, settings.Keys)
	site, err := dialect.New(other, settings, e.Site.Flows)
	if err != nil {
		t.Fatal(err)
	}
	e.Beside = append(e.Beside, site)
	own := "Bearer " + e.Want(t, 200, "POST", "/other/login/", form("email", "ada@example.com", "password", testflow.Password), "")["access_token"].(string)
	e.Want(t, 200, "GET", "/api/me/", "", token)
	e.Want(t, 200, "GET", "/other/me/", "", own)
	e.Want(t, 401, "GET", "/other/me/", "", token)
	e.Want(t, 401, "GET", "/api/me/", "", own)
}

// TestGuard_TakesADialectsTokenByTheWordAlone: a guard takes what its option accept names and nothing else.
func TestGuard_TakesADialectsTokenByTheWordAlone(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, simplejwt.New(simplejwt.Options{}), testdialect.Options{Settings: func(s *dialect.Settings) { s.Schemes = []string{"Bearer", "JWT"} }})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})
	pair := e.Want(t, 200, "POST", "/api/token/", form("username", "ada", "password", testflow.Password), "")
	access, refresh := pair["access"].(string), pair["refresh"].(string)
	own, err := e.TrySignIn(t, "ada", testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	all, alone, bearer := httpauth.Accept{Dialect: true}, httpauth.Accept{Dialect: true, NoBearer: true, NoCookie: true}, httpauth.Accept{NoCookie: true}
	for header, want := range map[string][4]bool{ // by all, dialect alone, bearer alone, and without the option
		"Bearer " + access:     {true, true, false, false},
		"JWT " + access:        {true, true, false, false},
		"Bearer " + own.Access: {true, false, true, true},
		"JWT " + own.Access:    {},
		"Token " + access:      {},
		"Bearer " + refresh:    {},
	} {
		if got := [4]bool{e.Admits(t, header, all), e.Admits(t, header, alone), e.Admits(t, header, bearer), e.Admits(t, header, httpauth.Accept{})}; got != want {
			t.Errorf("%.12s…: %v, want %v", header, got, want)
		}
	}
}

// TestToken_OneHeader: two headers are refused, not the first of them taken; a word in another case is none, as the package has it.
func TestToken_OneHeader(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	token := e.Want(t, 200, "POST", "/api/login/", form("email", "ada@example.com", "password", testflow.Password), "")["access_token"].(string)
	if w := e.Call("PUT", "/api/me/", "username=Ada", "Bearer "+token, "Authorization", "Bearer x"); w.Code != 400 {
		t.Errorf("two headers answered %d %s", w.Code, w.Body)
	}
	for header, want := range map[string]int{"bearer " + token: 401, "Bearer " + token: 200, "Bearer  " + token: 200, "Bearer " + token + " x": 401, "Bearer": 401} {
		if w := e.Call("GET", "/api/me/", "", header); w.Code != want {
			t.Errorf("%.9s… answered %d %s, want %d", header, w.Code, w.Body, want)
		}
	}
}

// TestNewTable_TwoCalls: a path that would be two calls is an error, whatever the final slash.
func TestNewTable_TwoCalls(t *testing.T) {
	t.Parallel()
	d := constancejwt.New("")
	for path, fails := range map[string]bool{"refresh/": true, "/api/refresh": true, "me": false, "sign-in": false} {
		if _, err := dialect.NewTable(d, "/api", map[string][]string{"login": {path}}); (err != nil) != fails {
			t.Errorf("login at %s: %v", path, err)
		}
	}
	if _, err := dialect.NewTable(d, "/api", map[string][]string{"nothing": {"x"}}); err == nil {
		t.Error("a call that is none has a path")
	}
}

// TestChange_OfWhoseAccountIsDisabledElsewhere: a change is refused where another node has disabled the account, also before this one hears of that.
func TestChange_OfWhoseAccountIsDisabledElsewhere(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	made := e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	token := "Bearer " + e.Want(t, 200, "POST", "/api/login/", form("email", "ada@example.com", "password", testflow.Password), "")["access_token"].(string)
	e.Want(t, 200, "PUT", "/api/me/", "username=Ada", token)
	if _, err := e.Elsewhere(t).ChangeDisabled(t.Context(), authcore.Disabling{AccountID: made.Account.ID, Disable: true, Now: e.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	e.Want(t, 401, "PUT", "/api/me/", "username=Eve", token)
}

// TestKeys_OfAllUnderAPrefix: whichever dialect of a prefix is asked, the public keys are those of all. One that issues nothing has none.
func TestKeys_OfAllUnderAPrefix(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	key, err := jwtkeys.Generate(jwtkeys.Bearer, jwtkeys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	first, second := e.Site.Settings, e.Site.Settings
	if second.Keys, err = jwtkeys.NewForeignKeys(simplejwt.Name, []jwtkeys.Key{key}, e.Ring.MACKey("dialect token")); err != nil {
		t.Fatal(err)
	}
	var all []*dialect.Site
	first.Siblings = func() []*dialect.Site { return all }
	second.Siblings = first.Siblings
	serve := func(d dialect.Dialect, s dialect.Settings) {
		site, err := dialect.New(d, s, e.Site.Flows)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, site)
	}
	serve(constancejwt.New(""), first)
	serve(simplejwt.New(simplejwt.Options{}), second)
	for _, site := range all {
		e.Site = site
		if w := e.Call("GET", "/api/jwks.json", "", ""); w.Code != 200 || !strings.Contains(w.Body.String(), key.KID) {
			t.Errorf("%s answered %d %s, want the key of simplejwt", site.Dialect.Name, w.Code, w.Body)
		}
	}
	e.Add(t, drfusers.New(drfusers.Options{}), "/users")
	e.Want(t, 404, "GET", "/users/jwks.json", "", "")
}

// TestToken_OfAnotherIssuer: a token for an origin that is none of the gateway's, or for another audience, is refused by the calls of its dialect
// and by guards, also where its key is right.
func TestToken_OfAnotherIssuer(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	good := e.Want(t, 200, "POST", "/api/login/", form("email", "ada@example.com", "password", testflow.Password), "")["access_token"].(string)
	read, err := e.Site.Open(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *jwtkeys.Claims){
		"": func(*jwtkeys.Claims) {}, "issuer": func(c *jwtkeys.Claims) { c.Issuer = "https://other.example.com" },
		"audience": func(c *jwtkeys.Claims) { c.Audience = []string{"https://other.example.com"} },
	} {
		claims := read.Claims
		change(&claims)
		token, err := e.Site.Settings.Keys.Sign(jwtkeys.ForeignAccess, []jwtkeys.Member{{Name: "exp", Value: claims.ExpiresAt.Unix()}, {Name: "sid", Value: claims.SessionID}}, claims)
		if err != nil {
			t.Fatal(err)
		}
		called := e.Call("GET", "/api/me/", "", "Bearer "+token).Code == 200
		if guarded := e.Admits(t, "Bearer "+token, httpauth.Accept{Dialect: true}); called != (name == "") || guarded != called {
			t.Errorf("another %q: the dialect's call takes it: %v; a guard does: %v", name, called, guarded)
		}
	}
}
