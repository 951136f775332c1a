package portal_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// handed is a browser that is signed in at the issuer and at both hosts.
func (h *house) handed() (a, b, wiki *browser) {
	h.Helper()
	a, b, wiki = h.browser(), h.app(), h.at(nil, "wiki.example.net", loginPage)
	a.signIn()
	b.open(a.code(b.begin(app + "/"))).leads(app + "/")
	wiki.open(a.code(wiki.begin(otherApp + "/"))).leads(otherApp + "/")
	return a, b, wiki
}

func (b *browser) signedIn() bool {
	b.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	client := testflow.Client()
	client.Origin = b.origin()
	_, err := b.Sessions.Refresh(r.Context(), b.cookies[refreshOf], authcore.ModeCookie, client)
	return err == nil
}

func (b *browser) signOut(body, kind string, changes ...change) *answer {
	b.Helper()
	r := httptest.NewRequest(http.MethodPost, "/.gatehouse/sign-out", strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Origin", b.origin())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(r, changes)
}

const formType = "application/x-www-form-urlencoded"

// signedOut is where the portal tells who has signed out of the app.
const signedOut = origin + "/auth/signed-out?rd=https%3A%2F%2Fapp.example.com%2F"

// Who has signed out is told so, where the sign-in page is: of one host alone, or of all. What is no portal's has no such page.
func TestSignOut_LeadsToWord(t *testing.T) {
	h := apps(t)
	h.Person(t, signup.RegisterInput{Email: email})
	a, b, _ := h.handed()
	b.signOut("", formType).leads(signedOut)
	told := a.open(signedOut).want(http.StatusOK).says("You are signed out of app.example.com", "You may still be signed in")
	links := map[string]string{}
	for _, l := range told.all("a") {
		links[text(l)] = attr(l, "href")
	}
	if links["Sign in again"] != "/auth/login?rd=https%3A%2F%2Fapp.example.com%2F" || links["Sign out everywhere"] != "/auth/logout" {
		t.Errorf("links %v", links)
	}
	a.open(signedOut, header("Accept-Language", "de")).says("Sie sind bei app.example.com abgemeldet")
	b.open(a.code(b.begin(app + "/"))).leads(app + "/")
	b.signOut("everywhere=1", formType).leads(signedOut)
	a.open(signedOut).want(http.StatusOK).says("You are signed out", "This browser can no longer use your account").silent("app.example.com</h1>")

	for login, want := range map[string]string{
		"https://sso.example.net/login":                                    "https://sso.example.net/login",
		"https://sso.example.net/in?tenant=a":                              "https://sso.example.net/in?tenant=a",
		origin + "/sign-in":                                                origin + "/sign-in",
		"https://Auth.Example.com:443/id/login?x=1":                        "https://Auth.Example.com:443/id/signed-out?rd=https%3A%2F%2Fapp.example.com%2F",
		"http://" + strings.TrimPrefix(origin, "https://") + "/auth/login": "http://" + strings.TrimPrefix(origin, "https://") + "/auth/login",
		"/auth/login": "/",
	} {
		h.at(nil, appHost, login).signOut("", formType).leads(want)
	}
}

func TestSignOut_OfAHost(t *testing.T) {
	h := apps(t)
	h.Person(t, signup.RegisterInput{Email: email, Username: "ada"})
	for name, c := range map[string]struct {
		end             func(a, b, wiki *browser)
		a, b, elsewhere bool // who is signed in afterwards
	}{
		"here, by a form":       {func(_, b, _ *browser) { b.signOut("", formType).leads(signedOut) }, true, false, true},
		"here, by JSON":         {func(_, b, _ *browser) { b.signOut("{}", "application/json").want(http.StatusNoContent) }, true, false, true},
		"here, by nothing":      {func(_, b, _ *browser) { b.signOut("", "").want(http.StatusNoContent) }, true, false, true},
		"everywhere, by a form": {func(_, b, _ *browser) { b.signOut("everywhere=true", formType).leads(signedOut) }, false, false, false},
		"everywhere, by JSON": {func(_, b, _ *browser) {
			b.signOut(`{"everywhere":true}`, "application/json").want(http.StatusNoContent)
		}, false, false, false},
		"everywhere, at a page of a host": {func(a, b, _ *browser) {
			at := a.browser() // a host with pages of its own, in the same browser
			at.cookies = b.cookies
			at.post("/logout", []string{"everywhere", "true"}).leads("/auth/signed-out")
		}, false, false, false},
		"here, at a page of a host": {func(a, b, _ *browser) {
			at := a.browser()
			at.cookies = b.cookies
			at.post("/logout", nil).leads("/auth/signed-out")
		}, true, false, true},
		"at the parent": {func(a, _, _ *browser) { a.post("/logout", nil).leads("/auth/signed-out") }, false, false, false},
		"from another page": {func(_, b, _ *browser) {
			b.signOut("", formType, header("Sec-Fetch-Site", "same-site")).want(http.StatusForbidden)
			b.signOut("{}", "application/json", header("Sec-Fetch-Site", "cross-site")).want(http.StatusForbidden)
			b.signOut("", formType, header("Sec-Fetch-Site"), header("Origin")).want(http.StatusForbidden)
		}, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, wiki := h.handed()
			before := [3]*browser{h.at(nil, a.host, ""), h.at(nil, b.host, ""), h.at(nil, wiki.host, "")}
			for i, from := range []*browser{a, b, wiki} {
				before[i].cookies = maps.Clone(from.cookies)
			}
			c.end(a, b, wiki)
			got := [3]bool{before[0].signedIn(), before[1].signedIn(), before[2].signedIn()}
			if got != [3]bool{c.a, c.b, c.elsewhere} {
				t.Errorf("signed in at issuer, here and elsewhere: %v", got)
			}
			if kept := b.cookies[refreshOf] != ""; kept != c.b && name != "at the parent" {
				t.Errorf("the browser keeps the cookies of this host: %t", kept)
			}
		})
	}
}
