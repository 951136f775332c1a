package e2e

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestContract_Me(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t, profile{firstName: "Ada", lastName: "Lovelace"})
	me := func(method string, body any) object {
		t.Helper()
		a := g.api(t, method, "/me", body, call{bearer: u.access}).must(t, 200, "")
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control %q", a.header.Get("Cache-Control"))
		}
		v := a.json(t)
		userShape.check(t, "the user", v)
		return v
	}
	first := me("GET", nil)
	if id, err := uuid.Parse(u.id); err != nil || id.Version() != 4 || first["id"] != u.id {
		t.Errorf("the id is %v, of version %d", first["id"], id.Version())
	}
	if got := me("PATCH", object{"first_name": "Augusta", "phone": "+43 1 2345678"}); got["first_name"] != "Augusta" ||
		got["last_name"] != "Lovelace" || got["phone"] != "+4312345678" || got["username"] != u.username {
		t.Errorf("after PATCH: %v", got)
	}
	if got := me("PATCH", object{"username": nil, "last_name": ""}); got["username"] != nil || got["last_name"] != "" || got["first_name"] != "Augusta" {
		t.Errorf("after emptying: %v", got)
	}
	// A user as it was read can be sent back; what nobody may set here is ignored.
	if got := me("PUT", first); got["username"] != u.username || got["first_name"] != "Ada" || got["phone"] != "" {
		t.Errorf("after PUT of the first state: %v", got)
	}
	if got := me("PUT", object{"first_name": "Ada"}); got["username"] != nil || got["last_name"] != "" {
		t.Errorf("PUT leaves out and keeps: %v", got)
	}
}

func TestContract_MeRefusals(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u, other, b := g.newUser(t), g.newUser(t), g.newBrowser(t)
	for _, method := range []string{"GET", "PATCH", "PUT"} {
		a := g.api(t, method, "/me", object{})
		a.problem(t, 401, "authentication_required")
		if got := a.header.Get("WWW-Authenticate"); got != "Bearer" {
			t.Errorf("WWW-Authenticate without a token: %q", got)
		}
		a = g.api(t, method, "/me", object{}, call{bearer: u.access + "x"})
		a.problem(t, 401, "invalid_token")
		if got := a.header.Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
			t.Errorf("WWW-Authenticate beside a bad token: %q", got)
		}
	}
	patch := func(body any) answer { return g.api(t, "PATCH", "/me", body, call{bearer: u.access}) }
	patch(object{"username": other.username}).invalid(t, "username")
	patch(object{"username": "x", "phone": "1", "first_name": strings.Repeat("n", 101), "last_name": "a\u202eb"}).
		invalid(t, "username", "phone", "first_name", "last_name")
	patch(object{"first_name": 1}).problem(t, 400, "invalid_request")
	patch([]any{}).problem(t, 400, "invalid_request")
	evil := call{cookies: b.cookies, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}
	g.api(t, "PATCH", "/me", object{"first_name": "x"}, evil).problem(t, 403, "cross_origin")
	g.api(t, "PATCH", "/me", object{"first_name": "Bo"}, call{cookies: b.cookies}).must(t, 200, "")
}

func TestContract_PasswordForgotAndReset(t *testing.T) {
	t.Parallel()
	g := shared(t)
	const other = "velvet harbour comet 9"
	for name, c := range map[string]struct {
		ask   func(u *user) object
		prove func(u *user, l letter) object
	}{
		"address, link":  {func(u *user) object { return object{"login": u.email} }, func(_ *user, l letter) object { return object{"token": l.token} }},
		"username, code": {func(u *user) object { return object{"login": u.username} }, func(u *user, l letter) object { return object{"login": u.username, "otp": l.code} }},
		"email alias": {func(u *user) object { return object{"email": strings.ToUpper(u.email)} },
			func(u *user, l letter) object { return object{"email": u.email, "otp": l.code} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := g.newUser(t)
			a := g.api(t, "POST", "/password/forgot", c.ask(u)).must(t, 202, "")
			shape{"status": "text"}.check(t, "the answer", a.json(t))
			letter := g.waitMail(t, u.email, 2)
			if letter.link != g.url("/auth/reset?token="+letter.token) {
				t.Errorf("link %q", letter.link)
			}
			body := c.prove(u, letter)
			body["new_password"] = other
			g.api(t, "POST", "/password/reset", body).empty(t, 204)
			g.api(t, "GET", "/me", nil, call{bearer: u.access}).problem(t, 401, "invalid_token")
			g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).problem(t, 401, "invalid_refresh_token")
			g.api(t, "POST", "/login", object{"login": u.email, "password": other}).pair(t, false)
			g.api(t, "POST", "/password/reset", body).problem(t, 400, "invalid_code") // once
			if notice := g.ofKind(t, u.email, "password_changed"); notice.code != "" || !strings.Contains(notice.link, "/secure?token=") {
				t.Errorf("the notice of a changed password has the code %q and the link %q", notice.code, notice.link)
			}
		})
	}
}

