package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestAccount_History(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.get("/account").want(http.StatusOK).says("Sign-in history", "Notifications", "All on")
	h.browser().post("/login", []string{"login", email, "password", "wrong"}).want(http.StatusUnauthorized)
	for range 25 {
		h.Clock.Advance(time.Minute)
		h.browser().signIn()
	}
	page := b.get("/account/history").want(http.StatusOK)
	page.says("Firefox on Linux", "With the password", "Something strange?", "This was not me", "Older").silent(">Newer<")
	if n := len(page.all("time")); n != 20 {
		t.Errorf("%d entries on the first page", n)
	}
	older := page.linked("Older")
	second := b.get(older).want(http.StatusOK).says("Newer", "This session", "Failed", "The username or password is wrong.").silent(">Older<")
	if back := b.get(second.linked("Newer")).want(http.StatusOK); len(back.all("time")) != 20 {
		t.Errorf("back are %d entries", len(back.all("time")))
	}
	failed := b.get("/account/history?result=failure").want(http.StatusOK)
	if n := len(failed.all("time")); n != 1 {
		t.Errorf("%d failures", n)
	}
	b.get("/account/history?result=maybe").want(http.StatusBadRequest)
	b.get("/account/history?older=forged").want(http.StatusBadRequest)
	h.browser().get("/account/history").leads("/auth/login")

	// Another account's cursor shows nothing of it.
	h.Person(t, signup.RegisterInput{Email: "eva@example.com"})
	eva := h.browser()
	eva.post("/login", []string{"login", "eva@example.com", "password", testflow.Password}).leads("/auth/account")
	eva.get(older).want(http.StatusBadRequest)
	eva.get("/account/history?result=failure").want(http.StatusOK).says("There is no such sign-in")
}

func TestAccount_Notifications(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	// choose sends the form with every other mail left on.
	choose := func(fields ...string) *answer {
		return b.post("/account/notifications", append(fields, "account_locked", "on", "invitation_used", "on"))
	}
	on := b.get("/account/notifications").want(http.StatusOK).says("New devices", "are always sent").noField("password")
	if !strings.Contains(on.body, `id="new_device" name="new_device" type="checkbox" value="on" autocomplete="off" checked`) {
		t.Errorf("it is not on:\n%s", on.body)
	}
	choose().leads("/auth/account/notifications?done=notifications")
	if page := b.get("/account/notifications?done=notifications").want(http.StatusOK).says("have been saved"); strings.Count(page.body, " checked") != 2 {
		t.Errorf("it is not off:\n%s", page.body)
	}
	b.get("/account").says("1 off")
	h.Mail(t, email, authcore.MailNotifications)
	choose().leads("/auth/account/notifications?done=notifications")

	// R12: an open browser is not enough to switch it off.
	h.Clock.Advance(11 * time.Minute)
	choose("new_device", "on").leads("/auth/account/notifications?done=notifications")
	refused := choose("password_changed", "").want(http.StatusForbidden).says("enter your password")
	if strings.Count(refused.body, " checked") != 2 {
		t.Error("what was chosen is gone")
	}
	choose("password", "wrong").want(http.StatusUnauthorized)
	b.get("/account").says("All on")
	choose("password", testflow.Password).leads("/auth/account/notifications?done=notifications")
	b.get("/account").says("1 off")
}

// linked returns where a link of this text leads, below the prefix.
func (a *answer) linked(words string) string {
	a.Helper()
	for _, link := range a.all("a") {
		if text(link) == words {
			return strings.TrimPrefix(attr(link, "href"), "/auth")
		}
	}
	a.Fatalf("there is no link %q", words)
	return ""
}
