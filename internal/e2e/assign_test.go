package e2e

import (
	"fmt"
	"net/url"
	"testing"
)

// planted is what a call must never take from its sender, in the words of the API and of the database.
func planted(into object) object {
	for name, value := range map[string]any{"role": "admin", "roles": []string{"admin"}, "groups": []string{"admin"}, "is_admin": true, "admin": true,
		"email_verified": true, "email_verified_at": "2020-01-01T00:00:00Z", "id": plantedID, "user_id": plantedID, "account_id": plantedID, "sub": plantedID,
		"sid": plantedID, "amr": []string{"mfa", "hwk"}, "auth_time": 1, "epoch": 99, "roles_version": 99, "disabled": false, "disabled_at": nil,
		"password_hash": "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAA", "created_at": "2001-01-01T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z",
		"expires_in": 99999999, "mode": "cookie", "purpose": "verify_email", "subject": "root@example.com", "__proto__": object{"roles": []string{"admin"}},
		"user": object{"roles": []string{"admin"}, "id": plantedID}, "account": object{"roles": []string{"admin"}}} {
		if _, own := into[name]; !own {
			into[name] = value
		}
	}
	return into
}

const plantedID = "22222222-2222-4222-8222-222222222222"

// rights is everything of an account and its sessions that only Gatehouse may decide.
func (g *gateway) rights(t testing.TB, u *user) string {
	t.Helper()
	of := "id = '" + u.id + "'"
	return fmt.Sprint(g.query(t, "select id, email, roles, roles_version, disabled_at, created_at, email_verified_at is not null from users where "+of),
		g.count(t, "select count(*) from users where id = '"+plantedID+"'"),
		g.query(t, "select distinct amr from sessions where account_"+of))
}

// TestL21_EveryCall: members that a call does not have are ignored by each of them, whoever sends them and in whatever form.
func TestL21_EveryCall(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	u := g.newUser(t)
	u.take(t, g.attempt(t, u.email, password).must(t, 200, ""))
	g.api(t, "POST", "/sessions/revoke", planted(object{"others": true}), call{bearer: u.access}).must(t, 200, "") // now its amr is pwd alone
	g.exec(t, "delete from sessions where revoked_at is not null")
	before := g.rights(t, u)
	same := func(what string) {
		t.Helper()
		if after := g.rights(t, u); after != before {
			t.Errorf("%s: rights became\n%s\nfrom\n%s", what, after, before)
		}
	}
	for method, body := range map[string]object{"PATCH": {"first_name": "Ada"}, "PUT": {"first_name": "Ada", "username": u.username}} {
		g.api(t, method, "/me", planted(body), call{bearer: u.access}).must(t, 200, "")
		same(method + " /me")
		g.api(t, method, "/me", planted(object{"email": "root@example.com"}), call{bearer: u.access})
		same(method + " /me with an address")
	}
	a := g.api(t, "POST", "/refresh", planted(object{"refresh_token": u.refresh}))
	a.pair(t, false)
	u.take(t, a)
	same("refresh")
	if said := claims(t, u.access); said["sub"] != u.id || said["sid"] != u.sid || fmt.Sprint(said["amr"]) != "[pwd]" || fmt.Sprint(said["roles"]) != "[]" && said["roles"] != nil {
		t.Errorf("refresh: claims %v", said)
	}
	g.api(t, "POST", "/token/verify", planted(object{"token": u.access})).must(t, 200, "")
	g.api(t, "POST", "/verify/resend", planted(object{"email": u.email})).must(t, 202, "")
	g.api(t, "POST", "/password/forgot", planted(object{"login": u.email})).must(t, 202, "")
	same("asking for mails")
	l := g.ofKind(t, u.email, "reset_password")
	g.api(t, "POST", "/password/reset", planted(object{"token": l.token, "new_password": chosenPassword})).empty(t, 204)
	g.exec(t, "delete from sessions where account_id = '"+u.id+"'")
	u.take(t, g.api(t, "POST", "/login", planted(object{"login": u.email, "password": chosenPassword})).must(t, 200, ""))
	same("reset and login")
	g.api(t, "POST", "/me/password", planted(object{"current_password": chosenPassword, "new_password": password}), call{bearer: u.access}).empty(t, 204)
	g.exec(t, "delete from sessions where account_id = '"+u.id+"'")
	u.take(t, g.attempt(t, u.email, password).must(t, 200, ""))
	same("change of password")
	if got := g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "").echo(t); got.get(t, "Remote-Groups") != "" || got.get(t, "Remote-Sub") != u.id {
		t.Errorf("the upstream got %v", got.Headers)
	}
}

// TestL21_Forms: the pages' forms take no more than the calls do.
func TestL21_Forms(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	email := freshEmail()
	form := func(path string, fields url.Values, cookies map[string]string) answer {
		t.Helper()
		for name, value := range map[string]string{"role": "admin", "roles": "admin", "roles[]": "admin", "groups": "admin", "email_verified": "true", "id": plantedID,
			"user[roles]": "admin", "amr": "mfa", "epoch": "99", "disabled": "false"} {
			fields.Set(name, value)
		}
		return g.do(t, call{method: "POST", path: "/auth" + path, body: fields.Encode(), cookies: cookies,
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin", "Origin": g.url("")}})
	}
	b := &user{email: email, cookies: map[string]string{}}
	a := form("/register", url.Values{"email": {email}, "password": {password}}, nil)
	if a.status != 303 {
		t.Fatalf("the form of register: %d %.300s", a.status, a.body)
	}
	b.takeCookies(t, a)
	a = form("/verify", url.Values{"email": {email}, "otp": {g.waitMail(t, email, 1).code}}, b.cookies)
	if a.status != 303 {
		t.Fatalf("the form of verify: %d %.300s", a.status, a.body)
	}
	b.takeCookies(t, a)
	me := g.api(t, "GET", "/me", nil, call{cookies: b.cookies}).must(t, 200, "").json(t)
	b.id, _ = me["id"].(string)
	if roles, _ := me["roles"].([]any); len(roles) > 0 || me["id"] == plantedID || me["email"] != email {
		t.Errorf("the account is %v", me)
	}
	before := g.rights(t, b)
	a = form("/account/profile", url.Values{"first_name": {"Ada"}}, b.cookies)
	if a.status != 303 {
		t.Errorf("the form of the profile: %d %.300s", a.status, a.body)
	}
	if after := g.rights(t, b); after != before {
		t.Errorf("rights became\n%s\nfrom\n%s", after, before)
	}
}
