package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// A sign-in that requires a second factor leads who has none to one, and on to where they wanted.
func TestEnrolPage(t *testing.T) {
	types := []authcore.FactorType{authcore.FactorTOTP, authcore.FactorSecurityKey, authcore.FactorRecovery}
	h := open(t, plan{mfa: secondstep.Requirement{Everybody: true}, factors: types, returns: []string{"app.example.com"}})
	done := h.Register(t, signup.RegisterInput{Email: email})
	proof := signup.VerifyInput{Token: testflow.Token(t, h.Mail(t, email, authcore.MailVerify)), Proof: done.Proof, Request: testflow.Request()}
	if _, err := h.SignUp.Verify(t.Context(), proof); err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.get("/login/mfa/codes").leads("/auth/login")
	b.post("/login?rd=https%3A%2F%2Fapp.example.com%2Fx", []string{"login", email, "password", testflow.Password}).leads("/auth/login/mfa")
	b.get("/login/mfa").want(http.StatusOK).says("a***@example.com").silent("Add a second factor")
	b.post("/login/mfa/enrol", []string{"type", "totp"}).want(http.StatusForbidden)
	b.post("/login/mfa", []string{"use", "email", "otp", h.Mail(t, email, authcore.MailSecondFactorCode).Code}).leads("/auth/login/mfa")
	b.get("/login/mfa/enrol").leads("/auth/login/mfa")
	b.get("/login/mfa").want(http.StatusOK).says("Add a second factor", "Acme asks for a second factor", "Authenticator app", "Security key").
		silent("Recovery codes", "code to a mailbox")
	b.post("/login/mfa/enrol", []string{"type", "sms"}).want(http.StatusForbidden).says("Add a second factor")
	b.post("/login/mfa/enrol", []string{"type", "security_key"}).leads("/auth/login/mfa")
	b.get("/login/mfa").want(http.StatusOK).says("Your browser must run scripts for this.", "Add something else")
	b.get("/login/mfa?other").want(http.StatusOK).says("Add a second factor")
	b.post("/login/mfa/enrol", []string{"type", "totp", "name", "Phone"}).leads("/auth/login/mfa")
	page := b.get("/login/mfa").want(http.StatusOK).says("Scan this picture", "otpauth://totp/", "viewBox", "one-time-code", "Add something else", "Sign in as someone else")
	use, seed := page.field("use"), seedShown(t, page)
	b.post("/login/mfa", []string{"use", use, "otp", "000000x"}).want(http.StatusBadRequest).says("Scan this picture")
	b.post("/login/mfa", []string{"use", use, "otp", testotp.Code(t, seed, h.Clock.Now())}).leads("/auth/login/mfa/codes")
	shown := b.get("/login/mfa/codes").want(http.StatusOK).says("you are signed in", "not shown again", "Continue")
	if n := len(recoveryCode.FindAllString(shown.body, -1)); n != 10 {
		t.Errorf("%d codes in\n%s", n, shown.body)
	}
	b.get("/login/mfa/codes").leads("https://app.example.com/x")
	b.get("/login/mfa/codes").leads("/auth/account")
	b.get("/account/2fa").want(http.StatusOK).says("It is on")
}

// A page that asks for a second factor leads who has none to one, by way of the code to their address, and back.
func TestEnrolPage_StepUp(t *testing.T) {
	types := []authcore.FactorType{authcore.FactorTOTP, authcore.FactorRecovery}
	h := open(t, plan{factors: types, returns: []string{"app.example.com"}})
	b := h.browser().person()
	rd := "https://app.example.com/admin"
	b.get("/reauthenticate?acr_values=mfa&rd=" + url.QueryEscape(rd)).want(http.StatusOK).says("Use a code sent to a***@example.com")
	to := b.post("/reauthenticate/begin", []string{"acr_values", "mfa", "rd", rd, "use", "email"}).to()
	b.get(strings.TrimPrefix(to, "/auth")).want(http.StatusOK).silent("Add a second factor", "Sign in as someone else")
	b.post("/login/mfa", []string{"use", "email", "otp", h.Mail(t, email, authcore.MailSecondFactorCode).Code}).leads("/auth/login/mfa")
	b.get("/login/mfa").want(http.StatusOK).says("Add a second factor")
	b.post("/login/mfa/enrol", []string{"type", "totp"}).leads("/auth/login/mfa")
	page := b.get("/login/mfa").want(http.StatusOK).says("Scan this picture").noField("trust_device")
	b.post("/login/mfa", []string{"use", page.field("use"), "otp", testotp.Code(t, seedShown(t, page), h.Clock.Now())}).leads("/auth/login/mfa/codes")
	b.get("/login/mfa/codes").want(http.StatusOK).says("not shown again")
	if got := b.get("/login/mfa/codes").to(); !strings.HasPrefix(got, "https://app.example.com/") {
		t.Errorf("leads to %s", got)
	}
}
