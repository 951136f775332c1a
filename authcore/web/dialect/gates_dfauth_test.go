package dialect_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/google"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/dfauth"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

const base = "/api/v1/auth"

// dfAuth makes the calls of df_auth.
type dfAuth struct{ google *testidp.Google }

func gatedDFAuth(t testing.TB) *gatedDialect {
	d := dfauth.New(dfauth.Options{AutoCreate: true, IdentityUpdate: true, AnonymousOTP: true, Invite: true, Fresh: true})
	c := dfAuth{testidp.StartGoogle(t, time.Now)}
	return &gatedDialect{
		is: d,
		serve: func(t testing.TB, o testdialect.Options) *testdialect.Env {
			p, err := google.New(google.Config{BaseURL: c.google.Issuer(), ClientID: testidp.ClientID, ClientSecret: secret.FromString(testidp.ClientSecret), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			o.Ways, o.Identities = passwordless.Ways{Code: true}, []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone}
			o.Providers = []federated.Settings{{Name: "google", Title: "Google", SignUp: true, Trust: federated.Trust{All: true}, Provider: p}}
			return testdialect.New(t, d, o)
		},
		signIn: func(t testing.TB, p *caller) {
			p.header = "Bearer " + says(t, c.byCode(t, p)(proof{}), "token") // who reads the mail may add a second factor
		},
		renew: func(testing.TB, *caller) {}, // a token lives for days
		calls: c.calls(),
	}
}

func (c dfAuth) calls() map[string]gatedCall {
	const bad, ended, here = "401 authentication_failed", "401 token_not_valid", "403 permission_denied"
	// Another role ends a token: who has it refreshes it.
	own := func(success string) map[state]string {
		return map[state]string{fine: success, asked: ended, disabled: ended, dead: ended}
	}
	fresh := func(success string) map[state]string {
		const old = "403 reauthentication_required"
		return map[state]string{fine: success, stale: old, owed: old, miscoded: old, guessed: old, asked: ended, disabled: ended, dead: ended}
	}
	return map[string]gatedCall{
		"POST /token": {limit: authcore.LimitLogin, signs: true, begin: begun(c.obtain), want: map[state]string{fine: "200", unproven: bad, owed: "401 2fa_required",
			miscoded: "400 wrong_otp", locked: "429", guessed: "429", disabled: bad, from: here, outcast: bad}},
		"POST /token, by a code": {limit: authcore.LimitLogin, begin: c.byCode, want: map[state]string{fine: "200", stale: "400 wrong_otp", owed: "401 2fa_required", disabled: "400 wrong_otp",
			from: here, outcast: "400 wrong_otp"}},
		"POST /token/refresh":   {limit: authcore.LimitRefresh, begin: c.byToken("/token/refresh/", "token"), want: with(own("200"), asked, "200")},
		"POST /token/verify":    {limit: authcore.LimitDialectVerify, begin: c.byToken("/token/verify/", "token"), want: own("200")},
		"POST /token/blacklist": {limit: authcore.LimitRefresh, begin: c.byToken("/token/blacklist/", "refresh"), want: with(own("200"), asked, "200")},
		// Who has been deleted is new.
		"POST /otp": {limit: authcore.LimitOTP, sends: true, begin: begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
			return p.Call("POST", base+"/otp/", form("email", p.email()), "")
		}), want: map[state]string{fine: "200", disabled: "200, nothing sent", deleted: "200", from: here, outcast: "200, nothing sent"}},
		"POST /otp, signed in": {limit: authcore.LimitOTP, personal: true, sends: true, begin: begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
			return p.Call("POST", base+"/otp/", form("email", p.newcomer()), p.header)
		}),
			want: map[state]string{fine: "200", from: here, outcast: "200, nothing sent", asked: ended, disabled: ended, dead: ended}},
		"POST /social": {limit: authcore.LimitSocial, begin: c.social("/social/", false), want: map[state]string{fine: "200", owed: "401 2fa_required", disabled: bad, deleted: "200",
			from: here, outcast: bad}},
		"POST /social/connect": {limit: authcore.LimitSocial, personal: true, fresh: true, begin: c.social("/social/connect/", true), want: fresh("200")},
		"GET /otp-devices":     {begin: ofCaller("GET", base+"/otp-devices/", ""), want: own("200")},
		// The first factor is added by who reads the mail.
		"POST /otp-devices": {limit: authcore.LimitVerify, personal: true, fresh: true, begin: c.proving("POST", "/otp-devices/", "type", "totp"),
			want: with(fresh("201"), proved, "403 reauthentication_required")},
		"GET /otp-devices/{id}":    {begin: c.onDevice("GET"), want: own("200")},
		"DELETE /otp-devices/{id}": {fresh: true, begin: c.onDevice("DELETE"), want: fresh("204")},
		// An app that waits is forgotten after a while, and for another one.
		"POST /otp-devices/{id}/confirm": {limit: authcore.LimitVerify, personal: true, begin: c.confirm, want: with(own("200"), stale, "404 not_found", owed, "404 not_found")},
		"POST /otp-devices/{id}/confirm, by the password": {limit: authcore.LimitVerify, signs: true, begin: c.claimed, want: map[state]string{fine: "200",
			stale: "400 invalid", proved: "400 invalid", locked: "429", guessed: "429", disabled: bad, from: here, outcast: bad}},
		"POST /users": {limit: authcore.LimitRegister, begin: begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
			return p.Call("POST", base+"/users/", form("email", p.newcomer(), "password", testflow.Password), "")
		}), want: map[state]string{fine: "201", from: here, outcast: here}},
		"POST /users, inviting": {limit: authcore.LimitRegister, personal: true, sends: true, begin: begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
			return p.Call("POST", base+"/users/", form("email", p.newcomer()), p.header)
		}), want: with(own("201"), from, "201, nothing sent", outcast, "201, nothing sent")},
		"GET /users/{id}":   {begin: ofCaller("GET", base+"/users/0/", ""), want: own("200")},
		"PATCH /users/{id}": {begin: ofCaller("PATCH", base+"/users/0/", "first_name=Ada"), want: own("200")},
		"POST /users/{id}/set-password": {limit: authcore.LimitLogin, personal: true, signs: true, begin: begun(func(_ testing.TB, p *caller, with proof) *httptest.ResponseRecorder {
			return p.Call("POST", base+"/users/0/set-password/", form("old_password", with.password, "new_password", testflow.OtherPassword), p.header)
		}), want: with(own("200"), locked, "429", guessed, "429")},
		"GET /users/{id}/two-fa":   {begin: ofCaller("GET", base+"/users/0/two-fa/", ""), want: own("200")},
		"PATCH /users/{id}/two-fa": {fresh: true, begin: c.proving("PATCH", "/users/0/two-fa/", "is_required", "false"), want: fresh("200")},
	}
}

