package e2e

import (
	"testing"
)

const codesAndLinks = "\t\tsign_in password code link"

// TestOption_sign_in: without it codes and links are not there; with it they sign in, and /config says so. Without password the one that
// somebody has set before signs them in no more, steps no session up, and is neither offered nor set anew.
func TestOption_sign_in(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	g.api(t, "POST", "/otp", object{"login": u.email}).want(t, 404, "not_found")
	g.api(t, "POST", "/login", object{"login": u.email, "otp": "123456"}).want(t, 401, "invalid_credentials")
	g.api(t, "POST", "/passkeys/verify", object{"credential": object{}}).want(t, 400, "invalid_passkey")
	g.restartWith(t, plan{global: codesAndLinks})
	if ways, _ := g.api(t, "GET", "/config", nil).must(t, 200, "").json(t)["sign_in"].([]any); len(ways) != 3 || ways[1] != "code" || ways[2] != "link" {
		t.Errorf("%v", ways)
	}
	g.api(t, "POST", "/passkeys/verify", object{"credential": object{}}).want(t, 404, "not_found")
	g.api(t, "POST", "/otp", object{"login": u.email}).must(t, 202, "")
	g.api(t, "POST", "/login", object{"login": u.email, "otp": g.ofKind(t, u.email, "sign_in_code").code}).pair(t, false)

	v := g.newUser(t)
	g.restartWith(t, plan{global: "\t\tsign_in code"})
	if ways, _ := g.api(t, "GET", "/config", nil).must(t, 200, "").json(t)["sign_in"].([]any); len(ways) != 1 || ways[0] != "code" {
		t.Errorf("%v", ways)
	}
	g.api(t, "POST", "/login", object{"login": v.email, "password": password}).want(t, 401, "invalid_credentials")
	g.api(t, "POST", "/password/forgot", object{"login": v.email}).want(t, 404, "not_found")
	g.api(t, "POST", "/otp", object{"login": v.email}).must(t, 202, "")
	mail := g.ofKind(t, v.email, "sign_in_code")
	if mail.token != "" {
		t.Error("a link was sent")
	}
	who := call{bearer: g.api(t, "POST", "/otp/verify", object{"login": v.email, "otp": mail.code}).must(t, 200, "").text("access_token")}
	g.api(t, "POST", "/reauthenticate", object{"password": password}, who).want(t, 401, "invalid_credentials")
	g.api(t, "POST", "/me/password", object{"current_password": password, "new_password": "brand-Lantern-62-copper"}, who).want(t, 404, "not_found")
	asked := g.api(t, "POST", "/reauthenticate", nil, who).must(t, 200, "").json(t)
	methods, _ := asked["methods"].([]any)
	if len(methods) != 1 || methods[0].(map[string]any)["method"] != "email" {
		t.Errorf("a step-up offers %v", asked)
	}
}

// TestO04_CodesAndLinksOverTwoNodes: each step of a sign-in by code or link is on the other node; of a hundred at once by one link one wins; what is
// guessed on both nodes is counted together, and closes neither the link nor the code of who asked.
func TestO04_CodesAndLinksOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: codesAndLinks + "\n\t\totp {\n\t\t\tresend_after 1s\n\t\t}\n\t\trate_limit otp 1000/1h"})
	u := c.a.newUser(t)
	binding := c.a.api(t, "POST", "/otp", object{"login": u.email}).must(t, 202, "").text("binding")
	mail := c.a.ofKind(t, u.email, "sign_in_code")
	c.b.api(t, "POST", "/otp/verify", object{"token": mail.token}).want(t, 403, "binding_required")
	wrong := "000000"
	if mail.code == wrong {
		wrong = "000001"
	}
	for i := range 5 {
		[]*gateway{c.a, c.b}[i%2].api(t, "POST", "/otp/verify", object{"login": u.email, "otp": wrong}).want(t, 400, "invalid_code")
	}
	c.a.api(t, "POST", "/otp/verify", object{"login": u.email, "otp": mail.code}).want(t, 429, "too_many_attempts")
	got := tally(c.overBoth(t, race, func(int) call {
		return call{method: "POST", path: "/auth/otp/verify", body: object{"token": mail.token, "binding": binding}}
	}))
	if got["200"] != 1 || got["200"]+got["400 invalid_code"] != race {
		t.Errorf("with one link: %v", got)
	}
	former := mail
	var again answer
	eventually(t, "another code", func() bool {
		again = c.b.api(t, "POST", "/otp", object{"email": u.email, "binding": binding}).must(t, 202, "")
		c.a.settle(t)
		for _, l := range c.a.mails(t, u.email) {
			if l.kind(t) == "sign_in_code" && l.token != former.token {
				mail = l
			}
		}
		return mail.token != former.token
	})
	if again.text("binding") != binding {
		t.Error("the app has another binding")
	}
	a := c.a.api(t, "POST", "/otp/verify", object{"email": u.email, "otp": mail.code, "binding": binding})
	a.pair(t, false)
	if me := c.b.api(t, "GET", "/me", nil, call{bearer: a.text("access_token")}).must(t, 200, "").json(t); me["email"] != u.email {
		t.Errorf("%v", me)
	}
}
