package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// By page: take the data along, ask for the deletion with the password, and take it back by the mail's link.
func TestLeave_ByPage(t *testing.T) {
	h := open(t, plan{grace: 14 * 24 * time.Hour})
	b := h.browser().person()
	b.get("/account").want(http.StatusOK).says("Export data", "Delete account")
	got := b.post("/account/export", nil).want(http.StatusOK)
	if !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") || !strings.Contains(string(got.body), email) {
		t.Errorf("the export is %v %s", got.header, got.body)
	}
	h.Clock.Advance(11 * time.Minute)
	b.post("/account/export", nil).want(http.StatusForbidden).says("enter your password")
	b.get("/account/delete").want(http.StatusOK).says("closed at once", "Your username stays taken")
	b.post("/account/delete", nil).want(http.StatusForbidden).says("enter your password")
	b.post("/account/delete", []string{"password", testflow.Password}).leads("/auth/login?done=deletion_scheduled")
	b.get("/account").leads("/auth/login")
	token := testflow.Token(t, h.Mail(t, email, authcore.MailDeletionScheduled))
	b.get("/restore?token=" + token).leads("/auth/restore")
	b.get("/restore").want(http.StatusOK).says("Keep my account")
	b.post("/restore", nil).leads("/auth/login?done=restored")
	b.get("/login?done=restored").want(http.StatusOK).says("Your account stays.")
	b.post("/restore", nil).want(http.StatusBadRequest).says("does not work any more")
	b.post("/login", []string{"login", email, "password", testflow.Password}).leads("/auth/account")
}

func TestLeave_AtOnce(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.get("/account/delete").want(http.StatusOK).says("This cannot be undone.")
	b.post("/account/delete", nil).leads("/auth/login?done=deleted")
	b.get("/login?done=deleted").want(http.StatusOK).says("Your account has been deleted.")
	b.post("/login", []string{"login", email, "password", testflow.Password}).want(http.StatusUnauthorized)
}
