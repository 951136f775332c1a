package portal_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

const (
	appHost   = "app.example.com"
	app       = "https://" + appHost
	otherApp  = "https://wiki.example.net"
	loginPage = origin + "/auth/login"
	accessOf  = "__Host-gatehouse"
	refreshOf = "__Host-gatehouse_refresh"
)

// apps is a house whose sign-in leads to two hosts that have a guard and no pages.
func apps(t *testing.T) *house {
	t.Helper()
	return open(t, plan{returns: []string{appHost, "wiki.example.net"}})
}

// at is the same browser or, with a nil one, another at a host that sends browsers to the sign-in page login.
func (h *house) at(b *browser, host, login string) *browser {
	there := *h
	there.both = h.pages.Host(login)
	n := &browser{house: &there, cookies: map[string]string{}, https: true, host: host}
	if b != nil {
		n.cookies = b.cookies
	}
	return n
}

func (h *house) app() *browser { return h.at(nil, appHost, loginPage) }

// open asks for an address as a whole, with its query.
func (b *browser) open(address string, changes ...change) *answer {
	b.Helper()
	to := must(url.Parse(address))(b)
	return b.send(httptest.NewRequest(http.MethodGet, to.RequestURI(), nil), changes)
}

func (a *answer) to() string {
	a.Helper()
	return a.want(http.StatusSeeOther).header.Get("Location")
}

// begin lets the host ask for a hand-over, and returns the address of the issuer that the browser is sent to.
func (b *browser) begin(rd string) string {
	b.Helper()
	return b.open("/.gatehouse/handover?rd=" + url.QueryEscape(rd)).to()
}

// code is the address by which the issuer hands the browser back.
func (b *browser) code(asked string) string {
	b.Helper()
	to := b.open(asked).to()
	if !strings.Contains(to, "/.gatehouse/handover?code=") {
		b.Fatalf("leads to %s", to)
	}
	return to
}

func TestHandover(t *testing.T) {
	h := apps(t)
	a, b := h.browser().person(), h.app()
	const wanted = app + "/items?page=2&q=a%20b"
	first := a.get("/login?rd=" + url.QueryEscape(wanted)).leads(app + "/.gatehouse/handover?rd=" + url.QueryEscape(wanted))

	sent := b.open(first.header.Get("Location"))
	asked := must(url.Parse(sent.to()))(t)
	if query := asked.Query(); !strings.HasPrefix(asked.String(), loginPage+"?rd=") || query.Get("rd") != wanted || len(query.Get("handover")) != 43+1+22 {
		t.Fatalf("sent to %s", asked)
	}
	verifier := sent.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-gatehouse_handover_", "; Path=/", "; Max-Age=120", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(verifier, part) {
			t.Errorf("the verifier's cookie %s has no %s", verifier, part)
		}
	}
	issued := a.open(asked.String())
	code := issued.to()
	if got := must(url.Parse(code))(t); got.Scheme+"://"+got.Host+got.Path != app+"/.gatehouse/handover" || got.Query().Get("rd") != wanted ||
		!strings.HasPrefix(got.Query().Get("code"), "ghh_") {
		t.Fatalf("handed back to %s", code)
	}
	got := b.open(code).leads(wanted)
	for _, from := range []*answer{sent, issued, got} {
		if from.header.Get("Cache-Control") != "no-store" || from.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("headers %v", from.header)
		}
	}
	if names := slices.Sorted(maps.Keys(b.cookies)); !slices.Equal(names, []string{accessOf, refreshOf}) {
		t.Errorf("the browser keeps %v, want tokens and no verifier", names)
	}
	if b.cookies[refreshOf] == a.cookies[refreshOf] {
		t.Error("both hosts hold one refresh token")
	}
	b.open(first.header.Get("Location")).leads(wanted) // signed in: straight on
	a.get("/account/sessions").want(http.StatusOK).says("At app.example.com")
}

// A session of which only the refresh cookie is good is renewed on the way, at the issuer as at the host.
func TestHandover_Renews(t *testing.T) {
	h := apps(t)
	a, b := h.browser().person(), h.app()
	h.Clock.Advance(6 * time.Minute)
	former := a.cookies[refreshOf]
	b.open(a.code(b.begin(app + "/x"))).leads(app + "/x")
	if a.cookies[refreshOf] == former || a.cookies[accessOf] == "" {
		t.Error("the issuer has renewed nothing")
	}
	h.Clock.Advance(6 * time.Minute)
	former = b.cookies[refreshOf]
	if b.open("/.gatehouse/handover?rd=/x").leads(app + "/x"); b.cookies[refreshOf] == former {
		t.Error("the host has renewed nothing")
	}
}

