package portal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

var hour = gateway.TrapSettings{Lifetime: time.Hour}

// decoy ends the test unless the page has one hidden field that neither people nor screen readers nor browsers' own forms come to.
func (a *answer) decoy() *answer {
	a.Helper()
	for _, input := range a.all("input") {
		if attr(input, "name") != "website" {
			continue
		}
		around := input.Parent
		if attr(input, "tabindex") != "-1" || attr(input, "autocomplete") != "off" || attr(input, "type") != "text" || attr(input, "value") != "" ||
			attr(around, "aria-hidden") != "true" || attr(around, "class") != "decoy" {
			a.Errorf("the hidden field is seen:\n%s", a.body)
		}
		return a
	}
	a.Fatalf("there is no hidden field:\n%s", a.body)
	return a
}

// TestTrap_RegisterPage: whoever fills in the hidden field comes to the page that everybody comes to, and nothing has been made.
func TestTrap_RegisterPage(t *testing.T) {
	for mode, to := range map[signup.Mode]string{signup.Verified: "/auth/verify?done=sent", signup.Open: "/auth/login?done=registered"} {
		h := build(t, plan{trap: hour, signup: mode})
		b := h.browser()
		b.get("/register").want(http.StatusOK).decoy()
		b.post("/register", []string{"email", "x", "password", testflow.Password, "website", ""}).want(http.StatusUnprocessableEntity).decoy()
		b.post("/register", []string{"email", "bot@example.com", "password", testflow.Password, "website", "https://spam.example"}).leads(to)
		if sent := h.Mails(t, "bot@example.com"); len(sent) > 0 {
			t.Errorf("sent %v", sent)
		}
		b.post("/register", []string{"email", email, "password", testflow.Password, "website", ""}).want(http.StatusForbidden).says("This is not possible here.")
		h.Clock.Advance(time.Hour)
		b.post("/register", []string{"email", email, "password", testflow.Password, "website", ""}).leads(to)
	}
	h := build(t, plan{signup: signup.Open})
	h.browser().get("/register").want(http.StatusOK).noField("website")
}

// TestTrap_OTPPages: the pages by which who is new gets an account by a code.
func TestTrap_OTPPages(t *testing.T) {
	fields := userfield.Set{{Name: "team", Type: userfield.Text, Max: 20, Required: true}}
	h := open(t, plan{trap: hour, ways: codesAndLinks, noPass: true, byCode: true, fields: fields})
	b := h.browser()
	b.get("/login").want(http.StatusOK).decoy()
	b.get("/otp").want(http.StatusOK).decoy()
	b.post("/otp", []string{"login", email, "website", ""}).leads("/auth/otp/verify?done=code_asked")
	b.get("/otp/verify").want(http.StatusOK).noField("website")
	code := h.Mail(t, email, authcore.MailSignInCode).Code
	b.post("/otp/verify", []string{"login", email, "otp", code}).want(http.StatusUnprocessableEntity).decoy()
	b.post("/otp/verify", []string{"login", email, "otp", code, "username", "", "fields.team", "red", "website", "x"}).want(http.StatusForbidden)
	h.Clock.Advance(time.Hour)
	b.post("/otp", []string{"login", "bot@example.com", "website", "x"}).leads("/auth/otp/verify?done=code_asked")
	if sent := h.Mails(t, "bot@example.com"); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}

// TestTrap_CompletePage: the page that completes a sign-up by a provider.
func TestTrap_CompletePage(t *testing.T) {
	h := open(t, plan{trap: hour, provider: true})
	h.idp.User = map[string]any{"sub": "new-1"}
	b := h.browser()
	b.get(h.back(b.get("/social/acme/start").want(303))).leads("/auth/social/complete")
	b.get("/social/complete").want(http.StatusOK).decoy()
	b.post("/social/complete", []string{"email", "new@example.com", "website", ""}).want(303)
	code := h.Mail(t, "new@example.com", authcore.MailProviderCode).Code
	b.post("/social/complete", []string{"otp", code, "website", "x"}).want(http.StatusForbidden)
	b.post("/social/complete", []string{"website", ""}).want(http.StatusForbidden) // the address is kept out now
}

// TestTrap_Console: administrators see the rule of a trap among the others, and remove it.
func TestTrap_Console(t *testing.T) {
	h := open(t, plan{trap: hour})
	b, bot := h.browser().as(authcore.RoleAdmin), h.browser()
	bot.post("/register", []string{"email", "bot@example.com", "password", testflow.Password, "website", "x"}).leads("/auth/verify?done=sent")
	b.get("/console/blocks").want(http.StatusOK).says("192.0.2.7", "Trap", "sign-up", "filled in the hidden field website")
	listed := must(h.BlockRules.List(t.Context(), uuid.Nil, 10, ""))(t).Rules
	b.post("/console/blocks/"+listed[0].ID.String(), []string{"password", testflow.Password}).leads("/auth/console/blocks?done=block_removed")
	b.get("/console/blocks").want(http.StatusOK).silent("192.0.2.7")
}
