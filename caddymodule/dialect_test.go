package caddymodule

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// dialectIn returns the handler of the directive in a site that has nothing else, provisioned as far as it goes without an app.
func dialectIn(t *testing.T, directive string) *Dialect {
	t.Helper()
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\n\tgatehouse {\n\t\tsignup open\n\t\tsign_in password code\n\t}\n}\nhttp://localhost {\n\t"+directive+"\n}\n"), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	var found json.RawMessage
	var look func(v any)
	look = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["handler"] == "gatehouse_dialect" {
				found, _ = json.Marshal(v["dialect"])
			}
			for _, inner := range v {
				look(inner)
			}
		case []any:
			for _, inner := range v {
				look(inner)
			}
		}
	}
	var config any
	if err := json.Unmarshal(out, &config); err != nil {
		t.Fatal(err)
	}
	look(config)
	var named struct{ Name string }
	if err := json.Unmarshal(found, &named); err != nil {
		t.Fatalf("%s has no dialect: %v", out, err)
	}
	info, err := caddy.GetModule(dialectsNamespace + "." + named.Name)
	if err != nil {
		t.Fatal(err)
	}
	d := &Dialect{module: info.New().(DialectModule)}
	if err := json.Unmarshal(found, d.module); err != nil {
		t.Fatal(err)
	}
	if d.is, d.table, d.prefix, err = checkDialect(d.module); err != nil {
		t.Fatal(err)
	}
	if err := d.readKey(); err != nil {
		t.Fatal(err)
	}
	r := &resolved{}
	if err := resolveTuning(&Settings{}, r); err != nil {
		t.Fatal(err)
	}
	d.app = &App{cfg: r}
	if err := d.defineLifetimes(); err != nil {
		t.Fatal(err)
	}
	return d
}

// served serves what a directive says, over flows with a clock that stands still.
func served(t *testing.T, directive string, o testdialect.Options) *testdialect.Env {
	t.Helper()
	d := dialectIn(t, directive)
	given := d.module.Common()
	o.Settings = func(s *dialect.Settings) {
		s.Prefix, s.Paths, s.Schemes, s.UserID, s.LoginField = d.prefix, given.Path, given.Schemes, dialect.UserID(given.UserID), given.LoginField
		s.Lifetimes = d.lifetimes()
	}
	e := testdialect.New(t, d.is, o)
	keys, err := (&core{ring: e.Ring, store: e.Store}).dialectKeys(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	e.Site.Settings.Keys, e.Keys = keys, jwtkeys.NewForeignSet(keys)
	e.Register(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})
	return e
}

const constanceLogin = "email=ada@example.com&password=" + testflow.Password

func accessToken(t *testing.T, e *testdialect.Env, path, body string) string {
	t.Helper()
	return e.Want(t, 200, "POST", path, body, "")["access_token"].(string)
}