// A browser whose cookies at the host are dead is handed over as any other, and keeps them until it has new ones: a second tab
// may have got these meanwhile.
func TestHandover_DeadCookiesStay(t *testing.T) {
	h := apps(t)
	a, b := h.browser().person(), h.app()
	dead := "ghr_" + strings.Repeat("A", 40)
	b.cookies[accessOf], b.cookies[refreshOf] = "dead", dead
	sent := b.open("/.gatehouse/handover?rd=/x")
	if lines := sent.header["Set-Cookie"]; len(lines) != 1 || !strings.HasPrefix(lines[0], "__Host-gatehouse_handover_") {
		t.Errorf("the host that asks for a code sets %v", lines)
	}
	code := a.code(sent.to())
	h.at(nil, appHost, loginPage).open(code).want(http.StatusBadRequest) // another browser
	if b.cookies[refreshOf] != dead {
		t.Error("the dead cookies are forgotten")
	}
	if b.open(code).leads(app + "/x"); b.cookies[refreshOf] == dead || b.cookies[accessOf] == "dead" {
		t.Error("the browser has no new cookies")
	}
	b.cookies[refreshOf], b.cookies[accessOf] = dead, "dead"
	own := h.at(b, appHost, "/auth/login")
	if got := own.open("/.gatehouse/handover?rd=/x").leads(app + "/x"); len(got.header["Set-Cookie"]) != 0 {
		t.Errorf("a host with a sign-in page of its own sets %v", got.header["Set-Cookie"])
	}
}

// A code of somebody else's sign-in opens nothing in this browser, whatever else is tried with it, and a browser that has
// been led astray is left as it was (login CSRF: RFC 9700 §4.7).
func TestB04_HandoverOfAnotherBrowser(t *testing.T) {
	h := apps(t)
	evil, evilApp, victim := h.browser().person(), h.app(), h.app()
	code := evil.code(evilApp.begin(app + "/"))
	victim.refused(code)
	victim.begin(app + "/") // now it has a verifier of its own
	victim.refused(code)
	for name, value := range victim.cookies {
		victim.cookies[evilApp.onlyVerifier()] = value // its own verifier under the name that goes with the code
		delete(victim.cookies, name)
	}
	victim.refused(code)
	// Nor is the code of a browser that is signed in any good to who asks for it with a challenge of their own.
	code = evil.code(evilApp.begin(app + "/"))
	h.app().refused(code)
	if got := evilApp.open(code).to(); got != app+"/" {
		t.Errorf("where it was begun it leads to %s", got)
	}
}

// onlyVerifier is the name of the one verifier that the browser keeps.
func (b *browser) onlyVerifier() string {
	b.Helper()
	names := slices.Collect(maps.Keys(b.cookies))
	if len(names) != 1 || !strings.HasPrefix(names[0], "__Host-gatehouse_handover_") {
		b.Fatalf("the browser keeps %v", names)
	}
	return names[0]
}

// refused tests that a code is told to be no good, to people and programs, that nothing leads on by itself and no cookie
// changes.
func (b *browser) refused(address string) {
	b.Helper()
	page := b.open(address).want(http.StatusBadRequest).says("We could not sign you in here", "Try again")
	program := b.open(address, header("Accept", "*/*")).want(http.StatusBadRequest)
	if !strings.Contains(program.body, `"code":"invalid_code"`) {
		b.Errorf("a program is told %s", program.body)
	}
	for _, a := range []*answer{page, program} {
		if a.header.Get("Location") != "" || len(a.header["Set-Cookie"]) != 0 || a.header.Get("Refresh") != "" ||
			a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
			b.Errorf("%s: %v", address, a.header)
		}
	}
}

