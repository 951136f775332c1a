package portal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
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

// A form that needs a recent sign-in leads who has no password to the page where they prove themselves otherwise, and keeps what was typed.
func TestNoPasswords_FreshForm(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks, noPass: true, byCode: true})
	b := h.browser()
	b.post("/otp", []string{"login", email}).leads("/auth/otp/verify?done=code_asked")
	b.post("/otp/verify", []string{"login", email, "otp", h.Mail(t, email, authcore.MailSignInCode).Code}).leads("/auth/account")
	b.get("/account/2fa").want(http.StatusOK).says("There is nothing yet that could be asked for").silent("Switch on") // the mailbox signs in already
	b.post("/account/profile", []string{"phone", "+43 1 2345678"}).leads("/auth/account?done=profile")
	h.Clock.Advance(11 * time.Minute)
	b.post("/account/phone/remove", nil).want(http.StatusForbidden).
		says("in another tab").silent("?rd=").noField("password").silent("Sign out")
	b.get("/reauthenticate").want(http.StatusOK).noField("password").says("Use a code sent to")
	b.post("/reauthenticate", []string{"password", testflow.Password}).want(http.StatusUnauthorized).noField("password")
	b.mailed()
	b.post("/account/phone/remove", nil).leads("/auth/account/phone?done=phone_removed")
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

// Who is new is asked for what is missing once the code is right, and where the link was opened without the code.
func TestOTP_ByCode(t *testing.T) {
	fields := userfield.Set{{Name: "team", Type: userfield.Text, Max: 20, Required: true}}
	h := open(t, plan{ways: codesAndLinks, noPass: true, byCode: true, fields: fields})
	b, other := h.browser(), h.browser()
	b.get("/login").want(http.StatusOK).says("If you are new here, you get an account this way.")
	b.post("/otp", []string{"login", email, "rd", "/wanted"}).leads("/auth/otp/verify?done=code_asked")
	b.get("/otp/verify").want(http.StatusOK).noField("username")
	m := h.Mail(t, email, authcore.MailSignInCode)
	missing := b.post("/otp/verify", []string{"login", email, "otp", m.Code}).want(http.StatusUnprocessableEntity).says("You are new here.")
	if missing.field("otp") != m.Code || missing.field("login") != email || missing.field("fields.team") != "" {
		t.Errorf("got\n%s", missing.body)
	}
	b.post("/otp/verify", []string{"login", email, "otp", m.Code, "username", "a b", "fields.team", "red"}).want(http.StatusUnprocessableEntity).
		says("A username may contain only").field("fields.team")
	b.post("/otp/verify", []string{"login", email, "otp", m.Code, "username", "", "first_name", "Ada", "fields.team", "red"}).leads("/wanted")
	b.get("/account").want(http.StatusOK).says("Ada", email)

	other.post("/otp", []string{"login", "ben@example.com"}).leads("/auth/otp/verify?done=code_asked")
	other.get(linkPath(t, h.Mail(t, "ben@example.com", authcore.MailSignInCode))).leads("/auth/otp/verify")
	other.post("/otp/verify", nil).want(http.StatusUnprocessableEntity).noField("otp").noField("login").says("You are new here.")
	other.post("/otp/verify", []string{"username", "", "fields.team", "blue"}).leads("/auth/account")
}