func TestOption_dialect_key(t *testing.T) {
	t.Setenv("DIALECT_KEY", testdialect.Key)
	t.Setenv("DIALECT_OLD_KEY", "another key, of before the last one")
	e := served(t, "gatehouse_dialect constance_jwt {\n key {env.DIALECT_KEY} {env.DIALECT_OLD_KEY}\n}", testdialect.Options{})
	access := accessToken(t, e, "/api/login/", constanceLogin)
	// What holds the key can check it: PyJWT, or another gateway.
	key, err := jwtkeys.Shared(secret.FromString(testdialect.Key), e.Ring.MACKey("another"))
	if err != nil {
		t.Fatal(err)
	}
	others, err := jwtkeys.NewForeignKeys("theirs", []jwtkeys.Key{key}, e.Ring.MACKey("another"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := others.Open(access, e.Clock.Now()); err == nil || string(got.Members["user_id"]) != "1" {
		t.Errorf("whoever holds the key reads %v, %v", got.Members, err)
	}
	old := served(t, "gatehouse_dialect constance_jwt {\n key {env.DIALECT_OLD_KEY}\n}", testdialect.Options{})
	before := accessToken(t, old, "/api/login/", constanceLogin)
	if old.Call("GET", "/api/me/", "", "Bearer "+access).Code != 401 {
		t.Error("a token of another key is taken")
	}
	// The second key checks only: what it signed is read by whoever has both, and sealed by each gateway for itself.
	if got, err := e.Site.Open(before); err == nil || string(got.Members["user_id"]) != "1" {
		t.Errorf("the second key does not check: %v, %v", got.Members, err)
	}
}

// TestDialectKey_Own: without the option all nodes have one key, which stays, and which the database alone does not give away.
func TestDialectKey_Own(t *testing.T) {
	t.Parallel()
	e := served(t, "gatehouse_dialect constance_jwt", testdialect.Options{})
	access := accessToken(t, e, "/api/login/", constanceLogin)
	keys, err := (&core{ring: e.Ring, store: e.Store}).dialectKeys(t.Context(), dialectIn(t, "gatehouse_dialect constance_jwt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Open(access, e.Clock.Now()); err != nil {
		t.Errorf("another node, or this one after a start, refuses the token: %v", err)
	}
}

func TestOption_dialect_algorithm(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"HS256", "ES256", "EdDSA", "RS256"} {
		e := served(t, "gatehouse_dialect constance_jwt {\n algorithm "+alg+"\n}", testdialect.Options{})
		access := accessToken(t, e, "/api/login/", constanceLogin)
		if got := testdialect.Header(t, access)["alg"]; got != alg {
			t.Errorf("signed by %v, want %s", got, alg)
		}
		e.Want(t, 200, "GET", "/api/me/", "", "Bearer "+access)
		if public := string(e.Keys.JWKS(e.Clock.Now())); strings.Contains(public, `"kty"`) != (alg != "HS256") {
			t.Errorf("%s: the public keys are %s", alg, public)
		}
	}
}

func TestOption_dialect_access_lifetime(t *testing.T) {
	t.Parallel()
	e := served(t, "gatehouse_dialect constance_jwt {\n access_lifetime 2m\n}", testdialect.Options{})
	access := accessToken(t, e, "/api/login/", constanceLogin)
	e.Clock.Advance(2*time.Minute - time.Second)
	e.Want(t, 200, "GET", "/api/me/", "", "Bearer "+access)
	e.Clock.Advance(time.Second)
	e.Want(t, 401, "GET", "/api/me/", "", "Bearer "+access)
}

func TestOption_dialect_refresh_lifetime(t *testing.T) {
	t.Parallel()
	e := served(t, "gatehouse_dialect constance_jwt {\n refresh_lifetime 2h\n}", testdialect.Options{})
	refresh := e.Want(t, 200, "POST", "/api/login/", constanceLogin, "")["refresh_token"].(string)
	e.Clock.Advance(2*time.Hour - time.Second)
	refresh = e.Want(t, 200, "POST", "/api/refresh/", "refresh_token="+refresh, "")["refresh_token"].(string)
	e.Clock.Advance(2 * time.Hour)
	e.Want(t, 401, "POST", "/api/refresh/", "refresh_token="+refresh, "")
}

// TestLifetimesOfDialects_AtRunTime: what is set while the gateway runs shows in the next token.
func TestLifetimesOfDialects_AtRunTime(t *testing.T) {
	t.Parallel()
	d := dialectIn(t, "gatehouse_dialect constance_jwt {\n access_lifetime 2m\n}")
	lifetimes := d.lifetimes()
	if l := lifetimes(); l.Access != 2*time.Minute || l.Refresh != 30*24*time.Hour {
		t.Errorf("the lifetimes are %v", l)
	}
	d.app.cfg.tuning.Apply(tuning.State{Version: 1, Overrides: []tuning.Override{{Name: "dialects.constance_jwt.access_lifetime", Value: "45s"}, {Name: "idle_timeout", Value: "1h"}}})
	if l := lifetimes(); l.Access != 45*time.Second || l.Refresh != time.Hour {
		t.Errorf("the lifetimes are %v, want those of run time, and no refresh beyond idle_timeout", l)
	}
	if err := dialectTwice(d, "gatehouse_dialect constance_jwt /other {\n access_lifetime 3m\n}", t); err == nil || !strings.Contains(err.Error(), "must be the same") {
		t.Errorf("a second site has another lifetime: %v", err)
	}
	if !slices.Contains(dialectSettings(), "dialects.constance_jwt.refresh_lifetime") {
		t.Errorf("runtime_settings takes %v", dialectSettings())
	}
}

// dialectTwice adds the settings of another site's directive to those of d.
func dialectTwice(d *Dialect, directive string, t *testing.T) error {
	other := dialectIn(t, directive)
	other.app = d.app
	return other.defineLifetimes()
}

func TestOption_dialect_path(t *testing.T) {
	t.Parallel()
	e := served(t, "gatehouse_dialect constance_jwt {\n path login /token/ auth/\n path me /whoami\n}", testdialect.Options{})
	for _, path := range []string{"/token/", "/token", "/api/auth", "/api/auth/", "/api/login/"} {
		if !e.Site.Has(path) {
			t.Errorf("%s is not served", path)
			continue
		}
		access := accessToken(t, e, path, constanceLogin)
		e.Want(t, 200, "GET", "/whoami/", "", "Bearer "+access)
	}
	for _, path := range []string{"/token/x", "/tokens/", "/api", "/api/", "//token/", "/api/login//"} {
		if e.Site.Has(path) {
			t.Errorf("%s is served", path)
		}
	}
}

// What browsers and programs look for at fixed addresses is no dialect's.
func TestDialect_ReservedPath(t *testing.T) {
	t.Parallel()
	for path, good := range map[string]bool{"/.well-known/change-password": false, "/.well-known": false, "/.Well-Known/x/": false, "/.gatehouse/handover": false,
		"/.well-knowns": true, "/.auth/login": true, ".well-known/login": true} {
		site := "{\n\tgatehouse\n}\nhttp://localhost {\n\tgatehouse_dialect constance_jwt {\n\t\tpath login " + path + "\n\t}\n}\n"
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(site), map[string]any{"filename": "Caddyfile"})
		if good != (err == nil) || err != nil && !strings.Contains(err.Error(), "is reserved") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A call is not hidden behind a page, nor a page behind a call.
func TestDialect_PathOfAPage(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"admin /api/login", "path login /api-doc/", "path login /api-doc/x", "path login openapi.json", "path login /api/jwks.json", "admin /console\n path me /console/"} {
		site := "{\n\tgatehouse\n}\nhttp://localhost {\n\tgatehouse_dialect constance_jwt {\n\t\t" + options + "\n\t}\n}\n"
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(site), map[string]any{"filename": "Caddyfile"})
		if err == nil || !strings.Contains(err.Error(), "is that of a page") {
			t.Errorf("%s: %v", options, err)
		}
	}
}

func TestOption_dialect_schemes(t *testing.T) {
	t.Parallel()
	e := served(t, "gatehouse_dialect constance_jwt {\n schemes JWT Bearer\n}", testdialect.Options{})
	access := accessToken(t, e, "/api/login/", constanceLogin)
	e.Want(t, 200, "GET", "/api/me/", "", "JWT "+access)
	e.Want(t, 200, "GET", "/api/me/", "", "Bearer "+access)
	w := e.Call("GET", "/api/me/", "", "Token "+access)
	if got := w.Header().Get("WWW-Authenticate"); w.Code != 401 || got != `JWT realm="api"` {
		t.Errorf("another word answered %d %q", w.Code, got)
	}
}

func TestOption_dialect_user_id(t *testing.T) {
	t.Parallel()
	for option, want := range map[string]any{"": 1.0, "user_id int": 1.0, "user_id string": "1", "user_id uuid": nil} {
		e := served(t, "gatehouse_dialect constance_jwt {\n "+option+"\n}", testdialect.Options{})
		if want == nil {
			a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindUsername, Value: "ada"})
			if want = a.ID.String(); err != nil {
				t.Fatal(err)
			}
		}
		access := accessToken(t, e, "/api/login/", constanceLogin)
		if got := testdialect.Claims(t, access)["user_id"]; got != want {
			t.Errorf("%s: the claim is %v, want %v", option, got, want)
		}
		e.Want(t, 200, "GET", "/api/me/", "", "Bearer "+access)
	}
}

