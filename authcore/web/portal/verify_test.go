package portal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// path returns the link of a mail below the prefix.
func linkPath(t *testing.T, m authcore.Message) string {
	t.Helper()
	u := must(url.Parse(m.Link))(t)
	return strings.TrimPrefix(u.RequestURI(), "/auth")
}

func TestVerify_LinkWhereItWasAskedFor(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.post("/register", []string{"email", email, "password", testflow.Password, "rd", "/wanted"}).leads("/auth/verify?done=sent")
	b.get(linkPath(t, h.Mail(t, email, authcore.MailVerify))).leads("/auth/verify")
	page := b.get("/verify").want(http.StatusOK).noField("otp").noField("password")
	if len(page.all("form")) != 1 {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/verify", nil).leads("/wanted")
	if b.cookies["__Host-gatehouse_link"] != "" {
		t.Error("the link is still kept")
	}
}

func TestVerify_LinkOpenedElsewhere(t *testing.T) {
	h := open(t)
	h.Register(t, signup.RegisterInput{Email: email, FirstName: "Mallory"})
	b := h.browser()
	b.get(linkPath(t, h.Mail(t, email, authcore.MailVerify))).leads("/auth/verify")
	page := b.get("/verify").want(http.StatusOK).says("You signed up in another browser.").noField("new_password")
	if page.field("password") != "" || attr(page.all("input")[0], "autocomplete") != "current-password" {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/verify", []string{"password", "not the one"}).want(http.StatusForbidden).says("That is not the password")
	b.post("/verify", nil).want(http.StatusForbidden).says("The code or link is correct.")
	b.post("/verify", []string{"password", testflow.Password}).leads("/auth/account")
	b.get("/account").says("Mallory")
}

func TestVerify_NewPasswordDropsWhatWasPlanted(t *testing.T) {
	h := open(t)
	h.Register(t, signup.RegisterInput{Email: email, FirstName: "Mallory"})
	b := h.browser()
	b.get(linkPath(t, h.Mail(t, email, authcore.MailVerify))).leads("/auth/verify")
	page := b.get("/verify?new").want(http.StatusOK).noField("password")
	if page.field("new_password") != "" || attr(page.all("input")[0], "autocomplete") != "new-password" {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/verify", []string{"new_password", ""}).want(http.StatusUnprocessableEntity).says("Choose a password.")
	got := b.post("/verify", []string{"new_password", "short"}).want(http.StatusUnprocessableEntity).says("Use at least 12 characters.")
	got.noField("password")
	b.post("/verify", []string{"new_password", testflow.OtherPassword}).leads("/auth/account")
	b.get("/account").want(http.StatusOK).silent("Mallory")
	h.browser().post("/login", []string{"login", email, "password", testflow.Password}).want(http.StatusUnauthorized)
}

func TestVerify_CodeElsewhere(t *testing.T) {
	h := open(t)
	h.Register(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.get("/verify").want(http.StatusOK).says("You signed up in another browser.")
	code := h.Mail(t, email, authcore.MailVerify).Code
	got := b.post("/verify", []string{"email", email, "otp", code, "password", "wrong"}).want(http.StatusForbidden)
	if got.field("otp") != code || got.field("email") != email || got.field("password") != "" {
		t.Errorf("the form came back without what was typed:\n%s", got.body)
	}
	b.post("/verify", []string{"email", email, "otp", code, "password", testflow.Password}).leads("/auth/account")
	h.browser().post("/verify", []string{"email", email, "otp", code, "password", testflow.Password}).want(http.StatusBadRequest)
}

// What opens links before their owner does uses nothing up, and what it keeps is no way in.
func TestR07_OnlyAPostUsesALink(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.post("/register", []string{"email", email, "password", testflow.Password}).leads("/auth/verify?done=sent")
	h.Person(t, signup.RegisterInput{Email: "eva@example.com"})
	h.browser().post("/password/forgot", []string{"login", "eva@example.com"}).want(http.StatusSeeOther)
	verify, reset := h.Mail(t, email, authcore.MailVerify), h.Mail(t, "eva@example.com", authcore.MailReset)
	scanner := h.browser()
	for _, m := range []authcore.Message{verify, reset} {
		for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodHead, http.MethodGet} {
			r := httptest.NewRequest(method, "/auth"+linkPath(t, m), nil)
			to := scanner.send(r, nil).want(http.StatusSeeOther).header.Get("Location")
			if strings.ContainsAny(to, "?#") {
				t.Fatalf("leads to %s", to)
			}
			page := scanner.send(httptest.NewRequest(method, to, nil), nil).want(http.StatusOK)
			if page.header.Get("Set-Cookie") != "" {
				t.Errorf("a %s of the page sets %s", method, page.header.Get("Set-Cookie"))
			}
		}
	}
	b.get(linkPath(t, verify)).leads("/auth/verify")
	b.post("/verify", nil).leads("/auth/account")
	eva := h.browser()
	eva.get(linkPath(t, reset)).leads("/auth/reset")
	eva.post("/password/reset", []string{"new_password", testflow.OtherPassword}).leads("/auth/login?done=reset")
}

func TestR09_LinksLeaveNoTrace(t *testing.T) {
	h := open(t)
	token := strings.Repeat("A", 43)
	for _, path := range []string{"/verify", "/reset", "/password/reset"} {
		b := h.browser()
		got := b.get(path + "?token=" + token).leads("/auth" + path)
		page := b.get(path).want(http.StatusOK)
		for _, a := range []*answer{got, page} {
			if a.header.Get("Referrer-Policy") != "no-referrer" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", path, a.header)
			}
			a.silent(token)
		}
		cookie := got.header.Get("Set-Cookie")
		if !strings.Contains(cookie, "Max-Age=600") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "Secure") || !strings.HasPrefix(cookie, "__Host-gatehouse_link=") {
			t.Errorf("%s: %s", path, cookie)
		}
	}
	for _, junk := range []string{"", "a b", "x;y", strings.Repeat("A", 5000), "%00", "é"} {
		b := h.browser()
		b.get("/verify?token=" + url.QueryEscape(junk)).leads("/auth/verify")
		if strings.Contains(b.cookies["__Host-gatehouse_link"], ";") || len(b.cookies["__Host-gatehouse_link"]) > 200 {
			t.Errorf("%q is kept as %q", junk, b.cookies["__Host-gatehouse_link"])
		}
	}
}

// A browser on http elsewhere says where a form comes from only in Origin, which no-referrer would make null.
func TestR09_PlainHTTPCanStillPost(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.https, b.host = false, "intranet.example.com"
	if got := b.get("/verify").header.Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("over http: %s", got)
	}
	b.host = "localhost:8080"
	if got := b.get("/verify").header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("on loopback: %s", got)
	}
}

// The token of one kind of link is never shown for another.
func TestVerify_LinksHaveOnePurpose(t *testing.T) {
	h := open(t)
	h.Person(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.post("/password/forgot", []string{"login", email}).leads("/auth/password/reset?done=reset_sent")
	b.get(linkPath(t, h.Mail(t, email, authcore.MailReset))).leads("/auth/reset")
	b.get("/verify").want(http.StatusOK).field("otp")
	b.post("/verify", []string{"password", testflow.Password}).want(http.StatusBadRequest)
}

func TestVerify_DeadLinkAsksForTheCode(t *testing.T) {
	h := open(t)
	h.Register(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.get("/verify?token=" + strings.Repeat("x", 43)).leads("/auth/verify")
	got := b.post("/verify", []string{"password", testflow.Password}).want(http.StatusBadRequest).says("The code or link is wrong")
	if got.field("otp") != "" || b.cookies["__Host-gatehouse_link"] != "" {
		t.Errorf("got\n%s", got.body)
	}
	b.post("/verify", []string{"email", "", "otp", ""}).want(http.StatusUnprocessableEntity).says("Enter the code from the mail.")
}
