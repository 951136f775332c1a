package dialect_test

import (
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/constancejwt"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drfusers"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/simplejwt"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// begun returns a call that needs nothing to be done before.
func begun(do func(t testing.TB, p *caller, with proof) *httptest.ResponseRecorder) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
	return func(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
		return func(with proof) *httptest.ResponseRecorder { return do(t, p, with) }
	}
}

// ofCaller is a call of who shows a token, with a body.
func ofCaller(method, path, body string) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
	return begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
		return p.Call(method, path, body, p.header)
	})
}

// with are answers of which some are others.
func with(all map[state]string, others ...any) map[state]string {
	for i := 0; i < len(others); i += 2 {
		all[others[i].(state)] = others[i+1].(string)
	}
	return all
}

func gatedConstanceJWT(testing.TB) *gatedDialect {
	login := func(_ testing.TB, p *caller, with proof) *httptest.ResponseRecorder {
		return p.Call("POST", "/api/login/", form("email", p.email(), "password", with.password, "otp", with.otp), "")
	}
	keep := func(t testing.TB, p *caller, w *httptest.ResponseRecorder) {
		t.Helper()
		p.header, p.refresh = "Bearer "+says(t, w, "access_token"), says(t, w, "refresh_token")
	}
	byRefresh := func(path string) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
		return begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
			return p.Call("POST", path, form("refresh_token", p.refresh), "")
		})
	}
	const bad = "401 Incorrect authentication credentials."
	d := constancejwt.New("")
	return &gatedDialect{
		is:     d,
		serve:  func(t testing.TB, o testdialect.Options) *testdialect.Env { return testdialect.New(t, d, o) },
		signIn: func(t testing.TB, p *caller) { keep(t, p, login(t, p, proof{password: testflow.Password})) },
		renew:  func(t testing.TB, p *caller) { keep(t, p, byRefresh("/api/refresh/")(t, p)(proof{})) },
		calls: map[string]gatedCall{
			"POST /register": {limit: authcore.LimitRegister, begin: begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
				return p.Call("POST", "/api/register/", form("email", p.newcomer(), "password", testflow.Password), "")
			}), want: map[state]string{fine: "201", from: "403 This is not possible here.", outcast: "403 This is not possible here."}},
			"POST /login": {limit: authcore.LimitLogin, signs: true, begin: begun(login), want: map[state]string{fine: "200",
				unproven: "403 The e-mail address is not verified yet. Use the code or link we sent to it, or ask for a new one.", owed: "401 2fa_required", miscoded: "400 otp", locked: "429", guessed: "429", disabled: bad, from: "403 This is not possible here.", outcast: bad}},
			"POST /refresh": {limit: authcore.LimitRefresh, begin: byRefresh("/api/refresh/"), want: map[state]string{fine: "200", disabled: bad, dead: bad}},
			"POST /logout":  {limit: authcore.LimitRefresh, begin: byRefresh("/api/logout/"), want: map[state]string{fine: "200", disabled: bad, dead: bad}},
			"GET /me":       {begin: ofCaller("GET", "/api/me/", ""), want: map[state]string{fine: "200", disabled: bad, dead: bad}},
			"PUT /me":       {begin: ofCaller("PUT", "/api/me/", "username=John+Smith"), want: map[state]string{fine: "200", disabled: bad, dead: bad}},
		},
	}
}

func gatedSimplejwt(testing.TB) *gatedDialect {
	d := simplejwt.New(simplejwt.Options{})
	const invalid = "401 token_not_valid"
	return &gatedDialect{
		is:     d,
		serve:  serveSimplejwt,
		signIn: signInSimplejwt, renew: renewSimplejwt,
		calls: map[string]gatedCall{
			"POST /token": {limit: authcore.LimitLogin, signs: true, begin: begun(obtain), want: map[state]string{fine: "200", unproven: noAccount, owed: "401 2fa_required",
				miscoded: "400 otp", locked: "429", guessed: "429", disabled: noAccount, from: "403 This is not possible here.", outcast: noAccount}},
			"POST /token/refresh": {limit: authcore.LimitRefresh, begin: begun(refreshSimplejwt), want: map[state]string{fine: "200",
				disabled: "401 No active account found for the given token.", dead: invalid}},
			"POST /token/verify":    {limit: authcore.LimitDialectVerify, begin: byToken("/api/token/verify/", "token"), want: map[state]string{fine: "200", disabled: invalid, dead: invalid}},
			"POST /token/blacklist": {limit: authcore.LimitRefresh, begin: byToken("/api/token/blacklist/", "refresh"), want: map[state]string{fine: "200", disabled: invalid, dead: invalid}},
			"POST either": {limit: authcore.LimitRefresh, begin: byToken("/varifyToken/", "refresh"), want: map[state]string{fine: "200",
				disabled: "401 No active account found for the given token.", dead: invalid}},
			"POST either, verifying": {limit: authcore.LimitRefresh, begin: byToken("/varifyToken/", "token"), want: map[state]string{fine: "200", disabled: invalid, dead: invalid}},
		},
	}
}

