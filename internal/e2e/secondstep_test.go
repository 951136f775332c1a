package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
)

// withEmailFactor makes the address of a user a second factor, and switches second factors on.
func (g *gateway) withEmailFactor(t testing.TB, u *user) {
	t.Helper()
	g.exec(t, fmt.Sprintf("insert into factors (id, account_id, type, name, address, created_at, confirmed_at) values ('%s', '%s', 'email', '', '%s', 1, 1)",
		uuid.Must(uuid.NewV7()), u.id, u.email))
	g.exec(t, "update users set mfa_enabled_at = 1 where id = '"+u.id+"'")
}

// waiting begins a sign-in that waits for a code by mail, and returns its token and the code.
func (g *gateway) waiting(t testing.TB, u *user, more object) (token, code string) {
	t.Helper()
	before := 0
	for _, l := range g.mails(t, u.email) {
		if l.kind(t) == "second_factor_code" {
			before++
		}
	}
	login := object{"login": u.email, "password": u.password}
	for name, value := range more {
		login[name] = value
	}
	a := g.api(t, "POST", "/login", login, call{}).must(t, 200, "")
	shape{"mfa_required": "bool", "mfa_token": "text", "expires_in": "number", "methods": "list", "enrol": "list"}.check(t, "a sign-in that waits", a.json(t))
	methods, _ := a.json(t)["methods"].([]any)
	if first, _ := methods[0].(object); len(methods) != 1 || first["method"] != "email" || first["sent"] != true {
		t.Fatalf("methods %v", methods)
	}
	return a.text("mfa_token"), g.nthOfKind(t, u.email, "second_factor_code", before+1).code
}

// TestL19_SecondStepOverTwoNodes: each step of a sign-in with a second factor on the other node. Its token is good for these steps alone;
// of a hundred who send the right code at once to both one is signed in; five wrong codes end it.
func TestL19_SecondStepOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{guard: "require mfa", global: "\t\tfresh_for 2s"})
	u := c.a.newUser(t)
	c.a.withEmailFactor(t, u)
	device, steps := "", []*gateway{c.b, c.a}

	token, code := c.a.waiting(t, u, nil)
	for _, g := range []*gateway{c.a, c.b} {
		g.do(t, call{path: "/x", bearer: token}).want(t, 401, "invalid_token")
		g.api(t, "GET", "/me", nil, call{bearer: token}).want(t, 401, "invalid_token")
		g.api(t, "GET", "/factors", nil, call{bearer: token}).want(t, 401, "invalid_token")
		g.api(t, "POST", "/factors", object{"type": "totp"}, call{bearer: token}).want(t, 401, "invalid_token")
		g.api(t, "POST", "/refresh", object{"refresh_token": token}, call{}).want(t, 401, "invalid_refresh_token")
	}
	steps[0].api(t, "POST", "/login/mfa/send", object{"mfa_token": token, "method": "email"}, call{}).must(t, 202, "")
	answers := c.overBoth(t, race, func(int) call {
		return call{method: "POST", path: "/auth/login/mfa", body: object{"mfa_token": token, "method": "email", "code": code, "trust_device": true}}
	})
	signedIn := 0
	for _, a := range answers {
		if a.status == 200 && a.text("access_token") != "" {
			signedIn++
			device = a.text("device_token")
			c.a.do(t, call{path: "/x", bearer: a.text("access_token")}).must(t, 200, "")
		}
	}
	if signedIn != 1 {
		t.Errorf("%d of %d are signed in by one code", signedIn, race)
	}

	c.trusts(t, u, device)
	token, code = c.a.waiting(t, u, nil)
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	for i := range 5 {
		steps[i%2].api(t, "POST", "/login/mfa", object{"mfa_token": token, "code": wrong}, call{}).must(t, 400, "invalid_code")
	}
	c.a.api(t, "POST", "/login/mfa", object{"mfa_token": token, "code": code}, call{}).must(t, 401, "invalid_mfa_token")
	c.resetsBySecondFactor(t, u)
	c.losesCookie(t)
}