func TestContract_PasswordRefusals(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	known := g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
	for _, login := range []string{freshEmail(), "nobody-at-all", "x", "a@b@c", strings.Repeat("a", 1000), "\u200b"} {
		a := g.api(t, "POST", "/password/forgot", object{"login": login}).must(t, 202, "")
		if string(a.body) != string(known.body) {
			t.Errorf("%q is answered otherwise: %s", login, a.body)
		}
	}
	g.api(t, "POST", "/password/forgot", object{}).invalid(t, "login")
	letter := g.waitMail(t, u.email, 2)
	reset := func(body object) answer { return g.api(t, "POST", "/password/reset", body) }
	const other = "velvet harbour comet 9"
	reset(object{}).problem(t, 400, "invalid_request")
	reset(object{"token": letter.token, "otp": letter.code, "login": u.email, "new_password": other}).problem(t, 400, "invalid_request")
	reset(object{"token": letter.token}).invalid(t, "new_password")
	reset(object{"token": letter.token, "new_password": "short"}).invalid(t, "new_password")
	reset(object{"token": letter.token, "new_password": u.email}).invalid(t, "new_password")
	reset(object{"login": u.email, "new_password": other}).invalid(t, "otp")
	reset(object{"otp": letter.code, "new_password": other}).invalid(t, "login")
	reset(object{"login": u.email, "otp": "12345", "new_password": other}).problem(t, 400, "invalid_code")
	reset(object{"login": freshEmail(), "otp": letter.code, "new_password": other}).problem(t, 400, "invalid_code")
	reset(object{"token": "x", "new_password": other}).problem(t, 400, "invalid_code")
	reset(object{"login": u.email, "otp": letter.code, "new_password": other}).empty(t, 204)
}

func TestContract_PasswordChange(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	other, browser := g.signIn(t, u, false), g.signIn(t, u, true)
	change := func(current, fresh string, more call) answer {
		return g.api(t, "POST", "/me/password", object{"current_password": current, "new_password": fresh}, more)
	}
	me := call{bearer: u.access}
	change(password, chosenPassword, call{}).problem(t, 401, "authentication_required")
	change("wrong granite lantern 7", chosenPassword, me).problem(t, 401, "invalid_credentials")
	change("", chosenPassword, me).invalid(t, "current_password")
	change(password, "short", me).invalid(t, "new_password")
	change("", "", me).invalid(t, "current_password", "new_password")
	change(password, u.email, me).invalid(t, "new_password")
	evil := call{cookies: browser.cookies, header: map[string]string{"Origin": "https://evil.example"}}
	change(password, chosenPassword, evil).problem(t, 403, "cross_origin")
	g.do(t, call{path: "/app", bearer: other.access}).must(t, 200, "") // nothing has changed yet
	a := change(password, chosenPassword, call{cookies: browser.cookies}).empty(t, 204)
	for name, c := range a.setCookies(t) {
		if c.MaxAge >= 0 {
			t.Errorf("%s is not cleared", name)
		}
	}
	if len(a.setCookies(t)) != 2 {
		t.Errorf("cookies %v", a.setCookies(t))
	}
	// Every session ends, the one that asked included (S07).
	g.familyDead(t, []string{u.access, other.access}, []string{u.refresh, other.refresh})
	g.do(t, call{path: "/app", cookies: browser.cookies}).want(t, 401, "invalid_token")
	g.attempt(t, u.email, password).want(t, 401, "invalid_credentials")
	g.attempt(t, u.email, chosenPassword).pair(t, false)
	if l := g.ofKind(t, u.email, "password_changed"); l.code != "" || !strings.Contains(l.link, "/secure?token=") || !strings.Contains(l.subject, "password") {
		t.Errorf("the owner is told %q", l.subject)
	}
}

// TestContract_PasswordChangeIsGuarded: guesses of the current password count with the sign-ins of the account.
func TestContract_PasswordChangeIsGuarded(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	g.attempt(t, u.username, "wrong granite lantern 7").want(t, 401, "invalid_credentials")
	for range 4 {
		g.api(t, "POST", "/me/password", object{"current_password": "wrong granite lantern 7", "new_password": chosenPassword},
			call{bearer: u.access}).want(t, 401, "invalid_credentials")
	}
	g.api(t, "POST", "/me/password", object{"current_password": password, "new_password": chosenPassword},
		call{bearer: u.access}).problem(t, 429, "account_locked")
	g.attempt(t, u.email, password).want(t, 429, "account_locked")
}
