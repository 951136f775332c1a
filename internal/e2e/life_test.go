package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"
)

// TestAccountLifeOverTwoNodes: what people do with an account, each step on the other node.
func TestAccountLifeOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tsignup open {\n\t\t\tdeferred\n\t\t}\n\t\tidentities email username phone\n\t\tsms outbox\n" +
		"\t\trate_limit sms off\n\t\trate_limit sms_client off\n\t\trate_limit export 2/1d\n\t\totp {\n\t\t\tresend_after 1s\n\t\t}"})
	first, second := c.deferred(t)
	c.recoverByNumber(t, second)
	c.pictures(t, first)
	c.exports(t, first)
	c.renames(t, first, second)
}

// deferred lets two accounts have one address pending; the first to prove it gets it, and the code of the other is dead.
func (c *cluster) deferred(t *testing.T) (first, second *user) {
	t.Helper()
	email, people, tokens := freshEmail(), []*user{}, []string{}
	for i, g := range []*gateway{c.a, c.b} {
		other := []*gateway{c.b, c.a}[i]
		u := &user{email: email, username: strings.Replace(freshEmail(), "@example.com", "", 1), password: password}
		made := g.api(t, "POST", "/register", object{"email": email, "username": u.username, "password": password}).must(t, 201, "").json(t)["user"].(map[string]any)
		if pending, _ := made["pending"].([]any); made["email"] != "" || len(pending) != 1 || pending[0].(map[string]any)["address"] != email {
			t.Fatalf("made %v", made)
		}
		u.take(t, other.attempt(t, u.username, password))
		eventually(t, "a code of one's own", func() bool {
			g.api(t, "POST", "/me/email", object{"email": email}, call{bearer: u.access}).must(t, 202, "")
			return c.a.count(t, "select count(*) from outbox where kind = 'confirm_email' and account_id = '"+u.id+"'") > 0
		})
		mail := c.a.waitMail(t, email, int(c.a.count(t, "select count(*) from outbox where kind = 'confirm_email'")))
		people, tokens = append(people, u), append(tokens, mail.token)
	}
	first, second = people[0], people[1]
	me := c.b.api(t, "POST", "/me/email/confirm", object{"token": tokens[0]}, call{bearer: first.access}).must(t, 200, "").json(t)
	if me["email"] != email || me["email_verified"] != true {
		t.Errorf("the first is %v", me)
	}
	for _, g := range []*gateway{c.a, c.b} {
		g.api(t, "POST", "/me/email/confirm", object{"token": tokens[1]}, call{bearer: second.access}).want(t, 400, "invalid_code")
	}
	if me := c.a.api(t, "GET", "/me", nil, call{bearer: second.access}).must(t, 200, "").json(t); me["email"] != "" || len(me["pending"].([]any)) != 0 {
		t.Errorf("the second is %v", me)
	}
	if who := c.a.attempt(t, email, password).must(t, 200, "").json(t)["user"].(map[string]any); who["id"] != first.id {
		t.Errorf("the address signs in %v", who)
	}
	return first, second
}

// recoverByNumber proves a number by SMS and sets a new password by it.
func (c *cluster) recoverByNumber(t *testing.T, u *user) {
	t.Helper()
	const number, next = "+436649876543", "velvet harbour comet 9"
	c.a.api(t, "POST", "/me/phone", object{"phone": number}, call{bearer: u.access}).must(t, 202, "")
	code := c.nthCode(t, number, 1)
	c.b.api(t, "POST", "/me/phone/confirm", object{"otp": code}, call{bearer: u.access}).must(t, 200, "")
	c.a.api(t, "POST", "/password/forgot", object{"login": number}).must(t, 202, "")
	code = c.nthCode(t, number, 2)
	c.b.api(t, "POST", "/password/reset", object{"login": number, "otp": code, "new_password": next}).must(t, 204, "")
	for _, g := range []*gateway{c.a, c.b} {
		eventually(t, "the session has ended", func() bool { return g.api(t, "GET", "/me", nil, call{bearer: u.access}).status == 401 })
		g.api(t, "POST", "/password/reset", object{"login": number, "otp": code, "new_password": next}).want(t, 400, "invalid_code")
	}
	c.b.attempt(t, number, password).want(t, 401, "invalid_credentials")
	u.password = next
	u.take(t, c.a.attempt(t, number, next).must(t, 200, ""))
}

