package portal_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

var errNotAllowed = authcore.Refuse(authcore.Forbidden, "Your account may not use this.")

// refuses asks a host for /wanted, whose guard answers with why.
func (h *house) refuses(host string, why portal.Refused, changes ...change) *answer {
	h.Helper()
	there := *h
	there.both = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.pages.Refuse(w, r, why) })
	b := &browser{house: &there, cookies: map[string]string{}, https: true, host: host}
	return b.send(httptest.NewRequest(http.MethodGet, "/verify?x=1", nil), changes)
}

// Who may not use a page is told who they are, and gets on as somebody else to where they wanted to go.
func TestRefuse_APersonOnAHostWithPages(t *testing.T) {
	h := open(t)
	const wanted = origin + "/verify?x=1"
	ada := &authcore.Principal{Subject: "id", Username: "ada", Email: email, Name: `Ada <Lovelace>`}
	why := portal.Refused{Err: errNotAllowed, Who: ada, Prefix: "/auth", Login: "/auth/login", Wanted: wanted}
	got := h.refuses(host, why).want(http.StatusForbidden).says("You don't have access to this page", "Ask whoever runs Acme.", "You are signed in as Ada <Lovelace>.")
	for _, problem := range accessibility(got) {
		t.Error(problem)
	}
	if h := got.header; h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") ||
		strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || !strings.Contains(strings.Join(h.Values("Vary"), ","), "Accept") {
		t.Errorf("headers %v", h)
	}
	if len(got.all("form")) != 0 || len(got.all("script")) != 0 {
		t.Errorf("a form or script:\n%s", got.body)
	}
	links := got.all("a")
	out, account := attr(links[1], "href"), attr(links[2], "href")
	if out != "/auth/logout?rd="+url.QueryEscape(wanted) || account != "/auth/account" {
		t.Fatalf("leads to %s and %s", out, account)
	}
	h.refuses(host, why, header("Accept-Language", "de")).says("Sie haben keinen Zugriff auf diese Seite", "Sie sind angemeldet als Ada <Lovelace>.")

	b := h.browser().person()
	rd := b.get(strings.TrimPrefix(out, "/auth")).want(http.StatusOK).field("rd")
	gone := "/auth/signed-out?rd=" + url.QueryEscape(wanted)
	b.post("/logout", []string{"rd", rd}).leads(gone)
	again := b.get(strings.TrimPrefix(gone, "/auth")).want(http.StatusOK).all("a")[1]
	h.Person(t, signup.RegisterInput{Email: "bob@example.com"})
	in := b.get(strings.TrimPrefix(attr(again, "href"), "/auth")).want(http.StatusOK)
	b.post("/login", []string{"login", "bob@example.com", "password", testflow.Password, "rd", in.field("rd")}).leads(wanted)
}

// Where a host has no pages its own sign-out does it, whose redirect the policy must let through to the sign-in page.
func TestRefuse_APersonOnAHostWithoutPages(t *testing.T) {
	h := apps(t)
	const wanted = app + "/verify?x=1"
	why := portal.Refused{Err: errNotAllowed, Who: &authcore.Principal{Subject: "id", Email: email}, Login: loginPage, Wanted: wanted}
	got := h.refuses(appHost, why).want(http.StatusForbidden).says("You are signed in as " + email + ".")
	if csp := got.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' "+origin+";") {
		t.Errorf("the policy %s", csp)
	}
	for _, l := range got.all("link") {
		h.app().open(app + attr(l, "href")).want(http.StatusOK)
	}
	a, b := h.browser().person(), h.app()
	b.open(a.code(b.begin(wanted))).leads(wanted)
	form := got.all("form")[0]
	out := httptest.NewRequest(http.MethodPost, attr(form, "action"), strings.NewReader("everywhere="+got.field("everywhere")))
	out.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	to := b.send(out, []change{header("Origin", app), header("Sec-Fetch-Site", "same-origin")}).leads(loginPage + "?rd=" + url.QueryEscape(wanted))
	if len(b.cookies) != 0 {
		t.Errorf("the browser keeps %v", b.cookies)
	}
	a.open(to.header.Get("Location")).want(http.StatusOK).says("E-mail address or username") // not on its way back as the same person
}

// A way back leads nowhere but to the host that was asked (C13).
func TestC13_RefusedPersonIsLedBackHereOnly(t *testing.T) {
	h := apps(t)
	for _, rd := range []string{"https://evil.test/", "//evil.test", "javascript:alert(1)", otherApp + "/", ""} {
		r := httptest.NewRequest(http.MethodPost, "/.gatehouse/sign-out?rd="+url.QueryEscape(rd), strings.NewReader("everywhere=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		h.app().send(r, []change{header("Origin", app), header("Sec-Fetch-Site", "same-origin")}).
			leads(loginPage + "?rd=" + url.QueryEscape(app+"/"))
	}
}

func TestRefuse_Outages(t *testing.T) {
	h := open(t)
	away := portal.Refused{Err: fmt.Errorf("rotate: %w", authcore.ErrUnavailable), Login: "/auth/login", Prefix: "/auth", Wanted: origin + "/a?b"}
	got := h.refuses(host, away).want(http.StatusServiceUnavailable).says("We cannot check sign-ins right now.", "Try again", "Nobody has been signed out.").silent("you are still")
	if got.header.Get("Retry-After") == "" || attr(got.all("a")[1], "href") != origin+"/a?b" {
		t.Errorf("%v\n%s", got.header, got.body)
	}
	for _, problem := range accessibility(got) {
		t.Error(problem)
	}
	h.refuses(host, away, header("Accept-Language", "de")).says("Wir können Anmeldungen gerade nicht prüfen.")
	away.Wanted = ""
	if n := len(h.refuses(host, away).all("a")); n != 1 {
		t.Errorf("%d links of an address that is too long", n)
	}
	broken := h.refuses(host, portal.Refused{Err: errors.New("secret cause"), Login: "/auth/login"}).want(http.StatusInternalServerError)
	broken.says("Something went wrong", "please include").silent("secret cause")
}
