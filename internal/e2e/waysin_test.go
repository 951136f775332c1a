package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

// entrant is somebody who comes in, by the API or by the pages.
type entrant struct {
	*user
	g       *gateway
	pages   bool
	jar     map[string]string // of the browser
	key     *testwebauthn.Authenticator
	codes   []any // for recovery
	binding string
}

const entrantsIssuer = "https://auth.example.com"

// post sends a form, with the cookies that the browser has.
func (e *entrant) post(t testing.TB, path string, form url.Values) answer {
	t.Helper()
	a := e.g.do(t, call{method: "POST", path: "/auth" + path, body: form.Encode(), cookies: e.jar, host: "auth.example.com", header: map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Accept": page["Accept"], "Origin": entrantsIssuer, "Sec-Fetch-Site": "same-origin"}})
	for name, c := range a.setCookies(t) {
		if c.MaxAge < 0 {
			delete(e.jar, name)
		} else {
			e.jar[name] = c.Value
		}
	}
	return a
}

// ask sends what the API takes as JSON and the pages as a form. Every member is a text.
func (e *entrant) ask(t testing.TB, path string, body object) answer {
	t.Helper()
	if !e.pages {
		return e.g.api(t, "POST", path, body)
	}
	form := url.Values{}
	for name, value := range body {
		form.Set(name, fmt.Sprint(value))
	}
	return e.post(t, path, form)
}

// outcome is how a try has ended, in the same words for API and pages: "in", "pending", "done", "nothing sent", or a status and, of the API,
// a code.
func (e *entrant) outcome(a *answer) string {
	switch {
	case a == nil:
		return "nothing sent"
	case e.pages && a.status == 303 && strings.HasPrefix(a.header.Get("Location"), "/auth/login/mfa"):
		return "pending"
	case e.pages && a.status == 303 && e.jar["__Host-gatehouse"] != "":
		return "in"
	case a.status == 204, e.pages && a.status == 303:
		return "done"
	case a.status == 200 && a.text("access_token") != "":
		return "in"
	case a.status == 200 && a.text("mfa_token") != "":
		return "pending"
	case e.pages:
		return fmt.Sprint(a.status)
	}
	return fmt.Sprint(a.status, " ", a.code())
}

// sends does something that may send a mail of a kind, and returns that mail; false where none was written.
func (e *entrant) sends(t testing.TB, kind string, do func()) (letter, bool) {
	t.Helper()
	count := "select count(*) from outbox where account_id = '" + e.id + "' and kind = '" + kind + "'"
	before := e.g.count(t, count)
	do()
	if n := e.g.count(t, count); n > before {
		return e.g.nthOfKind(t, e.email, kind, int(n)), true
	}
	return letter{}, false
}

// redemption is the last call of a way in; it returns nil where nothing was sent that it could show.
type redemption func(t testing.TB) *answer

func at(a answer) *answer { return &a }

// waysIn begin to come in, and return how it ends.
var waysIn = map[string]func(t testing.TB, e *entrant) redemption{
	"password": func(_ testing.TB, e *entrant) redemption {
		return func(t testing.TB) *answer {
			return at(e.ask(t, "/login", object{"login": e.email, "password": e.password}))
		}
	},
	"recovery code": func(_ testing.TB, e *entrant) redemption {
		return func(t testing.TB) *answer {
			return at(e.g.api(t, "POST", "/login", object{"login": e.email, "password": e.password, "otp": e.codes[0]}))
		}
	},
	"refresh": func(_ testing.TB, e *entrant) redemption {
		return func(t testing.TB) *answer {
			return at(e.g.api(t, "POST", "/refresh", object{"refresh_token": e.refresh}))
		}
	},
	"passkey": func(t testing.TB, e *entrant) redemption {
		options := e.g.api(t, "POST", "/passkeys/options", object{}).must(t, 200, "").json(t)["options"]
		return func(t testing.TB) *answer {
			credential := e.key.Get(t, passkeyOptions(t, options))
			if e.pages {
				return at(e.post(t, "/passkeys/verify", url.Values{"credential": {string(credential)}}))
			}
			return at(e.g.api(t, "POST", "/passkeys/verify", object{"credential": credential}))
		}
	},
	"code": func(t testing.TB, e *entrant) redemption {
		l, sent := e.sends(t, "sign_in_code", func() { e.askCode(t) })
		return func(t testing.TB) *answer {
			if !sent {
				return nil
			}
			return at(e.ask(t, "/otp/verify", object{"login": e.email, "otp": l.code}))
		}
	},
	"link": func(t testing.TB, e *entrant) redemption {
		l, sent := e.sends(t, "sign_in_code", func() { e.askCode(t) })
		return func(t testing.TB) *answer {
			switch {
			case !sent:
				return nil
			case e.pages:
				e.open(t, "/otp/verify", l)
				return at(e.post(t, "/otp/verify", url.Values{}))
			}
			return at(e.g.api(t, "POST", "/otp/verify", object{"token": l.token, "binding": e.binding}))
		}
	},
	"reset": func(t testing.TB, e *entrant) redemption {
		l, sent := e.sends(t, "reset_password", func() { e.ask(t, "/password/forgot", object{"login": e.email}) })
		return func(t testing.TB) *answer {
			switch {
			case !sent:
				return nil
			case e.pages:
				e.open(t, "/reset", l)
				return at(e.post(t, "/reset", url.Values{"new_password": {"another lantern 12"}}))
			}
			return at(e.g.api(t, "POST", "/password/reset", object{"token": l.token, "new_password": "another lantern 12"}))
		}
	},
	"second factor": func(t testing.TB, e *entrant) redemption {
		e.g.withEmailFactor(t, e.user)
		var begun answer
		l, sent := e.sends(t, "second_factor_code", func() { begun = e.ask(t, "/login", object{"login": e.email, "password": e.password}) })
		return func(t testing.TB) *answer {
			switch {
			case !sent:
				return &begun
			case e.pages:
				return at(e.post(t, "/login/mfa", url.Values{"otp": {l.code}}))
			}
			return at(e.g.api(t, "POST", "/login/mfa", object{"mfa_token": begun.text("mfa_token"), "code": l.code}))
		}
	},
}

func (e *entrant) askCode(t testing.TB) {
	t.Helper()
	a := e.ask(t, "/otp", object{"login": e.email})
	e.binding = a.text("binding")
}

// open follows the link of a mail, which is a browser's; the page keeps the token out of its address.
func (e *entrant) open(t testing.TB, path string, l letter) {
	t.Helper()
	a := e.g.do(t, call{path: "/auth" + path + "?token=" + l.token, cookies: e.jar, host: "auth.example.com", header: page})
	for name, c := range a.setCookies(t) {
		e.jar[name] = c.Value
	}
}

// accountStates are what becomes of an account.
var accountStates = map[string]func(t testing.TB, e *entrant){
	"fine":     func(testing.TB, *entrant) {},
	"unproven": func(t testing.TB, e *entrant) { e.set(t, "email_verified_at = null") },
	"disabled": func(t testing.TB, e *entrant) {
		resp, err := e.g.Admin.Post("http://admin/gatehouse/users/disable", "application/json", strings.NewReader(`{"user":"`+e.id+`"}`))
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
	},
	"deleted": func(t testing.TB, e *entrant) {
		e.set(t, "mfa_enabled_at = null") // else the session is not fresh
		e.g.api(t, "DELETE", "/me", object{}, call{bearer: e.access}).must(t, 204, "")
	},
	"locked": func(t testing.TB, e *entrant) {
		for range 2 {
			e.g.attempt(t, e.email, "not the password").must(t, 401, "invalid_credentials")
		}
	},
	// A rule of the option keeps this username from signing in.
	"blocked":  func(t testing.TB, e *entrant) { e.set(t, "username = 'outcast-"+e.id[:8]+"'") },
	"2FA owed": func(t testing.TB, e *entrant) { e.g.withEmailFactor(t, e.user) },
	// The option demands a second factor of this role; the account has none.
	"2FA required": func(t testing.TB, e *entrant) { e.set(t, `roles = '["staff"]'`) },
}

func (e *entrant) set(t testing.TB, change string) {
	t.Helper()
	e.g.exec(t, "update users set "+change+" where id = '"+e.id+"'")
}

// waysAndStates is the table: how each way in ends where the account is so from the start, and where it becomes so between the start and the
// redemption; "" where it is the same. A way that has no start has one column.
var waysAndStates = map[string]map[string][2]string{
	"password": {
		"fine": {"in"}, "unproven": {"403 account_not_verified"}, "disabled": {"401 invalid_credentials"}, "deleted": {"401 invalid_credentials"},
		"locked": {"429 account_locked"}, "2FA owed": {"pending"}, "2FA required": {"pending"},
		"blocked": {"401 invalid_credentials"},
	},
	"recovery code": {
		"fine": {"in"}, "unproven": {"403 account_not_verified"}, "disabled": {"401 invalid_credentials"}, "deleted": {"401 invalid_credentials"},
		"locked": {"429 account_locked"}, "2FA owed": {"in"}, "2FA required": {"in"},
		"blocked": {"401 invalid_credentials"},
	},
	"refresh": {
		"fine": {"in"}, "unproven": {"in"}, "disabled": {"401 invalid_refresh_token"}, "deleted": {"401 invalid_refresh_token"},
		"locked": {"in"}, "2FA owed": {"in"}, "2FA required": {"in"},
		"blocked": {"in"},
	},
	"passkey": {
		"fine": {"in"}, "unproven": {"403 account_not_verified"}, "disabled": {"400 invalid_passkey"}, "deleted": {"400 unknown_passkey"},
		"locked": {"in"}, "2FA owed": {"in"}, "2FA required": {"in"},
		"blocked": {"400 invalid_passkey"},
	},
	"code": {
		"fine": {"in"}, "unproven": {"nothing sent", "400 invalid_code"}, "disabled": {"nothing sent", "400 invalid_code"}, "deleted": {"nothing sent", "400 invalid_code"},
		"locked": {"in"}, "2FA owed": {"pending"}, "2FA required": {"pending"},
		"blocked": {"nothing sent", "400 invalid_code"},
	},
	"link": {
		"fine": {"in"}, "unproven": {"nothing sent", "400 invalid_code"}, "disabled": {"nothing sent", "400 invalid_code"}, "deleted": {"nothing sent", "400 invalid_code"},
		"locked": {"in"}, "2FA owed": {"pending"}, "2FA required": {"pending"},
		"blocked": {"nothing sent", "400 invalid_code"},
	},
	"reset": { // it signs nobody in, and proves the address
		"fine": {"done"}, "unproven": {"done"}, "disabled": {"nothing sent", "400 invalid_code"}, "deleted": {"nothing sent", "400 invalid_code"},
		"locked": {"done"}, "2FA owed": {"done"}, "2FA required": {"done"},
		"blocked": {"done"},
	},
	"second factor": {
		"fine": {"in"}, "unproven": {"403 account_not_verified", "in"}, "disabled": {"401 invalid_credentials", "401 invalid_mfa_token"},
		"deleted": {"401 invalid_credentials", "401 invalid_mfa_token"}, "locked": {"429 account_locked", "in"}, "2FA owed": {"in"}, "2FA required": {"in"},
		"blocked": {"401 invalid_credentials", "401 invalid_mfa_token"},
	},
}

// TestWaysIn: every way in, by API and by the pages, for an account in every state: it is asked when the way begins, and again when it ends.
func TestWaysIn(t *testing.T) {
	t.Parallel()
	g := start(t, plan{site: passkeySite, global: "\t\tissuer " + entrantsIssuer + "\n" + codesAndLinks + " passkey" +
		"\n\t\tmfa required role staff\n\t\tlockout {\n\t\t\tfailures 2\n\t\t}\n\t\tblock username outcast-* for login\n\t\trate_limit otp off\n\t\trate_limit passkey off\n"})
	model := g.newUser(t)
	for way, states := range waysAndStates {
		for state, want := range states {
			for moment, expected := range want {
				if moment == 1 && (state == "fine" || way == "password" || way == "recovery code" || way == "refresh") {
					continue // nothing changes meanwhile, or there is no start
				}
				if expected == "" {
					expected = want[0]
				}
				for _, pages := range []bool{false, true} {
					if pages && (way == "recovery code" || way == "refresh") {
						continue // of the API alone
					}
					t.Run(fmt.Sprint(way, ", ", state, []string{" from the start", " meanwhile"}[moment], map[bool]string{true: ", pages"}[pages]), func(t *testing.T) {
						t.Parallel()
						e := g.entrant(t, model, way, pages)
						if moment == 0 {
							accountStates[state](t, e)
						}
						redeem := waysIn[way](t, e)
						if moment == 1 {
							accountStates[state](t, e)
						}
						wanted := expected
						if pages {
							wanted, _, _ = strings.Cut(wanted, " invalid")
							wanted, _, _ = strings.Cut(wanted, " account")
							wanted, _, _ = strings.Cut(wanted, " unknown")
						}
						if got := e.outcome(redeem(t)); got != wanted {
							t.Errorf("got %q, want %q", got, wanted)
						}
					})
				}
			}
		}
	}
}

// entrant is a new account like that of the model, without the hash that signing up costs. It has a session, whose sign-in included a code to its
// address.
func (g *gateway) entrant(t testing.TB, model *user, way string, pages bool) *entrant {
	t.Helper()
	n := userNumber.Add(1)
	u := &user{id: uuid.NewString(), email: fmt.Sprintf("entrant%d@example.com", n), password: model.password}
	columns := ""
	for _, row := range g.query(t, "select name from pragma_table_info('users') where name not in ('id', 'number', 'email', 'username')") {
		columns += ", " + row[0].(string)
	}
	g.exec(t, fmt.Sprintf("insert into users (id, email, username%s) select '%s', '%s', ''%s from users where id = '%s'", columns, u.id, u.email, columns, model.id))
	g.exec(t, fmt.Sprintf("insert into identifiers (kind, value, user_id, is_current, claimed_at) values ('email', '%s', '%s', 1, 1)", u.email, u.id))
	e := &entrant{user: u, g: g, jar: map[string]string{}}
	l, _ := e.sends(t, "sign_in_code", func() { e.askCode(t) })
	u.take(t, g.api(t, "POST", "/otp/verify", object{"login": u.email, "otp": l.code}).must(t, 200, ""))
	as := call{bearer: u.access}
	switch way {
	case "passkey":
		e.key = testwebauthn.New(entrantsIssuer)
		added := g.api(t, "POST", "/factors", object{"type": "passkey"}, as).must(t, 201, "")
		g.api(t, "POST", "/factors/"+added.text("id")+"/confirm", object{"credential": e.key.Create(t, passkeyOptions(t, added.json(t)["options"]))}, as).must(t, 200, "")
	case "recovery code":
		e.codes = g.api(t, "POST", "/factors", object{"type": "recovery"}, as).must(t, 201, "").json(t)["codes"].([]any)
	}
	e.pages = pages
	return e
}
