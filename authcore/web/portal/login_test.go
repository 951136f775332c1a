package portal_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestLogin(t *testing.T) {
	h := open(t, plan{returns: []string{"app.example.org"}})
	h.Person(t, signup.RegisterInput{Email: email, Username: "ada"})
	for rd, want := range map[string]string{
		"": "/auth/account", "/wanted?x=1&y=%2F": "/wanted?x=1&y=%2F", "https://app.example.org/a": "https://app.example.org/a",
		"https://" + host + "/b": "https://" + host + "/b",
		// C13: nowhere else, and not back in here.
		"https://evil.test/": "/auth/account", "//evil.test": "/auth/account", "/\\evil.test": "/auth/account",
		"javascript:alert(1)": "/auth/account", "/auth/logout": "/auth/account", "https://" + host + ".evil.test/": "/auth/account",
	} {
		b := h.browser()
		page := b.get("/login?rd=" + url.QueryEscape(rd)).want(http.StatusOK)
		fields := []string{"login", "ADA", "password", testflow.Password}
		if want != "/auth/account" {
			fields = append(fields, "rd", page.field("rd"))
		} else {
			page.noField("rd")
			fields = append(fields, "rd", rd)
		}
		b.post("/login", fields).leads(want)
		if b.cookies["__Host-gatehouse"] == "" || b.cookies["__Host-gatehouse_refresh"] == "" {
			t.Fatalf("no session cookies: %v", b.cookies)
		}
		b.get("/account").want(http.StatusOK).says(email)
		b.get("/login").leads("/auth/account")
		b.get("/").leads("/auth/account")
	}
}

// A browser leaves from a page of its own, so that no redirect of the service counts as one of our form.
func TestLogin_BrowsersGoOnFromAPage(t *testing.T) {
	h := open(t)
	h.Person(t, signup.RegisterInput{Email: email})
	b := h.browser()
	b.post("/login", []string{"login", email, "password", testflow.Password, "rd", "/a;b?c=d,e"}, header("Sec-Fetch-Mode", "navigate")).
		leads("/auth/onward?rd=%2Fa%3Bb%3Fc%3Dd%2Ce")
	const to = "/onward?rd=%2Fa%3Bb%3Fc%3Dd%2Ce"
	got := b.get(to).want(http.StatusOK)
	scripts, again := got.all("script"), `<noscript><meta http-equiv="refresh" content="0; url=/a;b?c=d,e"></noscript>`
	if len(scripts) != 1 || attr(got.all("a")[1], "href") != "/a;b?c=d,e" || !strings.Contains(got.body, again) {
		t.Fatalf("got %v\n%s", got.header, got.body)
	}
	sum := sha256.Sum256([]byte(scripts[0].FirstChild.Data))
	if want := "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; "; !strings.HasPrefix(got.header.Get("Content-Security-Policy"), want) {
		t.Errorf("the policy %s, want %s", got.header.Get("Content-Security-Policy"), want)
	}
	evil := b.get("/onward?rd=" + url.QueryEscape(`/x"><script>alert(1)</script>`)) // no blank, so a way back
	if n := len(evil.all("script")); n > 1 {
		t.Errorf("%d scripts:\n%s", n, evil.body)
	}
	for _, rd := range []string{"https://evil.test/", "", "javascript:alert(1)", "/x%0d%0aSet-Cookie:%20a=b", "/auth/logout"} {
		b.get("/onward?rd=" + url.QueryEscape(rd)).leads("/auth/account")
	}
}

func TestLogin_RefusalsKeepTheName(t *testing.T) {
	h := open(t, plan{lockout: lockout.Policy{Failures: 2}})
	h.Person(t, signup.RegisterInput{Email: email})
	b := h.browser()
	fields := []string{"login", email, "password", "wrong password", "rd", "/wanted"}
	for range 2 {
		got := b.post("/login", fields).want(http.StatusUnauthorized).says("The username or password is wrong.").silent("wrong password")
		if got.field("login") != email || got.field("password") != "" || got.field("rd") != "/wanted" {
			t.Errorf("the form came back without what was typed:\n%s", got.body)
		}
		if !has(got.all("input")[2], "autofocus") {
			t.Error("the password is not in focus")
		}
	}
	locked := b.post("/login", fields).want(http.StatusTooManyRequests).says("Too many failed sign-ins.", "in 60 seconds")
	if locked.header.Get("Retry-After") != "60" || locked.field("login") != email {
		t.Errorf("got %v\n%s", locked.header, locked.body)
	}
	empty := b.post("/login", nil).want(http.StatusUnprocessableEntity).says("Enter your e-mail address or username.", "Please fill this in.")
	if attr(empty.all("input")[0], "aria-describedby") != "login-error" || attr(empty.all("input")[0], "aria-invalid") != "true" {
		t.Errorf("the error is not at its field:\n%s", empty.body)
	}
	if len(b.cookies) != 0 {
		t.Errorf("cookies %v", b.cookies)
	}
}

