package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// A rule stands at its field before it is broken, and what must be filled in comes before what may be.
func TestRegister_SaysTheRuleFirst(t *testing.T) {
	h := open(t)
	page := h.browser().get("/register").want(http.StatusOK).says("At least 12 characters.")
	var names []string
	for _, in := range page.all("input") {
		names = append(names, attr(in, "name"))
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "email password ") {
		t.Errorf("the fields are %s", got)
	}
	h.browser().get("/register", header("Accept-Language", "de")).says("Mindestens 12 Zeichen.")
}

// Who opens the mail elsewhere learns whether a password is missing or wrong.
func TestVerify_AWrongPasswordIsCalledWrong(t *testing.T) {
	h := open(t)
	h.Register(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.get(linkPath(t, h.Mail(t, email, authcore.MailVerify))).leads("/auth/verify")
	const missing, wrong = "Now enter the password you chose at sign-up", "That is not the password you chose at sign-up."
	b.post("/verify", []string{"password", ""}).want(http.StatusForbidden).says(missing).silent(wrong)
	b.post("/verify", []string{"password", testflow.OtherPassword}).want(http.StatusForbidden).says(wrong).silent(missing)
	b.post("/verify", []string{"password", testflow.OtherPassword}, header("Accept-Language", "de")).
		says("Das ist nicht das Passwort, das Sie bei der Registrierung gewählt haben.")
	b.post("/verify", []string{"password", testflow.Password}).leads("/auth/account")
}

// The account page leads to the service where there is one on its host; who is signed out is not asked to sign out.
func TestAccount_IsNoDeadEnd(t *testing.T) {
	for name, c := range map[string]struct {
		returns []string
		link    bool
	}{"service": {[]string{"app.example.org", "Auth.example.com"}, true}, "wildcard": {[]string{"https://*.example.com"}, true}, "elsewhere": {[]string{"app.example.org"}, false}, "none": {nil, false}} {
		t.Run(name, func(t *testing.T) {
			h := open(t, plan{returns: c.returns})
			b := h.browser()
			b.get("/logout").leads("/auth/signed-out")
			b.get("/logout?rd=%2Fwanted").leads("/auth/signed-out?rd=%2Fwanted")
			b.get("/logout?rd=https%3A%2F%2Fevil.test%2F").leads("/auth/signed-out")
			page := b.person().get("/account").want(http.StatusOK)
			found := false
			for _, a := range page.all("a") {
				found = found || attr(a, "href") == "/" && text(a) == "Go to "+host
			}
			if found != c.link {
				t.Errorf("a link to the service: %v, want %v", found, c.link)
			}
			b.get("/logout").want(http.StatusOK)
		})
	}
}
