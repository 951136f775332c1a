package portal_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Pages show only what is on: without passwords the sign-in page asks for the address that a code goes to.
func TestNoPasswords(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks, noPass: true})
	b := h.browser()
	page := b.get("/login?rd=/wanted").want(http.StatusOK).noField("password").silent("/password/forgot").says("Send it")
	if attr(page.all("form")[0], "action") != "/auth/otp" || attr(page.all("input")[1], "autocomplete") != "username webauthn" {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/login", []string{"login", email, "password", testflow.Password}).want(http.StatusUnauthorized)
	b.get("/otp").want(http.StatusOK).says("To the sign-in page").silent("Sign in with a password")
	b.get("/register").want(http.StatusOK).noField("password")
	for _, path := range []string{"/password/forgot", "/password/reset", "/reset"} {
		b.get(path).want(http.StatusNotFound)
		b.post(path, []string{"login", email, "otp", "1", "new_password", testflow.OtherPassword}).want(http.StatusNotFound)
	}
	b.post("/register", []string{"email", email}).leads("/auth/verify?done=sent")
	code := h.Mail(t, email, authcore.MailVerify).Code
	elsewhere := h.browser()
	elsewhere.get("/verify").want(http.StatusOK).says("You signed up in another browser.").noField("password").silent("?new")
	elsewhere.post("/verify", []string{"email", email, "otp", code}).want(http.StatusForbidden).noField("password")
	b.post("/verify", []string{"email", email, "otp", code}).leads("/auth/account")
	b.get("/account").want(http.StatusOK).silent("/account/password")
	b.get("/account/password").want(http.StatusNotFound)
	b.get("/account/password/remove").want(http.StatusNotFound)
	b.post("/account/password", []string{"new_password", testflow.OtherPassword}).want(http.StatusNotFound)
}

// With passkeys alone there is one button, and a word for browsers that run no scripts.
func TestNoPasswords_PasskeysAlone(t *testing.T) {
	h := open(t, plan{noPass: true, ways: passwordless.Ways{}})
	page := h.browser().get("/login").want(http.StatusOK).noField("login").says("Sign in with a passkey", "noscript")
	if len(page.all("form")) != 1 {
		t.Errorf("got\n%s", page.body)
	}
	h.browser().get("/otp").want(http.StatusNotFound)
}
