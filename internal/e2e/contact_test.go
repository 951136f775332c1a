package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestR12_ChangeAddressOverTwoNodes: every step of a change of address is on the other node, of a hundred who confirm at once one does,
// and guesses at the password with a stolen session are counted together.
func TestR12_ChangeAddressOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tfresh_for 1s"})
	u := c.a.newUser(t)
	next := freshEmail()
	eventually(t, "the sign-in is no longer fresh", func() bool {
		return c.b.api(t, "DELETE", "/me/phone", nil, call{bearer: u.access}).status == 403
	})
	c.a.api(t, "POST", "/me/email", object{"email": next}, call{bearer: u.access}).want(t, 403, "reauthentication_required")
	c.b.api(t, "POST", "/me/email", object{"email": next, "password": u.password}, call{bearer: u.access}).must(t, 202, "")
	link := c.a.waitMail(t, next, 1)
	got := tally(c.overBoth(t, race, func(int) call {
		return call{method: "POST", path: "/auth/me/email/confirm", body: object{"token": link.token}, bearer: u.access}
	}))
	if got["200"] != 1 || got["200"]+got["400 invalid_code"] != race {
		t.Errorf("with one link: %v", got)
	}
	for _, g := range []*gateway{c.a, c.b} {
		if me := g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "").json(t); me["email"] != next {
			t.Errorf("the account has %v", me["email"])
		}
	}
	if c.a.ofKind(t, u.email, "email_changed").token == "" || c.a.ofKind(t, next, "email_changed").token != "" {
		t.Error("the link that undoes it did not go to the former address alone")
	}
	for i := range 5 {
		g := []*gateway{c.a, c.b}[i%2]
		g.api(t, "POST", "/me/email", object{"email": u.email, "password": "guess"}, call{bearer: u.access}).want(t, 401, "invalid_credentials")
	}
	for _, g := range []*gateway{c.a, c.b} {
		g.api(t, "POST", "/me/email", object{"email": u.email, "password": u.password}, call{bearer: u.access}).want(t, 403, "reauthentication_required")
	}
}

// TestNumberMovesOverTwoNodes: a number goes to who proves it, each step on the other node.
func TestNumberMovesOverTwoNodes(t *testing.T) {
	t.Parallel()
	const number = "+436641234567"
	c := startCluster(t, plan{global: "\t\tidentities email username phone\n\t\tsms outbox\n\t\trate_limit sms off\n\t\trate_limit sms_client off\n\t\totp {\n\t\t\tresend_after 1s\n\t\t}"})
	first, second := c.a.newUser(t), c.a.newUser(t)
	for i, u := range []*user{first, second} {
		eventually(t, "a code to the number", func() bool {
			c.b.api(t, "POST", "/me/phone", object{"phone": number}, call{bearer: u.access}).must(t, 202, "")
			return len(c.codes(t, number)) > i
		})
		eventually(t, "the code is taken", func() bool {
			for _, code := range c.codes(t, number) {
				if c.a.api(t, "POST", "/me/phone/confirm", object{"otp": code}, call{bearer: u.access}).status == 200 {
					return true
				}
			}
			return false
		})
	}
	if me := c.b.api(t, "GET", "/me", nil, call{bearer: first.access}).must(t, 200, "").json(t); me["phone"] != "" {
		t.Errorf("the former owner has %v", me["phone"])
	}
	if me := c.a.api(t, "GET", "/me", nil, call{bearer: second.access}).must(t, 200, "").json(t); me["phone"] != number || me["phone_verified"] != true {
		t.Errorf("got %v", me)
	}
	c.a.ofKind(t, first.email, "phone_changed")

	// Who signs up by a number alone has an account once it is proven, on whichever node.
	const new = "+436767654321"
	proof := c.a.api(t, "POST", "/register", object{"phone": new, "password": password}).must(t, 202, "")
	if proof.text("channel") != "phone" {
		t.Errorf("answered %s", proof.body)
	}
	code := c.nthCode(t, new, 1)
	c.b.api(t, "POST", "/verify", object{"phone": new, "otp": code, "registration": proof.text("registration")}).must(t, 200, "")
	c.a.api(t, "POST", "/verify", object{"phone": new, "otp": code, "registration": proof.text("registration")}).want(t, 400, "invalid_code")
	c.a.attempt(t, new, password).want(t, 200, "")
}

// codes returns those that went to a number by either node.
func (c *cluster) codes(t testing.TB, number string) (codes []string) {
	t.Helper()
	code := regexp.MustCompile(`(?m)^(\d{6}) is your `)
	for _, g := range []*gateway{c.a, c.b} {
		files, _ := filepath.Glob(filepath.Join(g.Dir, "data", "sms", "*.txt"))
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if m := code.FindSubmatch(text); m != nil && strings.HasPrefix(string(text), "To: "+number) {
				codes = append(codes, string(m[1]))
			}
		}
	}
	return codes
}