const noAccount = "401 No active account found with the given credentials"

func serveSimplejwt(t testing.TB, o testdialect.Options) *testdialect.Env {
	t.Helper()
	o.Settings = func(s *dialect.Settings) { s.Paths = map[string][]string{"either": {"/varifyToken/"}} }
	return testdialect.New(t, simplejwt.New(simplejwt.Options{}), o)
}

func obtain(_ testing.TB, p *caller, with proof) *httptest.ResponseRecorder {
	return p.Call("POST", "/api/token/", form("username", p.name, "password", with.password, "otp", with.otp), "")
}

func signInSimplejwt(t testing.TB, p *caller) {
	t.Helper()
	w := obtain(t, p, proof{password: testflow.Password})
	p.header, p.refresh = "Bearer "+says(t, w, "access"), says(t, w, "refresh")
}

func refreshSimplejwt(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
	return p.Call("POST", "/api/token/refresh/", form("refresh", p.refresh), "")
}

func renewSimplejwt(t testing.TB, p *caller) {
	t.Helper()
	p.header = "Bearer " + says(t, refreshSimplejwt(t, p, proof{}), "access")
}

// byToken is a call that takes the refresh token in a field.
func byToken(path, field string) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
	return begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
		return p.Call("POST", path, form(field, p.refresh), "")
	})
}

// gatedDRFUsers is that of administrators. Their changes are fresh by a sign-in alone.
func gatedDRFUsers(testing.TB) *gatedDialect {
	d := drfusers.New(drfusers.Options{})
	const stranger = "401 token_not_valid"
	reads := map[state]string{fine: "200", disabled: "401 user_inactive", deleted: "401 user_not_found", dead: stranger}
	changes := func(success string) map[state]string {
		const old = "403 Your sign-in is not recent enough for this. Send your password with the request, or sign in again."
		const more = "403 This asks for your second factor. Send your password and a code with the request, or prove yourself again."
		return map[state]string{fine: success, stale: old, proved: old, owed: more, both: more, miscoded: more, disabled: "401 user_inactive", deleted: "401 user_not_found", dead: stranger}
	}
	// onOne is a call about another user.
	onOne := func(method, prefix string) func(testing.TB, *caller) func(proof) *httptest.ResponseRecorder {
		return func(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
			p.Register(t, signup.RegisterInput{Email: "other-" + p.email(), Username: "other-" + p.name})
			a, err := p.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindUsername, Value: "other-" + p.name})
			if err != nil {
				t.Fatal(err)
			}
			username := ""
			if prefix != "" {
				username = prefix + p.name
			}
			return func(with proof) *httptest.ResponseRecorder {
				return p.Call(method, "/users/"+strconv.FormatInt(a.Number, 10)+"/", form("username", username, "password", with.password, "otp", with.otp), p.header)
			}
		}
	}
	return &gatedDialect{
		is: d,
		serve: func(t testing.TB, o testdialect.Options) *testdialect.Env {
			e := serveSimplejwt(t, o)
			e.Add(t, d, "/users")
			return e
		},
		signIn: signInSimplejwt, renew: renewSimplejwt, admin: true,
		calls: map[string]gatedCall{
			"GET /": {limit: authcore.LimitAdmin, begin: ofCaller("GET", "/users/", ""), want: reads},
			"POST /": {limit: authcore.LimitAdmin, fresh: true, begin: begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
				return p.Call("POST", "/users/", form("username", "new-"+p.name, "password", testflow.Password), p.header)
			}), want: changes("201")},
			"GET /{number}":    {limit: authcore.LimitAdmin, begin: onOne("GET", ""), want: reads},
			"PUT /{number}":    {limit: authcore.LimitAdmin, fresh: true, begin: onOne("PUT", "renamed-"), want: changes("200")},
			"PATCH /{number}":  {limit: authcore.LimitAdmin, fresh: true, begin: onOne("PATCH", "changed-"), want: changes("200")},
			"DELETE /{number}": {limit: authcore.LimitAdmin, fresh: true, begin: onOne("DELETE", ""), want: changes("204")},
		},
	}
}
