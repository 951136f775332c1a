package dialect_test

import (
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/devjournal"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func gatedDevJournal(testing.TB) *gatedDialect {
	d := devjournal.New()
	const bad, ended, late, here = "400 non_field_errors", "401 Invalid token.", "400 token", "403 This is not possible here."
	// Another role ends a token: who has it signs in again.
	own := func(success string) map[state]string {
		return map[state]string{fine: success, asked: ended, disabled: ended, dead: ended}
	}
	login := func(_ testing.TB, p *caller, with proof) *httptest.ResponseRecorder {
		return p.Call("POST", "/api/auth/login/", form("username", p.name, "password", with.password, "otp", with.otp), "")
	}
	return &gatedDialect{
		is:    d,
		serve: func(t testing.TB, o testdialect.Options) *testdialect.Env { return testdialect.New(t, d, o) },
		signIn: func(t testing.TB, p *caller) {
			p.header = "Token " + says(t, login(t, p, proof{password: testflow.Password}), "token")
		},
		renew: func(testing.TB, *caller) {}, // a token lives for days
		calls: map[string]gatedCall{
			"POST /register": {limit: authcore.LimitRegister, begin: begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
				return p.Call("POST", "/api/auth/register/", form("username", "new-"+p.name, "email", p.newcomer(), "password", testflow.Password), "")
			}), want: map[state]string{fine: "201", from: here, outcast: here}},
			"POST /verify": {limit: authcore.LimitVerify, begin: verifyDevJournal, want: map[state]string{fine: "200", stale: late, from: here}},
			"POST /login": {limit: authcore.LimitLogin, signs: true, begin: begun(login), want: map[state]string{fine: "200",
				owed: "401 2fa_required", miscoded: "400 otp", locked: "429", guessed: "429", disabled: bad, from: here, outcast: bad}},
			"GET /user":    {begin: ofCaller("GET", "/api/auth/user/", ""), want: own("200")},
			"POST /logout": {begin: ofCaller("POST", "/api/auth/logout/", ""), want: own("204")},
			"POST /password/change": {limit: authcore.LimitLogin, personal: true, signs: true, begin: begun(func(_ testing.TB, p *caller, with proof) *httptest.ResponseRecorder {
				return p.Call("POST", "/api/auth/password/change/", form("old_password", with.password, "new_password", testflow.OtherPassword), p.header)
			}), want: with(own("200"), locked, "429", guessed, "429")},
			"POST /password/reset": {limit: authcore.LimitForgot, sends: true, begin: begun(func(_ testing.TB, p *caller, _ proof) *httptest.ResponseRecorder {
				return p.Call("POST", "/api/auth/password/reset/", form("email", p.email()), "")
			}), want: map[state]string{fine: "200", disabled: "200, nothing sent", from: "200, nothing sent", outcast: "200, nothing sent"}},
			"POST /password/reset/confirm": {limit: authcore.LimitForgot, begin: confirmDevJournal, want: map[state]string{fine: "200", disabled: late}},
		},
	}
}

// verifyDevJournal is the proof of an address that nobody has proven.
func verifyDevJournal(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
	t.Helper()
	address := "claimed-" + p.email()
	p.Register(t, signup.RegisterInput{Email: address, Username: "claimed-" + p.name})
	token := testflow.Token(t, p.Mail(t, address, authcore.MailVerify))
	return func(proof) *httptest.ResponseRecorder {
		return p.Call("POST", "/api/auth/verify/", form("token", token, "password", testflow.Password), "")
	}
}

// confirmDevJournal is a new password by a link that was sent while all was well.
func confirmDevJournal(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder {
	t.Helper()
	if w := p.Call("POST", "/api/auth/password/reset/", form("email", p.email()), ""); w.Code != 200 {
		t.Fatalf("reset answered %d %s", w.Code, w.Body)
	}
	token := testflow.Token(t, p.Mail(t, p.email(), authcore.MailReset))
	return func(proof) *httptest.ResponseRecorder {
		return p.Call("POST", "/api/auth/password/reset/confirm/", form("token", token, "new_password", testflow.OtherPassword), "")
	}
}
