package e2e

import (
	"bytes"
	"testing"
	"time"
)

// TestS08_DeletedAccountLeavesNothing: an account that is deleted at one node is out at the other within a second, nothing in the
// database tells of its address, its username stays taken, and whoever comes back with the address is somebody new.
func TestS08_DeletedAccountLeavesNothing(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	u := c.a.newUser(t)
	id := c.b.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "").text("id")
	c.a.api(t, "DELETE", "/me", nil, call{bearer: u.access}).must(t, 204, "")
	c.a.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 401, "invalid_token")
	inTime(t, time.Second, "the other node refuses the token", func() bool {
		return c.b.api(t, "GET", "/me", nil, call{bearer: u.access}).status == 401
	})
	c.b.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 401, "invalid_refresh_token")
	c.b.api(t, "POST", "/login", object{"login": u.email, "password": u.password}).must(t, 401, "invalid_credentials")
	for place, content := range c.a.contents(t) {
		for _, trace := range []string{u.email, u.username} {
			if bytes.Contains(content, []byte(trace)) {
				t.Errorf("%s tells of %s", place, trace)
			}
		}
	}
	c.b.api(t, "POST", "/register", object{"email": u.email, "password": password, "username": u.username}).must(t, 422, "invalid_fields")
	inTime(t, 20*time.Second, "a mail for the second registration", func() bool {
		before := len(c.a.mails(t, u.email))
		again := c.b.api(t, "POST", "/register", object{"email": u.email, "password": password})
		if again.status != 202 {
			t.Fatalf("the address: %d %s", again.status, again.code())
		}
		proof := again.text("registration")
		if before < 2 { // the verification and the farewell
			return false
		}
		for _, l := range c.a.mails(t, u.email) {
			got := c.a.api(t, "POST", "/verify", object{"token": l.token, "registration": proof})
			if got.status == 200 {
				if me := c.b.api(t, "GET", "/me", nil, call{bearer: got.text("access_token")}); me.text("id") == id {
					t.Error("the id is the former owner's")
				}
				return true
			}
		}
		return false
	})
}

// TestOption_deletion_grace: the account is as disabled until then, and the link of the mail takes the deletion back, at the other node.
func TestOption_deletion_grace(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\tdeletion_grace 1h\n"})
	u := c.a.newUser(t)
	got := c.a.api(t, "DELETE", "/me", object{"password": u.password}, call{bearer: u.access}).must(t, 202, "")
	at, err := time.Parse(time.RFC3339, got.text("deletes_at"))
	if err != nil || got.text("status") != "deletion_scheduled" || time.Until(at) > time.Hour || time.Until(at) < 58*time.Minute {
		t.Errorf("the answer is %s", got.body)
	}
	c.b.api(t, "POST", "/login", object{"login": u.email, "password": u.password}).must(t, 401, "invalid_credentials")
	mail := c.a.waitMail(t, u.email, 2)
	c.b.api(t, "POST", "/restore", object{"token": mail.token}).must(t, 204, "")
	c.a.api(t, "POST", "/restore", object{"token": mail.token}).must(t, 400, "invalid_code")
	c.a.api(t, "POST", "/login", object{"login": u.email, "password": u.password}).must(t, 200, "")

	short := start(t, plan{global: "\t\tdeletion_grace 1s\n"})
	v := short.newUser(t)
	short.api(t, "DELETE", "/me", nil, call{bearer: v.access}).must(t, 202, "")
	inTime(t, 30*time.Second, "the account is deleted", func() bool { return short.metric(t, "gatehouse_accounts_deleted_total") == 1 })
}