func TestLogin_CountsWithTheAPI(t *testing.T) {
	rates := ratelimit.Defaults()
	rates[authcore.LimitLogin] = ratelimit.Rate{Count: 1, Window: time.Minute}
	h := open(t, plan{rates: rates})
	b := h.browser()
	b.post("/login", []string{"login", email, "password", "x"}).want(http.StatusUnauthorized)
	got := b.post("/login", []string{"login", email, "password", "x"}).want(http.StatusTooManyRequests).says("Too many requests from your network.")
	if got.field("login") != email || got.header.Get("Retry-After") == "" {
		t.Errorf("got %v\n%s", got.header, got.body)
	}
}

func TestLogin_UnverifiedIsLedToTheCode(t *testing.T) {
	h := open(t)
	h.Register(t, signup.RegisterInput{Email: email})
	b := h.browser()
	got := b.post("/login", []string{"login", email, "password", testflow.Password, "rd", "/wanted"}).want(http.StatusForbidden).says("is not confirmed yet")
	if to := attr(got.all("a")[1], "href"); to != "/auth/verify" {
		t.Errorf("leads to %s", to)
	}
	code := h.Mail(t, email, authcore.MailVerify).Code
	if got := b.get("/verify").want(http.StatusOK); got.field("email") != email {
		t.Errorf("the address is forgotten:\n%s", got.body)
	}
	b.post("/verify", []string{"email", email, "otp", code, "password", testflow.Password}).leads("/wanted")
}

func TestS01_LoginEndsTheSessionItReplaces(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	former := b.cookies["__Host-gatehouse"]
	b.signIn()
	if former == b.cookies["__Host-gatehouse"] {
		t.Fatal("the session stayed")
	}
	old := h.browser()
	old.cookies["__Host-gatehouse"] = former
	old.get("/account").leads("/auth/login")
}

func TestB10_NothingIsLeftAfterLogout(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	before := map[string]string{"__Host-gatehouse": b.cookies["__Host-gatehouse"], "__Host-gatehouse_refresh": b.cookies["__Host-gatehouse_refresh"]}
	b.get("/logout").want(http.StatusOK)
	b.get("/account").want(http.StatusOK)
	got := b.post("/logout", nil).leads("/auth/signed-out")
	if got.header.Get("Clear-Site-Data") != `"cache"` || len(b.cookies) != 0 {
		t.Errorf("got %v, cookies %v", got.header, b.cookies)
	}
	b.get("/signed-out").want(http.StatusOK).says("You are signed out")
	b.get("/account").leads("/auth/login")
	// An old cookie is worth nothing, and the sign-in page has it forgotten.
	b.cookies = maps.Clone(before)
	b.get("/login").want(http.StatusOK)
	if len(b.cookies) != 0 {
		t.Errorf("cookies stay: %v", b.cookies)
	}
	b.cookies = map[string]string{"__Host-gatehouse": before["__Host-gatehouse"]}
	b.get("/login").want(http.StatusOK)
	if len(b.cookies) != 0 {
		t.Errorf("an access cookie alone stays: %v", b.cookies)
	}
	b.post("/logout", nil).leads("/auth/signed-out") // again is no error
}

func TestLogin_RenewsInPlace(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	access := b.cookies["__Host-gatehouse"]
	h.Clock.Advance(10 * time.Minute)
	b.get("/account").want(http.StatusOK).says(email)
	if b.cookies["__Host-gatehouse"] == access {
		t.Error("the cookie was not renewed")
	}
}

// sentBack is what the guard of a page does to a browser that it does not take for signed in.
func (b *browser) sentBack(from string) {
	b.Helper()
	r := must(http.NewRequest(http.MethodGet, from, nil))(b.T)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	httpauth.NoteRefusal(w.Header(), r, httpauth.NewJar("", b.https), b.Clock.Now(), from)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
}

// loseSession is a browser that does not keep the cookies of a sign-in.
func (b *browser) loseSession() {
	delete(b.cookies, "__Host-gatehouse")
	delete(b.cookies, "__Host-gatehouse_refresh")
}

// Tabs that are opened together, reloads and signing out are no circle, however many: only a browser that was signed in and sent on
// comes back in one.
func TestCircle_TabsAreNone(t *testing.T) {
	h := open(t)
	h.Person(t, signup.RegisterInput{Email: email})
	b, wanted := h.browser(), "https://"+host+"/app"
	to := "/login?rd=" + url.QueryEscape(wanted)
	for range 10 { // restored, nobody is signed in
		b.sentBack(wanted)
		b.get(to).want(http.StatusOK).silent("You keep being sent back here")
	}
	in := []string{"login", email, "password", testflow.Password}
	b.post(to, in).leads(wanted)
	for range 10 { // the others are reloaded
		b.get(to).leads(wanted)
	}
	b.loseSession() // ended by a script, say
	for range 10 {
		b.sentBack(wanted)
		b.get(to).want(http.StatusOK).silent("You keep being sent back here")
	}
	b.post(to, in).leads(wanted)
	b.post("/logout", nil).leads("/auth/signed-out")
	b.sentBack(wanted)
	b.get(to).want(http.StatusOK).silent("You keep being sent back here")
}

