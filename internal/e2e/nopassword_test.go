package e2e

import "testing"

// TestOption_signup_by_code: a site without passwords over two nodes, each step on the other one. Who is new gets an account by a code by mail or
// SMS or by a link, once, with what the operator requires; where it is off, an unknown address gets nothing.
func TestOption_signup_by_code(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tsign_in code link passkey\n\t\tidentities email username phone\n\t\tsms outbox\n\t\tuser_field team text {\n\t\t\trequired\n\t\t}\n" +
		"\t\trate_limit sms off\n\t\trate_limit sms_client off"})
	const ada, bob, number = "ada@example.com", "bob@example.com", "+436641234567"
	red := object{"team": "red"}
	c.a.api(t, "POST", "/otp", object{"email": ada}).must(t, 202, "")
	code := c.a.ofKind(t, ada, "sign_in_code").code
	c.b.api(t, "POST", "/otp/verify", object{"email": ada, "otp": code}).want(t, 422, "invalid_fields")
	got := tally(c.overBoth(t, race, func(int) call {
		return call{method: "POST", path: "/auth/otp/verify", body: object{"email": ada, "otp": code, "fields": red}}
	}))
	if got["200"] != 1 {
		t.Errorf("accounts by one code: %v", got)
	}

	started := c.b.api(t, "POST", "/otp", object{"login": bob}).must(t, 202, "")
	link := c.a.ofKind(t, bob, "sign_in_code")
	signedIn := c.a.api(t, "POST", "/otp/verify", object{"token": link.token, "binding": started.text("binding"), "fields": red, "username": "bob01"})
	signedIn.pair(t, false)
	me := c.b.api(t, "GET", "/me", nil, call{bearer: signedIn.text("access_token")}).must(t, 200, "").json(t)
	if me["password_set"] != false || me["email"] != bob || me["username"] != "bob01" {
		t.Errorf("%v", me)
	}
	// What only passwords need is not there, and what would leave no way in is refused.
	who := call{bearer: signedIn.text("access_token")}
	c.b.api(t, "POST", "/me/password", object{"new_password": password}, who).want(t, 404, "not_found")
	c.a.api(t, "POST", "/password/forgot", object{"login": bob}).want(t, 404, "not_found")
	c.b.api(t, "POST", "/login", object{"login": bob, "password": password}).want(t, 401, "invalid_credentials")
	c.a.api(t, "DELETE", "/me/email", nil, who).want(t, 409, "last_way_in")

	c.a.api(t, "POST", "/otp", object{"phone": number}).must(t, 202, "")
	c.b.api(t, "POST", "/otp/verify", object{"phone": number, "otp": c.nthCode(t, number, 1), "fields": red}).pair(t, false)

	g := start(t, plan{global: codesAndLinks})
	g.api(t, "POST", "/otp", object{"login": ada}).must(t, 202, "")
	g.settle(t)
	for _, l := range g.mails(t, ada) {
		t.Errorf("an unknown address got %s", l.kind(t))
	}
	const counted = `gatehouse_registrations_total{method="code",outcome="success"}`
	if n := c.a.metric(t, counted) + c.b.metric(t, counted); n != 2 {
		t.Errorf("%v sign-ups by a code were counted, want 2", n)
	}
}