func TestHandover_Refused(t *testing.T) {
	h := apps(t)
	a := h.browser().person()
	fresh := func() (*browser, string) {
		b := h.app()
		return b, a.code(b.begin(app + "/x"))
	}
	t.Run("used", func(t *testing.T) {
		b, code := fresh()
		before := maps.Clone(b.cookies)
		b.open(code).leads(app + "/x")
		b.cookies = before
		b.refused(code)
	})
	t.Run("another host", func(t *testing.T) {
		b, code := fresh()
		wiki := h.at(b, "wiki.example.net", loginPage)
		wiki.refused(code)
		b.open(code).leads(app + "/x") // that has not spent it
	})
	t.Run("another port", func(t *testing.T) {
		b, code := fresh()
		h.at(b, appHost+":8443", loginPage).refused(code)
	})
	t.Run("over http", func(t *testing.T) {
		b, code := fresh()
		plain := h.at(nil, appHost, loginPage)
		plain.https = false
		plain.cookies[strings.TrimPrefix(b.onlyVerifier(), "__Host-")] = b.cookies[b.onlyVerifier()]
		plain.refused(code)
	})
	t.Run("expired", func(t *testing.T) {
		b, code := fresh()
		h.Clock.Advance(time.Minute)
		b.refused(code)
	})
	t.Run("spoilt", func(t *testing.T) {
		b, code := fresh()
		at := strings.Index(code, "ghh_") + 10
		b.refused(code[:at] + string(code[at]^1) + code[at+1:])
		b.refused(strings.Replace(code, "ghh_", "ghr_", 1))
		b.refused("/.gatehouse/handover?code=")
		b.refused("/.gatehouse/handover?code=" + strings.Repeat("A", 5000))
		b.refused(strings.Replace(code, "&rd=", ".&rd=", 1))
		dot := at + strings.Index(code[at:], ".")
		b.refused(code[:dot] + code[dot+1:])
		b.cookies[b.onlyVerifier()] = strings.Repeat("A", 43)
		b.refused(code)
	})
	t.Run("its session ended", func(t *testing.T) {
		b, code := fresh()
		a.post("/logout", nil).leads("/auth/signed-out")
		b.refused(code)
		if len(b.cookies) != 1 {
			t.Errorf("cookies %v", b.cookies)
		}
	})
}

// Where a hand-over ends is on the host that it is for, or it is not begun.
func TestC13_HandoverLeadsHome(t *testing.T) {
	h := apps(t)
	a := h.browser().person()
	for _, rd := range []string{"//evil.example", "https://evil.example/", otherApp + "/", `/\evil.example`, "javascript:alert(1)", "",
		app + "@evil.example/", "http://" + appHost + "/", app + ":8443/", "/.gatehouse/handover?rd=/", "/%2e%2e//evil.example",
		app + "/.gatehouse/sign-out", "https://" + appHost + ".evil.example/"} {
		b := h.app()
		if asked := must(url.Parse(b.begin(rd)))(t); asked.Host != host || asked.Query().Get("rd") != app+"/" {
			t.Errorf("rd %q: asks for %s", rd, asked)
		}
		code := a.code(b.begin(app + "/"))
		at := strings.Index(code, "&rd=")
		if got := b.open(code[:at] + "&rd=" + url.QueryEscape(rd)).to(); got != app+"/" {
			t.Errorf("rd %q: leads to %s", rd, got)
		}
		if got := b.open("/.gatehouse/handover?rd=" + url.QueryEscape(rd)).to(); got != app+"/" {
			t.Errorf("rd %q: signed in, leads to %s", rd, got)
		}
	}
	if asked := h.app().begin("/x?y=z"); !strings.Contains(asked, "?rd="+url.QueryEscape(app+"/x?y=z")+"&") {
		t.Errorf("a path of this host: %s", asked)
	}
	challenge := "&handover=" + strings.Repeat("A", 43)
	for _, rd := range []string{"https://evil.example/", "//evil.example/", app + ":8443/", "http://" + appHost + "/"} {
		a.get("/login?rd=" + url.QueryEscape(rd) + challenge).leads("/auth/account")
		a.get("/login?rd=" + url.QueryEscape(rd)).leads("/auth/account")
	}
	a.get("/login?rd=" + url.QueryEscape(origin+"/x") + challenge).leads(origin + "/x")
	a.get("/login?rd=/x" + challenge).leads("/x")
}