// trusts: a trusted device is asked for nothing more on either node, and gets a session of one kind, which no guard takes for two; until the
// password is changed.
func (c *cluster) trusts(t *testing.T, u *user, device string) {
	t.Helper()
	login := object{"login": u.email, "password": u.password, "device_token": device}
	access := c.b.api(t, "POST", "/login", login).must(t, 200, "").text("access_token")
	if got := c.a.api(t, "POST", "/token/verify", object{"token": access}); got.text("acr") != "1fa" {
		t.Errorf("on a trusted device: %s", got.body)
	}
	c.a.do(t, call{path: "/x", bearer: access}).want(t, 403, "mfa_required")
	const changed = "another lantern 12"
	c.b.api(t, "POST", "/me/password", object{"current_password": u.password, "new_password": changed}, call{bearer: access}).must(t, 204, "")
	u.password = changed
	token, code := c.a.waiting(t, u, object{"device_token": device})
	u.take(t, c.b.api(t, "POST", "/login/mfa", object{"mfa_token": token, "code": code}).must(t, 200, ""))
	c.a.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
}

// resetsBySecondFactor: whoever has the mailbox resets the password and is not signed in by that, nor by the new password, for which the
// mailbox is no second kind of proof (R04).
func (c *cluster) resetsBySecondFactor(t *testing.T, u *user) {
	t.Helper()
	c.b.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
	u.password = "a third lantern 12"
	c.a.api(t, "POST", "/password/reset", object{"token": c.a.ofKind(t, u.email, "reset_password").token, "new_password": u.password}).empty(t, 204)
	for _, g := range []*gateway{c.a, c.b} {
		inTime(t, time.Second, "the session has ended", func() bool { return g.api(t, "GET", "/me", nil, call{bearer: u.access}).status == 401 })
	}
	waits := c.b.api(t, "POST", "/login", object{"login": u.email, "password": u.password}).must(t, 200, "").json(t)
	if methods, _ := waits["methods"].([]any); waits["mfa_required"] != true || len(methods) != 0 {
		t.Errorf("after a reset by the second factor's mailbox: %v", waits)
	}
}

// losesCookie: whoever has a stolen cookie has the session, and can do nothing with it that takes the account away (contract §8.10).
func (c *cluster) losesCookie(t *testing.T) {
	t.Helper()
	u := c.a.newUser(t)
	s := c.a.signIn(t, u, true)
	c.a.withEmailFactor(t, u)
	thief := call{cookies: s.cookies, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}
	c.b.api(t, "GET", "/me", nil, thief).must(t, 200, "")
	c.b.do(t, call{path: "/x", cookies: s.cookies}).want(t, 403, "mfa_required")
	calls := []struct {
		method, path string
		body         object
	}{{"DELETE", "/2fa", object{}}, {"POST", "/factors", object{"type": "recovery"}}, {"DELETE", "/me", object{}}, {"POST", "/me/email", object{"email": freshEmail()}}}
	for i, one := range calls {
		eventually(t, one.method+" "+one.path+" is refused for its age", func() bool {
			a := []*gateway{c.b, c.a}[i%2].api(t, one.method, one.path, one.body, thief)
			if a.status != 403 {
				t.Fatalf("%s %s with a stolen cookie: %d %s", one.method, one.path, a.status, a.body)
			}
			return a.code() == "reauthentication_required"
		})
	}
}

// mfa required by role asks whoever has the role for a second kind of proof, and nobody else.
func TestOption_mfa(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "mfa required role ops"})
	u := g.newUser(t)
	if g.api(t, "GET", "/config", nil, call{}).must(t, 200, "").text("mfa") != "optional" {
		t.Error("the offer says that everybody needs a second factor")
	}
	g.attempt(t, u.email, u.password).pair(t, false)
	g.exec(t, `update users set roles = '["ops"]' where id = '`+u.id+`'`)
	token, code := g.waiting(t, u, nil)
	a := g.api(t, "POST", "/login/mfa", object{"mfa_token": token, "method": "email", "code": code}, call{}).must(t, 200, "")
	if a.text("access_token") == "" {
		t.Errorf("got %s", a.body)
	}
}

// trusted_device off: nothing makes a device trusted.
func TestOption_trusted_device(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "trusted_device off"})
	u := g.newUser(t)
	g.withEmailFactor(t, u)
	token, code := g.waiting(t, u, nil)
	a := g.api(t, "POST", "/login/mfa", object{"mfa_token": token, "code": code, "trust_device": true}, call{}).must(t, 200, "")
	g.waiting(t, u, object{"device_token": a.text("device_token")})
}