func TestOption_dialect_login_field(t *testing.T) {
	t.Parallel()
	e := served(t, "gatehouse_dialect constance_jwt {\n login_field username\n}", testdialect.Options{})
	for _, login := range []string{"ada", "ada@example.com"} {
		accessToken(t, e, "/api/login/", "username="+login+"&password="+testflow.Password)
	}
	if says := e.Want(t, 400, "POST", "/api/login/", constanceLogin, ""); says["username"] == nil {
		t.Errorf("without the field: %v", says)
	}
}

func TestOption_dialect_admin(t *testing.T) {
	t.Parallel()
	e := served(t, "gatehouse_dialect constance_jwt {\n admin /admin/\n}", testdialect.Options{})
	for _, path := range []string{"/admin", "/admin/"} {
		if w := e.Call("GET", path, "", ""); !e.Site.Has(path) || w.Code != 302 || !strings.HasSuffix(w.Header().Get("Location"), "/auth/console") {
			t.Errorf("%s leads to %d %v", path, w.Code, w.Header())
		}
	}
	if e.Site.Has("/admin/x") {
		t.Error("more than the path is served")
	}
}

// What is wrong with a value that comes from outside is told with the place of the directive.
func TestDialect_ErrorsSayWhere(t *testing.T) {
	t.Setenv("DIALECT_SHORT", "short")
	for options, want := range map[string]string{
		"key {env.DIALECT_SHORT}": "key: {env.DIALECT_SHORT} has 5 bytes but needs at least 32, at Caddyfile:8",
		"key {env.DIALECT_NONE}":  "key: {env.DIALECT_NONE} is not set, at Caddyfile:8",
		"schemes Bearer":          "dialects.dev_journal.token_lifetime (14d) must be <= idle_timeout (2d): change one of them, at Caddyfile:8",
	} {
		text := "{\n\tgatehouse {\n\t\tdata_dir " + t.TempDir() + "\n\t\tidle_timeout 2d\n\t}\n}\nhttp://localhost {\n\tgatehouse_dialect dev_journal {\n\t\t" + options + "\n\t}\n\tgatehouse\n}\n"
		if wrong := validated(t, text); !strings.Contains(wrong, want) {
			t.Errorf("%s: %s, want %s", options, wrong, want)
		}
	}
}