func TestCircle(t *testing.T) {
	h := open(t)
	h.Person(t, signup.RegisterInput{Email: email})
	b, wanted := h.browser(), "https://"+host+"/wanted?n=1"
	to := "/login?rd=" + url.QueryEscape(wanted)
	in := []string{"login", email, "password", testflow.Password}
	for range 2 {
		b.get(to).want(http.StatusOK).silent("You keep being sent back here")
		b.post(to, in).leads(wanted)
		b.loseSession()
		b.sentBack(wanted + "2") // some services change the query at each turn
	}
	if got := b.get(to).want(http.StatusOK).says("You keep being sent back here", "Cookies are blocked"); got.field("rd") == "" {
		t.Error("there is no way on")
	}
	for _, other := range []string{"", "?rd=/a", "?rd=/wanted/more"} { // other pages are other ways
		b.get("/login" + other).want(http.StatusOK).silent("You keep being")
	}
	h.Clock.Advance(2*time.Minute + time.Second)
	b.get(to).want(http.StatusOK).silent("You keep being sent back here")
}

func TestCircle_SignedInStopsTheRedirects(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	for range 2 {
		b.get("/login?rd=/wanted").leads("/wanted")
		b.sentBack(origin + "/wanted")
	}
	b.get("/login?rd=/wanted").want(http.StatusOK).says("You keep being sent back here", "signed you in").noField("password")
}

func TestCircle_NamesTheLikelyCause(t *testing.T) {
	h := open(t)
	for want, c := range map[string]struct{ rd, referer string }{
		"The page was opened over http":         {"http://" + host + "/x", "https://" + host + "/auth/onward?rd=x"},
		"You signed in under another host name": {"https://www.example.com/x", "https://" + host + "/auth/onward"},
		"The sign-in page is guarded itself":    {"https://" + host + "/auth/login", "https://" + host + "/auth/onward"},
		"Cookies are blocked":                   {"https://" + host + "/x", "https://" + host + "/auth/onward"},
	} {
		got := h.browser().get("/login?rd="+url.QueryEscape(c.rd), header("Referer", c.referer)).want(http.StatusOK)
		causes := got.all("dt")
		if len(causes) == 0 || text(causes[0]) != want {
			t.Errorf("%+v: want %q first:\n%s", c, want, got.body)
		}
	}
	// Only our own page speaks of a sign-in that has just succeeded.
	for _, referer := range []string{"https://evil.test/auth/onward", "https://" + host + "/auth/login", "https://" + host + "/x", "%"} {
		h.browser().get("/login?rd=/x", header("Referer", referer)).silent("You keep being")
	}
}

// Such a browser drops the cookies, and only its Origin tells.
func TestCircle_FormsOverHTTPAreToldWhy(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.post("/login", []string{"login", email, "password", testflow.Password}, header("Origin", "http://"+host), header("Sec-Fetch-Site")).
		want(http.StatusForbidden).says("The page was opened over http", "Open the page with https:// in front.")
}

func TestCircle_CountsInABoundedCookie(t *testing.T) {
	h := open(t)
	h.Person(t, signup.RegisterInput{Email: email})
	for _, planted := range []string{"x", "9999999999999999999.1.a", "2.99999999999.abc", "-5.1.1", "..", "9.1.9999999999.x", "2000.1.1.x", strings.Repeat("9", 3000)} {
		b := h.browser()
		b.cookies["__Host-gatehouse_sent"] = planted
		b.get("/login?rd=/x").want(http.StatusOK).silent("You keep being")
		b.sentBack(origin + "/x")
		b.signIn()
		b.get("/login?rd=/x").leads("/x")
		if len(b.cookies["__Host-gatehouse_sent"]) > 64 {
			t.Errorf("%q: kept %q", planted, b.cookies["__Host-gatehouse_sent"])
		}
	}
	if got := h.browser().get("/login"); len(got.header["Set-Cookie"]) != 0 { // D08
		t.Errorf("a plain visit got %v", got.header["Set-Cookie"])
	}
	r := must(http.NewRequest(http.MethodGet, "/", nil))(t)
	r.Header.Set("Cookie", "__Host-gatehouse_sent=1; gatehouse_pending=x; __Host-gatehouse_link=y; a=b")
	if httpauth.NewJar("", true).Strip(r.Header, func(string) bool { return false }); r.Header.Get("Cookie") != "a=b" {
		t.Errorf("an upstream sees %q", r.Header.Get("Cookie"))
	}
}

// TestForms_KeepTheFragment: the forms on the way to a sign-in have no `action`, for a browser then keeps the fragment of the
// address over the redirect that follows.
func TestForms_KeepTheFragment(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/login?rd=%2Fapp", "/register?rd=%2Fapp"} {
		page := h.browser().get(path).want(http.StatusOK)
		forms := slices.DeleteFunc(page.all("form"), func(n *html.Node) bool { return has(n, "hidden") }) // that of passkeys has its script add it
		if len(forms) != 1 {
			t.Fatalf("%s has %d forms", path, len(forms))
		}
		for _, a := range forms[0].Attr {
			if a.Key == "action" {
				t.Errorf("the form of %s leads to %q", path, a.Val)
			}
		}
	}
}