// Tabs that are opened together, also at two hosts, arrive all.
func TestHandover_ManyTabs(t *testing.T) {
	h := apps(t)
	a := h.browser().person()
	b, wiki := h.app(), h.at(nil, "wiki.example.net", loginPage)
	var asked, codes []string
	for range 5 {
		tab := h.app() // each is sent before the answer to another has come
		asked = append(asked, tab.begin(app+"/"))
		maps.Copy(b.cookies, tab.cookies)
	}
	other := wiki.begin(otherApp + "/")
	for _, to := range asked {
		codes = append(codes, a.code(to))
	}
	handed := a.code(other)
	waiting := maps.Clone(b.cookies)
	for i, code := range codes {
		tab := h.app()
		maps.Copy(tab.cookies, waiting)
		if tab.open(code).to(); tab.cookies[refreshOf] == "" {
			t.Errorf("tab %d is not signed in", i)
		}
	}
	wiki.open(handed).leads(otherApp + "/")
	for range 20 { // nobody can fill the browser's cookies up
		b.begin(app + "/")
	}
	if len(b.cookies) > 9 {
		t.Errorf("the browser keeps %d verifiers", len(b.cookies))
	}
	b.open(a.code(b.begin(app + "/"))).leads(app + "/")
}

// Who is not signed in at the issuer, or only with a program's token, is not handed over.
func TestHandover_NobodyToHandOver(t *testing.T) {
	h := apps(t)
	b := h.app()
	asked := b.begin(app + "/x")
	h.browser().open(asked).want(http.StatusOK).says("Password")
	account := h.Person(t, signup.RegisterInput{Email: email, Username: "ada"})
	program := h.browser().open(asked, header("Authorization", "Bearer "+account.Access))
	if got := program.to(); got != app+"/x" {
		t.Errorf("a program is led to %s", got)
	}
	a := h.browser()
	a.signIn()
	for _, malformed := range []string{"", "x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("!", 43), strings.Repeat("A", 42) + "B",
		strings.Repeat("A", 43), strings.Repeat("A", 43) + "." + strings.Repeat("A", 22)} {
		fresh := h.browser()
		maps.Copy(fresh.cookies, a.cookies)
		fresh.get("/login?rd=" + url.QueryEscape(app+"/x") + "&handover=" + url.QueryEscape(malformed)).
			leads(app + "/.gatehouse/handover?rd=" + url.QueryEscape(app+"/x"))
	}
	// What one host has asked for is no other's, for that one's guard may not be able to redeem a code.
	elsewhere := must(url.Parse(h.at(nil, "wiki.example.net", loginPage).begin(otherApp + "/")))(t)
	a.get("/login?rd=" + url.QueryEscape(app+"/x") + "&handover=" + url.QueryEscape(elsewhere.Query().Get("handover"))).
		leads(app + "/.gatehouse/handover?rd=" + url.QueryEscape(app+"/x"))
	// A host with a sign-in page of its own is not handed anything.
	h.at(nil, appHost, "/auth/login").open("/.gatehouse/handover?rd=/x").leads(app + "/x")
	if r := b.send(httptest.NewRequest(http.MethodHead, "/.gatehouse/handover?rd=/x", nil), nil); r.status != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", r.status)
	}
	if r := b.send(httptest.NewRequest(http.MethodGet, "/.gatehouse/sign-out", nil), nil); r.status != http.StatusMethodNotAllowed {
		t.Errorf("GET of sign-out: %d", r.status)
	}
}

// A host that keeps the cookies of a hand-over and whose guard refuses them all the same says so, instead of asking for another.
func TestCircle_AtAHostThatIsHandedOver(t *testing.T) {
	h := apps(t)
	const wanted = app + "/x"
	a, b := h.browser().person(), h.app()
	b.open(a.code(b.begin(wanted))).leads(wanted)
	ask := app + "/.gatehouse/handover?rd=" + url.QueryEscape(wanted)
	for range 2 {
		b.sentBack(wanted) // the first has no note yet of where it was sent
		b.open(ask).leads(wanted)
	}
	for range 5 { // other tabs are led on
		b.open(ask).leads(wanted)
	}
	b.sentBack(wanted)
	got := b.open(ask).want(http.StatusOK).says("You keep being sent back here", "signed you in").silent("/account")
	if links := got.all("a"); attr(links[len(links)-1], "href") != wanted {
		t.Errorf("leads on to %s", attr(links[len(links)-1], "href"))
	}
}
