package portal_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

var codesAndLinks = passwordless.Ways{Code: true, Link: true}

func TestOTP_LinkWhereItWasAskedFor(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	h.Person(t, signup.RegisterInput{Email: email, Username: "ada"})
	b := h.browser()
	b.get("/login?rd=/wanted").want(http.StatusOK).says("Sign in with a link or code instead", "/auth/otp?rd=%2Fwanted")
	page := b.get("/otp?rd=/wanted").want(http.StatusOK)
	if page.field("rd") != "/wanted" {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/otp", []string{"login", "ada", "rd", "/wanted"}).leads("/auth/otp/verify?done=code_asked")
	page = b.get("/otp/verify?done=code_asked").want(http.StatusOK).says("If somebody signs in by that")
	if page.field("login") != "ada" || attr(page.all("input")[1], "autocomplete") != "one-time-code" {
		t.Errorf("got\n%s", page.body)
	}
	link := linkPath(t, h.Mail(t, email, authcore.MailSignInCode))
	// What opens the link before its owner does signs nobody in (R07), and the token leaves the address (R09).
	h.browser().get(link).leads("/auth/otp/verify")
	b.get(link).leads("/auth/otp/verify")
	b.get("/otp/verify").want(http.StatusOK).noField("login").noField("otp").says("Press the button to sign in.").silent(email, "ada")
	b.post("/otp/verify", nil).leads("/wanted")
	if b.cookies["__Host-gatehouse_link"] != "" || b.cookies["__Host-gatehouse_code"] != "" {
		t.Errorf("%v", b.cookies)
	}
}

// Elsewhere the link shows nothing of the account, and asks for the code of the same mail.
func TestR02_OTPLinkElsewhere(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	h.Person(t, signup.RegisterInput{Email: email, Username: "ada"})
	asked, elsewhere := h.browser(), h.browser()
	asked.post("/otp", []string{"login", email}).leads("/auth/otp/verify?done=code_asked")
	m := h.Mail(t, email, authcore.MailSignInCode)
	elsewhere.get(linkPath(t, m)).leads("/auth/otp/verify")
	elsewhere.get("/otp/verify").want(http.StatusOK).says("not the browser in which the link was asked for").noField("login").silent(email, "ada")
	elsewhere.post("/otp/verify", nil).want(http.StatusForbidden).silent(email)
	elsewhere.post("/otp/verify", []string{"otp", ""}).want(http.StatusUnprocessableEntity)
	elsewhere.post("/otp/verify", []string{"otp", "12"}).want(http.StatusBadRequest).says("The code or link is wrong").silent(email)
	elsewhere.post("/otp/verify", []string{"otp", m.Code}).leads("/auth/account")
	// It was one challenge: the link is dead where it was asked for.
	asked.get(linkPath(t, m)).leads("/auth/otp/verify")
	asked.post("/otp/verify", nil).want(http.StatusBadRequest)
	if got := asked.get("/otp/verify").want(http.StatusOK); got.field("login") != email {
		t.Errorf("got\n%s", got.body)
	}
}

// A browser that has a binding of its own, for something else, is told and asked for the code as well.
func TestR02_OTPLinkWithAnotherBinding(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	h.Person(t, signup.RegisterInput{Email: email})
	asked, elsewhere := h.browser(), h.browser()
	asked.post("/otp", []string{"login", email})
	elsewhere.post("/otp", []string{"login", "bob@example.com"})
	m := h.Mail(t, email, authcore.MailSignInCode)
	elsewhere.get(linkPath(t, m)).leads("/auth/otp/verify")
	if got := elsewhere.post("/otp/verify", nil).want(http.StatusForbidden).says("signs in only the browser"); got.field("otp") != "" {
		t.Errorf("got\n%s", got.body)
	}
	elsewhere.post("/otp/verify", []string{"otp", m.Code}).leads("/auth/account")
}

func TestOTP_CodeOnAPage(t *testing.T) {
	h := open(t, plan{ways: passwordless.Ways{Code: true}})
	h.Person(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.get("/login").want(http.StatusOK).says("Sign in with a code instead")
	b.post("/otp", []string{"login", ""}).want(http.StatusUnprocessableEntity)
	b.post("/otp", []string{"login", email}).leads("/auth/otp/verify?done=code_asked")
	b.post("/otp/verify", []string{"login", email, "otp", ""}).want(http.StatusUnprocessableEntity)
	got := b.post("/otp/verify", []string{"login", email, "otp", "12"}).want(http.StatusBadRequest)
	if got.field("login") != email || got.field("otp") != "" {
		t.Errorf("got\n%s", got.body)
	}
	b.post("/otp/verify", []string{"login", email, "otp", h.Mail(t, email, authcore.MailSignInCode).Code}).leads("/auth/account")
}

func TestOTP_Off(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.get("/login").want(http.StatusOK).silent("/auth/otp")
	b.get("/otp").want(http.StatusNotFound)
	b.get("/otp/verify").want(http.StatusNotFound)
	b.post("/otp", []string{"login", email}).want(http.StatusNotFound)
}

// A link to sign in with is used by a post alone (R07), also in the browser that asked for it: what opens links before their owner does, or
// fetches the page in advance, signs nobody in and spends nothing. Nor does it leave a trace (R09).
func TestR07_OTPLinkIsUsedByAPostAlone(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	h.Person(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.post("/otp", []string{"login", email}).leads("/auth/otp/verify?done=code_asked")
	m := h.Mail(t, email, authcore.MailSignInCode)
	_, token, _ := strings.Cut(m.Link, "token=")
	for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodHead, http.MethodGet} {
		opened := b.send(httptest.NewRequest(method, "/auth"+linkPath(t, m), nil), nil).want(http.StatusSeeOther)
		if to := opened.header.Get("Location"); to != "/auth/otp/verify" {
			t.Fatalf("leads to %s", to)
		}
		page := b.send(httptest.NewRequest(method, "/auth/otp/verify", nil), nil).want(http.StatusOK)
		if page.header.Get("Set-Cookie") != "" {
			t.Errorf("a %s of the page sets %s", method, page.header.Get("Set-Cookie"))
		}
		for _, a := range []*answer{opened, page} {
			if a.header.Get("Referrer-Policy") != "no-referrer" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", method, a.header)
			}
			a.silent(token)
		}
	}
	b.post("/otp/verify", nil).leads("/auth/account")
}
