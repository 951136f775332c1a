package e2e

import (
	"fmt"
	"testing"

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
	before := len(g.mails(t, u.email))
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
	return a.text("mfa_token"), g.waitMail(t, u.email, before+1).code
}

// TestL19_SecondStepOverTwoNodes: each step of a sign-in with a second factor on the other node. Its token is good for these steps alone;
// of a hundred who send the right code at once to both one is signed in; five wrong codes end it.
func TestL19_SecondStepOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	u := c.a.newUser(t)
	c.a.withEmailFactor(t, u)
	device, steps := "", []*gateway{c.b, c.a}

	token, code := c.a.waiting(t, u, nil)
	for _, g := range []*gateway{c.a, c.b} {
		g.do(t, call{path: "/x", bearer: token}).want(t, 401, "invalid_token")
		g.api(t, "GET", "/me", nil, call{bearer: token}).want(t, 401, "invalid_token")
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

	// A trusted device is asked for nothing more, on either node; others are.
	c.b.api(t, "POST", "/login", object{"login": u.email, "password": u.password, "device_token": device}, call{}).must(t, 200, "")
	token, code = c.a.waiting(t, u, nil)
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	for i := range 5 {
		steps[i%2].api(t, "POST", "/login/mfa", object{"mfa_token": token, "code": wrong}, call{}).must(t, 400, "invalid_code")
	}
	c.a.api(t, "POST", "/login/mfa", object{"mfa_token": token, "code": code}, call{}).must(t, 401, "invalid_mfa_token")
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
