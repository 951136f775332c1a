package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// kind returns the kind of a letter by its header.
func (l letter) kind(t testing.TB) string {
	t.Helper()
	head, _, _ := strings.Cut(string(l.raw), "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if kind, ok := strings.CutPrefix(line, "Gatehouse-Mail: "); ok {
			return kind
		}
	}
	t.Fatalf("a letter without its kind:\n%s", head)
	return ""
}

// ofKind waits for the first letter of a kind to an address.
func (g *gateway) ofKind(t testing.TB, address, kind string) letter {
	t.Helper()
	return g.nthOfKind(t, address, kind, 1)
}

// nthOfKind waits until n letters of a kind have gone to an address, and returns the nth.
func (g *gateway) nthOfKind(t testing.TB, address, kind string, n int) (found letter) {
	t.Helper()
	eventually(t, kind+" to "+address, func() bool {
		seen := 0
		for _, l := range g.mails(t, address) {
			if l.kind(t) == kind {
				found, seen = l, seen+1
			}
			if seen == n {
				return true
			}
		}
		return false
	})
	return found
}

// TestR12_ThisWasNotMeOverTwoNodes: somebody with the session changes the address; the owner takes everything back. Each step is on the
// other node.
func TestR12_ThisWasNotMeOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	u := c.a.newUser(t)
	thief := freshEmail()
	c.b.api(t, "POST", "/me/email", object{"email": thief}, call{bearer: u.access}).must(t, 202, "")
	c.a.api(t, "POST", "/me/email/confirm", object{"otp": c.a.waitMail(t, thief, 1).code}, call{bearer: u.access}).must(t, 200, "")
	first := c.a.ofKind(t, u.email, "email_changed")
	c.b.api(t, "POST", "/me/password", object{"current_password": password, "new_password": password + "0"}, call{bearer: u.access}).must(t, 204, "")
	stolen := c.a.api(t, "POST", "/login", object{"login": thief, "password": password + "0"}).must(t, 200, "")
	// The link of the later event came to the former address alone.
	later := c.a.ofKind(t, u.email, "password_changed")
	if later.token == "" {
		t.Error("the former address got no link of the later event")
	}
	for _, kind := range []string{"email_changed", "password_changed"} {
		if l := c.a.ofKind(t, thief, kind); l.token != "" {
			t.Errorf("the thief got a link in %s", kind)
		}
	}

	got := tally(c.overBoth(t, race, func(int) call {
		return call{method: "POST", path: "/auth/secure", body: object{"token": later.token}}
	}))
	// Who waits for the account for too long is told to try again, and is too late then.
	if got["200"]+got["400 invalid_code"]+got["503 unavailable"] != race || got["200"] != 1 {
		t.Errorf("with one link: %v", got)
	}
	for _, g := range []*gateway{c.a, c.b} {
		g.api(t, "POST", "/secure", object{"token": later.token}).must(t, 400, "invalid_code")
	}
	done := c.b.api(t, "POST", "/secure", object{"token": first.token}).must(t, 200, "")
	// A thief who is quick finds the other node, which may not have heard of it yet, no better.
	c.a.api(t, "POST", "/me/email", object{"email": thief, "password": password + "0"}, call{bearer: stolen.text("access_token")}).want(t, 401, "invalid_token")
	var undone []string
	for _, kind := range done.json(t)["undone"].([]any) {
		undone = append(undone, kind.(string))
	}
	if !slices.Equal(undone, []string{"email", "password"}) {
		t.Errorf("undone is %v", undone)
	}
	for _, g := range []*gateway{c.a, c.b} {
		inTime(t, time.Second, "the thief is out", func() bool {
			return g.api(t, "GET", "/me", nil, call{bearer: stolen.text("access_token")}).status == 401
		})
	}
	c.a.api(t, "POST", "/password/reset", object{"token": done.text("reset_token"), "new_password": password}).must(t, 204, "")
	c.b.api(t, "POST", "/login", object{"login": thief, "password": password}).must(t, 401, "invalid_credentials")
	if me := c.b.api(t, "POST", "/login", object{"login": u.email, "password": password}).must(t, 200, ""); me.json(t)["user"].(map[string]any)["email"] != u.email {
		t.Errorf("signed in: %s", me.body)
	}
	c.a.ofKind(t, u.email, "account_secured")
}
