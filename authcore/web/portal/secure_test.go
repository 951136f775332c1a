package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// The link shows what will happen and one button; then what was undone, and where to choose a new password.
func TestSecure(t *testing.T) {
	h := open(t)
	thief := h.browser().person()
	thief.post("/account/password", []string{"current_password", testflow.Password, "new_password", testflow.OtherPassword}).leads("/auth/login?done=password")
	thief.post("/login", []string{"login", email, "password", testflow.OtherPassword}).leads("/auth/account")
	link := linkPath(t, h.Mail(t, email, authcore.MailPasswordReset))

	b := h.browser()
	b.get(link).leads("/auth/secure")
	page := b.get("/secure").want(http.StatusOK).says("Every device is signed out", "Changes since then are taken back", "The password stops working", "the oldest one")
	if buttons := page.all("button"); len(buttons) != 1 || text(buttons[0]) != "Take back my account" {
		t.Errorf("%d buttons:\n%s", len(buttons), page.body)
	}
	b.post("/secure", nil).leads("/auth/secure?undone=password")
	b.get("/secure?undone=password").want(http.StatusOK).says("Your account is secured", "The one that was set no longer works.", "Choose a new password now").field("new_password")
	thief.get("/account").leads("/auth/login")
	b.post("/password/reset", []string{"new_password", testflow.Password}).leads("/auth/login?done=reset")
	b.post("/login", []string{"login", email, "password", testflow.Password}).leads("/auth/account")
}

// Programs that open links before their owner does, with a browser too, change nothing: only the button does.
func TestR07_MailScannerSecuresNothing(t *testing.T) {
	h := open(t)
	own := h.browser().person()
	own.post("/account/password", []string{"current_password", testflow.Password, "new_password", testflow.OtherPassword}).leads("/auth/login?done=password")
	own.post("/login", []string{"login", email, "password", testflow.OtherPassword}).leads("/auth/account")
	link := linkPath(t, h.Mail(t, email, authcore.MailPasswordReset))
	for range 2 {
		scanner := h.browser()
		scanner.get(link).leads("/auth/secure")
		scanner.get("/secure").want(http.StatusOK)
	}
	own.get("/account").want(http.StatusOK)
	b := h.browser()
	b.get(link).leads("/auth/secure")
	b.post("/secure", nil).leads("/auth/secure?undone=password")
}

// The token is out of the address at once, the page leads nowhere with it, and is kept by no cache.
func TestR09_SecurePageLeaksNoToken(t *testing.T) {
	h := open(t)
	token := strings.Repeat("x", 43)
	b := h.browser()
	for _, page := range []*answer{b.get("/secure?token=" + token).leads("/auth/secure"), b.get("/secure").want(http.StatusOK)} {
		if page.header.Get("Referrer-Policy") != "no-referrer" || page.header.Get("Cache-Control") != "no-store" || strings.Contains(page.body, token) {
			t.Errorf("%v\n%s", page.header, page.body)
		}
	}
}

func TestSecure_DeadLinkSaysWhatToDo(t *testing.T) {
	h := open(t)
	b := h.browser()
	if page := b.get("/secure").want(http.StatusOK).says("Open the link"); len(page.all("form")) != 0 {
		t.Errorf("there is a form:\n%s", page.body)
	}
	b.get("/secure?token=" + strings.Repeat("x", 43)).leads("/auth/secure")
	if page := b.post("/secure", nil).want(http.StatusBadRequest).says("the oldest one"); len(page.all("form")) != 0 {
		t.Errorf("there is a form:\n%s", page.body)
	}
	if page := b.get("/secure").want(http.StatusOK); len(page.all("form")) != 0 {
		t.Errorf("the dead link is still there:\n%s", page.body)
	}
	b.get("/secure?undone=email+other").want(http.StatusOK).says("It is the one from before again.", "ask for a new password").noField("new_password").silent("other")
}
