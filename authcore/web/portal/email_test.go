package portal_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestEmail_ByCode(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.get("/account").says("E-mail address", email)
	b.get("/account/email").want(http.StatusOK).says(email).noField("otp").noField("password")
	b.post("/account/email", []string{"email", "nowhere"}).want(http.StatusUnprocessableEntity)
	h.Clock.Advance(11 * time.Minute)
	page := b.post("/account/email", []string{"email", "new@example.com"}).want(http.StatusForbidden).says("enter your password")
	if page.field("email") != "new@example.com" {
		t.Errorf("what was typed is gone:\n%s", page.body)
	}
	b.post("/account/email", []string{"email", "new@example.com", "password", testflow.Password}).leads("/auth/account/email?done=confirm_sent")
	b.get("/account/email?done=confirm_sent").want(http.StatusOK).says(email, "new@example.com", "We have sent a code")
	b.get("/account").says("new@example.com is not confirmed yet")
	b.post("/me/email/confirm", []string{"otp", "000000"}).want(http.StatusBadRequest).says("The code or link is wrong").field("otp")
	code := h.Mail(t, "new@example.com", authcore.MailConfirmEmail).Code
	b.post("/me/email/confirm", []string{"otp", code}).leads("/auth/account/email?done=email_changed")
	b.get("/account/email?done=email_changed").want(http.StatusOK).says("new@example.com", "Your address has been confirmed.").silent(email)
}

// Who opens the link without a session signs in first and goes on; who is somebody else learns nothing and changes nothing.
func TestEmail_ByLink(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	h.Person(t, signup.RegisterInput{Email: "ben@example.com"})
	b.post("/account/email", []string{"email", "new@example.com"}).leads("/auth/account/email?done=confirm_sent")
	link := linkPath(t, h.Mail(t, "new@example.com", authcore.MailConfirmEmail))

	other := h.browser()
	other.get(link).leads("/auth/me/email/confirm")
	other.get("/me/email/confirm").want(http.StatusOK).says("sign in first").silent("new@example.com")
	other.post("/me/email/confirm", nil).leads("/auth/login?done=not_saved")
	other.post("/login", []string{"login", "ben@example.com", "password", testflow.Password}).leads("/auth/me/email/confirm")
	other.get("/me/email/confirm").want(http.StatusOK).says("belongs to another account").silent("new@example.com")
	other.post("/me/email/confirm", nil).want(http.StatusBadRequest)

	again := h.browser()
	again.get(link).leads("/auth/me/email/confirm")
	again.post("/login", []string{"login", email, "password", testflow.Password}).leads("/auth/me/email/confirm")
	again.get("/me/email/confirm").want(http.StatusOK).says("new@example.com becomes the address").noField("otp")
	again.post("/me/email/confirm", nil).leads("/auth/account/email?done=email_changed")
	b.get("/account/email").says("new@example.com").silent(email)
	again.get("/me/email/confirm").want(http.StatusOK).says("Enter the code")
	h.browser().get("/me/email/confirm").leads("/auth/login")
}

func TestEmail_Remove(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.get("/account/email/remove").leads("/auth/account/email")
	b.post("/account/profile", []string{"username", ""})
	b.post("/account/email/remove", nil).want(http.StatusConflict).says("you could not sign in any more")
	b.post("/account/profile", []string{"username", "ada"})
	b.post("/account/email/remove", nil).leads("/auth/account/email?done=email_removed")
	b.get("/account/email").want(http.StatusOK).says("None").silent(email)
}

// A form that comes by a session which another node has ended a moment ago, so that this one does not know, changes nothing.
func TestS08_ThiefOnTheOtherNode_ByPage(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	if err := h.Store.Write(t.Context(), "as another node", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, "update sessions set revoked_at = 1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for path, form := range map[string][]string{
		"/account/email": {"email", "thief@example.com"}, "/account/profile": {"first_name", "Thief", "username", "thief"}, "/account/delete": nil,
		"/account/export": nil,
	} {
		b.post(path, form).leads("/auth/login?done=not_saved")
	}
}
