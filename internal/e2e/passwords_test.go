package e2e

import (
	"strings"
	"testing"
)

func TestL17_NothingIsCutOff(t *testing.T) {
	t.Parallel()
	g := shared(t)
	long := strings.Repeat("granite lantern velvet ", 3) + "omega" // 74 bytes: more than bcrypt would read
	for name, c := range map[string]struct {
		set   string
		wrong []string
	}{
		"past 72 bytes": {long + "x", []string{long + "y", long, long + "x" + "x"}},
		"case":          {"Winter Granite 7 lantern", []string{"winter granite 7 lantern"}},
		"256 characters": {strings.Repeat("granite lantern velvet 9 harbour ", 7) + strings.Repeat("q", 25),
			[]string{strings.Repeat("granite lantern velvet 9 harbour ", 7) + strings.Repeat("q", 24)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := g.newUser(t, profile{password: c.set})
			g.attempt(t, u.email, c.set).pair(t, false)
			for _, wrong := range c.wrong {
				g.attempt(t, u.email, wrong).want(t, 401, "invalid_credentials")
			}
		})
	}
	// A NUL ends nothing: a text with one is refused or counts in full.
	email := freshEmail()
	a := g.api(t, "POST", "/register", object{"email": email, "password": "winter granite\x00lantern 7"})
	if a.status == 202 {
		g.attempt(t, email, "winter granite\x00lantern 7").want(t, 403, "account_not_verified")
		g.attempt(t, email, "winter granite\x00lantern 8").want(t, 401, "invalid_credentials")
		g.attempt(t, email, "winter granite").want(t, 401, "invalid_credentials")
	} else {
		a.problem(t, 400, "invalid_request")
	}
}

func TestL18_PasswordsAreUnicode(t *testing.T) {
	t.Parallel()
	g := shared(t)
	const composed, decomposed = "caf\u00e9 granite lantern", "cafe\u0301 granite lantern"
	for _, c := range []struct{ set, right, wrong string }{
		{composed, decomposed, "cafe granite lantern"},
		{decomposed, composed, "cafe granite lantern"},
		{"winter granite lantern ", "winter granite lantern ", "winter granite lantern"},
		{" winter granite lantern", " winter granite lantern", "winter granite lantern"},
		{"зимний гранит фонарь", "зимний гранит фонарь", "зимний гранит фонары"},
	} {
		u := g.newUser(t, profile{password: c.set})
		g.attempt(t, u.email, c.right).pair(t, false)
		g.attempt(t, u.email, c.wrong).want(t, 401, "invalid_credentials")
	}
	// One code point is one character: twelve are enough and eleven are not, however many bytes they have.
	twelve := "й7ж🦉ш2ф🦊ю9ц🐝"
	g.register(t, object{"email": freshEmail(), "password": twelve})
	eleven := strings.TrimSuffix(twelve, "🐝")
	g.api(t, "POST", "/register", object{"email": freshEmail(), "password": eleven}).invalid(t, "password")
}

func TestL21_MassAssignment(t *testing.T) {
	t.Parallel()
	g := shared(t)
	email := freshEmail()
	const foreign = "11111111-1111-4111-8111-111111111111"
	extra := func(into object) object {
		for name, value := range map[string]any{"role": "admin", "roles": []string{"admin"}, "groups": []string{"admin"},
			"email_verified": true, "id": foreign, "amr": []string{"mfa"}, "epoch": 99, "disabled": false, "created_at": "2001-01-01T00:00:00Z",
			"avatar_url": "https://evil.example/a.png", "status": "verified", "is_admin": true} {
			into[name] = value
		}
		return into
	}
	proof := g.register(t, extra(object{"email": email, "password": password})).text("registration")
	g.attempt(t, email, password).want(t, 403, "account_not_verified")
	code := g.waitMail(t, email, 1).code
	a := g.api(t, "POST", "/verify", extra(object{"email": email, "otp": code, "registration": proof}))
	ordinary := func(what string, u object) {
		t.Helper()
		if roles, _ := u["roles"].([]any); len(roles) > 0 || u["id"] == foreign || u["avatar_url"] != "" || u["email"] != email {
			t.Errorf("%s: %v", what, u)
		}
	}
	ordinary("verify", a.pair(t, false))
	access := a.text("access_token")
	for _, method := range []string{"PATCH", "PUT"} {
		u := g.api(t, method, "/me", extra(object{"first_name": "Ada", "email": "other@example.com"}), call{bearer: access}).must(t, 200, "").json(t)
		ordinary(method, u)
	}
	b := g.api(t, "POST", "/login", extra(object{"login": email, "password": password}))
	ordinary("login", b.pair(t, false))
	said := claims(t, b.text("access_token"))
	if amr, _ := said["amr"].([]any); len(amr) != 1 || amr[0] != "pwd" {
		t.Errorf("amr %v", said["amr"])
	}
	if got := g.do(t, call{path: "/app", bearer: b.text("access_token")}).must(t, 200, "").echo(t).get(t, "Remote-Groups"); got != "" {
		t.Errorf("Remote-Groups %q", got)
	}
}