// nthCode waits for the nth code to a number, whichever node has sent it.
func (c *cluster) nthCode(t *testing.T, number string, n int) (code string) {
	t.Helper()
	seen := []string{}
	eventually(t, fmt.Sprintf("code %d to the number", n), func() bool {
		seen = c.codes(t, number)
		return len(seen) >= n
	})
	slices.Sort(seen)
	for _, known := range c.known {
		seen = slices.DeleteFunc(seen, func(s string) bool { return s == known })
	}
	c.known = append(c.known, seen[0])
	return seen[0]
}

// pictures sets a picture on one node, and shows it on the other until it is replaced.
func (c *cluster) pictures(t *testing.T, u *user) {
	t.Helper()
	put := func(g *gateway, shade uint8) (path string) {
		img, file := image.NewGray(image.Rect(0, 0, 80, 60)), &bytes.Buffer{}
		img.Set(40, 30, color.Gray{Y: shade})
		if err := png.Encode(file, img); err != nil {
			t.Fatal(err)
		}
		a := g.do(t, call{method: "PUT", path: "/auth/me/avatar", body: file.Bytes(), bearer: u.access, header: map[string]string{"Content-Type": "image/png"}})
		_, path, _ = strings.Cut(a.must(t, 200, "").text("avatar_url"), "/auth/")
		return "/auth/" + path
	}
	former := put(c.a, 100)
	shown := c.b.do(t, call{path: former + "?s=64"}).must(t, 200, "")
	img, _, err := image.DecodeConfig(bytes.NewReader(shown.body))
	if err != nil || img.Width != 64 || img.Height != 64 || shown.header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
		t.Errorf("%v (%v), headers %v", img, err, shown.header)
	}
	present := put(c.b, 200)
	c.a.do(t, call{path: former}).want(t, 404, "not_found")
	c.a.do(t, call{path: present}).want(t, 200, "")
	c.b.api(t, "DELETE", "/me/avatar", nil, call{bearer: u.access}).must(t, 200, "")
	c.a.do(t, call{path: present}).want(t, 404, "not_found")
}

// exports takes the data along, twice over both nodes and no third time, as the limit says.
func (c *cluster) exports(t *testing.T, u *user) {
	t.Helper()
	for _, g := range []*gateway{c.a, c.b} {
		got := g.api(t, "POST", "/me/export", nil, call{bearer: u.access}).must(t, 200, "")
		for _, want := range []string{u.email, u.username, u.sid} {
			if !bytes.Contains(got.body, []byte(want)) {
				t.Errorf("%s is not in the export", want)
			}
		}
		for what, secret := range map[string]string{"the refresh token": u.refresh, "a password hash": "argon2id", "the password": password} {
			if bytes.Contains(got.body, []byte(secret)) {
				t.Errorf("%s is in the export", what)
			}
		}
	}
	for _, g := range []*gateway{c.a, c.b} {
		g.api(t, "POST", "/me/export", nil, call{bearer: u.access}).want(t, 429, "rate_limited")
	}
}

// renames gives an account three other usernames and no fourth; each stays its own, and a hundred who want one name get it once.
func (c *cluster) renames(t *testing.T, u, other *user) {
	t.Helper()
	was := u.username
	for i, g := range []*gateway{c.a, c.b, c.a} {
		u.username = fmt.Sprintf("%s.%d", was, i)
		g.api(t, "PATCH", "/me", object{"username": u.username}, call{bearer: u.access}).must(t, 200, "")
	}
	c.b.api(t, "PATCH", "/me", object{"username": was + ".late"}, call{bearer: u.access}).want(t, 409, "limit_reached")
	if l := c.a.ofKind(t, u.email, "username_changed"); l.token == "" {
		t.Error("the mail about the username has no link")
	}
	for _, g := range []*gateway{c.a, c.b} {
		g.api(t, "PATCH", "/me", object{"username": was}, call{bearer: other.access}).invalid(t, "username")
		g.attempt(t, was, password).want(t, 401, "invalid_credentials")
		g.attempt(t, u.username, password).want(t, 200, "")
	}
	c.a.api(t, "PATCH", "/sessions/"+u.sid, object{"name": "Desk at home"}, call{bearer: u.access}).must(t, 200, "")
	if got := c.b.api(t, "GET", "/sessions", nil, call{bearer: u.access}).must(t, 200, ""); !strings.Contains(string(got.body), "Desk at home") {
		t.Errorf("the other node lists %s", got.body)
	}
}
