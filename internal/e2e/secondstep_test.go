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

// mfa required: a sign-up asks for a second kind at its first sign-in. By role it asks whoever has it alone.
func TestOption_mfa(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "mfa required role ops"})
	u := g.newUser(t)
	if g.api(t, "GET", "/config", nil, call{}).must(t, 200, "").text("mfa") != "optional" {
		t.Error("the offer says that everybody needs a second factor")
	}
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
