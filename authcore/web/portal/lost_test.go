package portal_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Nobody is left at their account without a word: the page says why they are not led back, before the sign-in and after it, and the
// log says what to configure.
func TestC13_LostWaysBackAreTold(t *testing.T) {
	h := open(t, plan{returns: []string{"stuff.example.com:8080"}})
	h.Person(t, signup.RegisterInput{Email: email})
	for rd, says := range map[string]string{
		"https://stuff.example.com/x":                "its host is not known here",
		"https://evil.test/":                         "its host is not known here",
		"http://stuff.example.com:8080/":             "it was opened over http",
		"/x?" + strings.Repeat("y", 2048):            "its address is too long",
		"javascript:alert(1)":                        "its address is malformed",
		"//evil.test":                                "its address is malformed",
		"/auth/logout":                               "part of the sign-in itself",
		"https://stuff.example.com:8080/auth/logout": "part of the sign-in itself",
	} {
		b, to := h.browser(), "/login?rd="+url.QueryEscape(rd)
		b.get(to).says(says).noField("rd")
		b.get("/register?rd=" + url.QueryEscape(rd)).says(says)
		in := []string{"login", email, "password", testflow.Password}
		b.post(to, in).leads("/auth/account")
		b.get("/account").says(says)
		b.get("/account").silent(says)
		b.get(to).leads("/auth/account")
		b.get("/account").says(says).silent("evil.test")
		b = h.browser()
		b.post("/login", append(in, "rd", rd)).leads("/auth/account")
		b.get("/account", header("Accept-Language", "de")).says("Wir können Sie nicht")
	}
	b := h.browser()
	b.post("/login?lost=long", []string{"login", email, "password", testflow.Password}).leads("/auth/account")
	b.get("/account").says("its address is too long")
	b.get("/login?lost=%3Cb%3E").leads("/auth/account")
	b.get("/account").silent("We cannot take you back")
	for _, want := range []string{"host=stuff.example.com ", "redirect_hosts", "trusted_proxies", "host=evil.test", "reason=http host=stuff.example.com:8080"} {
		if !strings.Contains(h.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, h.log)
		}
	}
}

// Who asks to be led to ever new hosts does not fill the log.
func TestC13_LostWaysBackFloodNoLog(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	told := func() int { return strings.Count(h.log.String(), "could not lead a user back") }
	for i := range 5 {
		b.get(fmt.Sprintf("/login?rd=https://evil.test/%d", i)).leads("/auth/account")
	}
	if n := told(); n != 1 {
		t.Errorf("one host: %d lines", n)
	}
	for i := range 100 {
		b.get(fmt.Sprintf("/login?rd=https://evil%d.test/x", i)).leads("/auth/account")
	}
	if n := told(); n != 32 {
		t.Errorf("a hundred hosts: %d lines", n)
	}
	h.Clock.Advance(time.Hour)
	b.signIn()
	if b.get("/login?rd=https://evil.test/x").leads("/auth/account"); told() != 33 {
		t.Errorf("an hour later: %d lines", told())
	}
}