func (dfAuth) obtain(_ testing.TB, p *caller, with proof) *httptest.ResponseRecorder {
	return p.Call("POST", base+"/token/", form("email", p.email(), "password", with.password, "otp", with.otp), "")
}

// byCode signs in by a code that was sent while all was well.
func (dfAuth) byCode(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
	t.Helper()
	if w := p.Call("POST", base+"/otp/", form("email", p.email()), ""); w.Code != 200 {
		t.Fatalf("otp answered %d %s", w.Code, w.Body)
	}
	code := p.Mail(t, p.email(), authcore.MailSignInCode).Code
	return func(proof) *httptest.ResponseRecorder {
		return p.Call("POST", base+"/token/", form("email", p.email(), "otp", code), "")
	}
}

// byToken is a call that takes the token in a field.
func (dfAuth) byToken(path, field string) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
	return begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
		return p.Call("POST", base+path, form(field, p.header[len("Bearer "):]), "")
	})
}

// proving is a call of who is signed in, with a proof.
func (dfAuth) proving(method, path string, fields ...string) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
	return begun(func(_ testing.TB, p *caller, with proof) *httptest.ResponseRecorder {
		return p.Call(method, base+path, form(append(fields, "password", with.password, "otp", with.otp)...), p.header)
	})
}

// social comes by the provider's token of an account that the caller has connected or, where it is to connect, has not.
func (c dfAuth) social(path string, connect bool) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
	return func(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
		be := func() string {
			c.google.Lock()
			defer c.google.Unlock()
			c.google.User = map[string]any{"sub": p.name, "email": p.name + "@elsewhere.example", "email_verified": true}
			return ""
		}
		be()
		header := p.header
		if !connect {
			header = ""
			if _, err := p.Federated.ConnectNative(t.Context(), p.account.ID, "google", idp.Native{AccessToken: c.google.AccessToken()}, testflow.Client()); err != nil {
				t.Fatal(err)
			}
		}
		return func(with proof) *httptest.ResponseRecorder {
			return p.Call("POST", base+path, form("provider", "google-oauth2", "access_token", c.google.AccessToken(), "password", with.password, "otp", with.otp), header)
		}
	}
}

// app adds an app that waits to be confirmed. It returns its path and its code.
func (dfAuth) app(t testing.TB, p *caller) (path string, code func() string) {
	t.Helper()
	w := p.Call("POST", base+"/otp-devices/", "type=totp", p.header)
	var made struct {
		ID    int64 `json:"id"`
		Extra struct {
			URL string `json:"url"`
		} `json:"extra_data"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 201 {
		t.Fatalf("a device answered %d %s", w.Code, w.Body)
	}
	seed, err := url.Parse(made.Extra.URL)
	if err != nil {
		t.Fatal(err)
	}
	return base + "/otp-devices/" + strconv.FormatInt(made.ID, 10) + "/", func() string { return testotp.Code(t, seed.Query().Get("secret"), p.Clock.Now()) }
}

// onDevice is a call about an app.
func (c dfAuth) onDevice(method string) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
	return func(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
		path, code := c.app(t, p)
		if w := p.Call("POST", path+"confirm/?type=totp", form("otp", code()), p.header); w.Code != 200 {
			t.Fatalf("confirm answered %d %s", w.Code, w.Body)
		}
		return func(with proof) *httptest.ResponseRecorder {
			return p.Call(method, path+"?type=totp", form("password", with.password, "otp", with.otp), p.header)
		}
	}
}

// confirm confirms an app.
func (c dfAuth) confirm(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
	t.Helper()
	path, code := c.app(t, p)
	return func(proof) *httptest.ResponseRecorder {
		return p.Call("POST", path+"confirm/?type=totp", form("otp", code()), p.header)
	}
}

// claimed confirms an address without a token, by the password.
func (dfAuth) claimed(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
	t.Helper()
	address := "claimed-" + p.email()
	w := p.Call("POST", base+"/otp-devices/", form("type", "email", "name", address), p.header)
	var made struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 201 {
		t.Fatalf("an address answered %d %s", w.Code, w.Body)
	}
	code := p.Mail(t, address, authcore.MailConfirmEmail).Code
	return func(with proof) *httptest.ResponseRecorder {
		return p.Call("POST", base+"/otp-devices/"+strconv.FormatInt(made.ID, 10)+"/confirm/?type=email", form("email", p.email(), "password", with.password, "otp", code), "")
	}
}
