package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// listed returns the items of a list of the account, this browser's and the others.
func (b *browser) listed(path string) (own *html.Node, others []*html.Node) {
	b.Helper()
	for _, li := range b.get(path).want(http.StatusOK).all("li") {
		if strings.Contains(text(li), "This browser") {
			own = li
		} else {
			others = append(others, li)
		}
	}
	return own, others
}

// idIn is what the form of an item says that it is about.
func idIn(li *html.Node) string {
	for n := range li.Descendants() {
		if attr(n, "name") == "end" {
			return attr(n, "value")
		}
	}
	return ""
}

// renames has a name refused that is too long.
func (b *browser) renames(path string) *answer {
	b.Helper()
	own, _ := b.listed(path)
	return b.post(path, []string{"id", idIn(own), "name", strings.Repeat("x", 101)})
}

func TestAccount_Devices(t *testing.T) {
	h := open(t)
	b, other, third := h.browser().person(), h.browser(), h.browser()
	other.signIn()
	third.signIn()
	b.get("/account").want(http.StatusOK).says("4 devices") // one of the registration
	own, others := b.listed("/account/devices")
	if own == nil || len(others) != 3 || !strings.Contains(text(own), "Firefox on Linux") || !strings.Contains(text(own), "1 session") {
		t.Fatalf("this browser is %v, and %d others", own, len(others))
	}
	id := idIn(own)
	b.get("/account/devices?rename="+id).want(http.StatusOK).says("Give it a name", "Firefox on Linux · 192.0.2.7", id)
	b.post("/account/devices", []string{"id", id, "name", strings.Repeat("x", 101)}).want(http.StatusUnprocessableEntity).says("Give it a name", "at most 100")
	b.post("/account/devices", []string{"id", id, "name", "Kitchen"}).leads("/auth/account/devices?done=renamed")
	b.get("/account/devices?done=renamed").want(http.StatusOK).says("The name was saved", "Kitchen", "Firefox on Linux")
	b.get("/account/devices?rename=" + id).says("Kitchen")

	// Another account's is not to be found (S06).
	h.Person(t, signup.RegisterInput{Email: "eva@example.com"})
	eva := h.browser()
	eva.post("/login", []string{"login", "eva@example.com", "password", testflow.Password}).leads("/auth/account")
	eva.get("/account/devices?rename="+id).want(http.StatusOK).silent(id, "Kitchen")
	eva.post("/account/devices", []string{"id", id, "name", "mine"}).want(http.StatusNotFound).silent("Kitchen")
	eva.post("/account/devices", []string{"end", id}).leads("/auth/account/devices?done=forgotten")
	b.get("/account").want(http.StatusOK)

	foreign, _ := other.listed("/account/devices")
	b.post("/account/devices", []string{"end", idIn(foreign)}).leads("/auth/account/devices?done=forgotten")
	other.get("/account").leads("/auth/login")
	third.get("/account").want(http.StatusOK)
	b.post("/account/devices", []string{"end", "others"}).leads("/auth/account/devices?done=forgotten")
	third.get("/account").leads("/auth/login")
	if page := b.get("/account/devices").want(http.StatusOK); len(page.all("time")) != 1 || strings.Contains(page.body, `"others"`) {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/account/devices", []string{"end", "x"}).want(http.StatusBadRequest)
	b.post("/account/devices", nil).want(http.StatusBadRequest)
	b.post("/account/devices", []string{"end", id}).leads("/auth/signed-out")
	b.get("/account").leads("/auth/login")
}

// Who is signed in on no known device is told how one becomes known.
func TestAccount_NoDevices(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.Person(t, signup.RegisterInput{Email: email, Username: "ada"})
	b.post("/login", []string{"login", email, "password", testflow.Password, "forget", "on"}).leads("/auth/account")
	b.post("/account/devices", []string{"end", "others"}).leads("/auth/account/devices?done=forgotten")
	b.get("/account/devices").want(http.StatusOK).says("Your account knows no device", "shared computer")
	b.get("/account").want(http.StatusOK).says("0 devices")
}

func TestAccount_NameSession(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	own, _ := b.listed("/account/sessions")
	id := idIn(own)
	b.get("/account/sessions?rename=" + id).want(http.StatusOK).says("Give it a name")
	b.post("/account/sessions", []string{"id", id, "name", "a\tb"}).want(http.StatusUnprocessableEntity).says("Give it a name")
	b.post("/account/sessions", []string{"id", id, "name", "Kitchen"}).leads("/auth/account/sessions?done=renamed")
	b.get("/account/sessions").want(http.StatusOK).says("Kitchen")
	h.Person(t, signup.RegisterInput{Email: "eva@example.com"})
	eva := h.browser()
	eva.post("/login", []string{"login", "eva@example.com", "password", testflow.Password}).leads("/auth/account")
	eva.post("/account/sessions", []string{"id", id, "name", "mine"}).want(http.StatusNotFound)
	b.get("/account/sessions").says("Kitchen")
}

// forgets reports whether every cookie of the session ends with the browser, which keeps no token of its device.
func (b *browser) forgets(a *answer) bool {
	for _, line := range a.header["Set-Cookie"] {
		name, rest, _ := strings.Cut(line, "=")
		session := name == "__Host-gatehouse" || name == "__Host-gatehouse_refresh"
		if session && strings.Contains(rest, "Max-Age") {
			return false
		}
	}
	return b.device == ""
}

// On every page that signs in people can say that the computer is not theirs.
func TestForget_OnEveryPageThatSignsIn(t *testing.T) {
	for name, ticked := range map[string][]string{"ticked": {"forget", "on"}, "not": nil} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			link, err := setup.NewLink(t.Context(), h.Store, h.Clock.Now)
			if err != nil {
				t.Fatal(err)
			}
			signsIn := func(b *browser, path, to string, fields ...string) {
				t.Helper()
				b.get(path).says("This is a shared computer")
				if got := b.post(path, append(fields, ticked...)).leads(to); b.forgets(got) != (ticked != nil) {
					t.Errorf("%s: %v", path, got.header["Set-Cookie"])
				}
			}
			admin := h.browser()
			admin.get("/setup?token=" + link.Token)
			signsIn(admin, "/setup", "/auth/account?done=setup", "email", "chief@example.com", "password", testflow.Password)
			b := h.browser()
			b.post("/register", []string{"email", email, "password", testflow.Password}).want(http.StatusSeeOther)
			signsIn(b, "/verify", "/auth/account", "email", email, "otp", h.Mail(t, email, "verify_email").Code)
			signsIn(h.browser(), "/login", "/auth/account", "login", email, "password", testflow.Password)
		})
	}
}
