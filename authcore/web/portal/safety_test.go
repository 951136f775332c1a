package portal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// everyPath is every page, and one that is none.
var everyPath = []string{
	"/login", "/register", "/verify", "/verify/resend", "/password/forgot", "/password/reset", "/reset", "/logout", "/signed-out",
	"/account", "/account/profile", "/account/password", "/account/sessions", "/account/devices", "/onward", "", "/", "/x",
}

func TestB04_ForeignForms(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	former := b.cookies["__Host-gatehouse"]
	forms := map[string][]string{
		"/login":            {"login", email, "password", testflow.Password},
		"/register":         {"email", "bob@example.com", "password", testflow.Password},
		"/verify":           {"email", email, "otp", "1"},
		"/verify/resend":    {"email", email},
		"/password/forgot":  {"login", email},
		"/password/reset":   {"login", email, "otp", "1", "new_password", testflow.OtherPassword},
		"/reset":            {"login", email, "otp", "1", "new_password", testflow.OtherPassword},
		"/logout":           {},
		"/account/profile":  {"first_name", "Mallory"},
		"/account/password": {"current_password", testflow.Password, "new_password", testflow.OtherPassword},
		"/account/sessions": {"end", "all"},
		"/account/devices":  {"end", "others"},
	}
	for path, fields := range forms {
		for name, c := range map[string][]change{
			"neither header":       {header("Origin"), header("Sec-Fetch-Site")},
			"null":                 {header("Origin", "null"), header("Sec-Fetch-Site")},
			"evil":                 {header("Origin", "https://evil.test"), header("Sec-Fetch-Site")},
			"evil, as site":        {header("Sec-Fetch-Site", "cross-site")},
			"sibling":              {header("Origin", "https://www.example.com"), header("Sec-Fetch-Site", "same-site")},
			"http of the same":     {header("Origin", "http://"+host), header("Sec-Fetch-Site")},
			"other port":           {header("Origin", origin+":8443"), header("Sec-Fetch-Site")},
			"two origins":          {header("Origin", origin, "https://evil.test"), header("Sec-Fetch-Site")},
			"two sites":            {header("Sec-Fetch-Site", "same-origin", "cross-site")},
			"prefix of the origin": {header("Origin", origin+".evil.test"), header("Sec-Fetch-Site")},
		} {
			got := b.post(path, fields, c...)
			if got.status != http.StatusForbidden || got.heading() != "This request came from another site" && name != "http of the same" || got.header.Get("Set-Cookie") != "" {
				t.Fatalf("%s, %s: %d %v", path, name, got.status, got.header)
			}
		}
	}
	if b.cookies["__Host-gatehouse"] != former || len(h.Mails(t, "bob@example.com")) != 0 {
		t.Error("something was done all the same")
	}
	b.get("/account").want(http.StatusOK).silent("Mallory")
	for name, c := range map[string][]change{
		"Origin alone": {header("Sec-Fetch-Site")}, "Sec-Fetch-Site alone": {header("Origin")},
		"trusted": {header("Origin", "https://spa.example.com"), header("Sec-Fetch-Site", "cross-site")},
	} {
		if got := b.post("/account/profile", []string{"first_name", "Ada"}, c...); got.status != http.StatusSeeOther {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

// No GET does what a form does.
func TestB04_LinksDoNothing(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	for _, path := range everyPath {
		b.get(path + "?login=x&password=y&end=all&email=a@b.test&new_password=" + url.QueryEscape(testflow.OtherPassword))
	}
	b.get("/account").want(http.StatusOK)
	for _, body := range []string{"text/plain", "multipart/form-data; boundary=x"} {
		b.post("/logout", nil, header("Content-Type", body)).want(http.StatusUnsupportedMediaType)
	}
	b.get("/account").want(http.StatusOK)
}

func TestForms_AreReadStrictly(t *testing.T) {
	h := open(t)
	b := h.browser()
	send := func(body, kind string) *answer {
		r := httptest.NewRequest(http.MethodPost, "/auth/login?login=ada&password=x", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return b.send(r, nil)
	}
	form := "application/x-www-form-urlencoded"
	send("", form).want(http.StatusUnprocessableEntity) // the query is no part of it
	for _, body := range []string{"login=a&login=b&password=c", "login=%zz", "login=%ff&password=x", "a;b=c"} {
		send(body, form).want(http.StatusBadRequest)
	}
	send("login="+strings.Repeat("x", 1<<20), form).want(http.StatusRequestEntityTooLarge)
	send("login=a", form+"; charset=utf-8").want(http.StatusUnprocessableEntity)
	send(`{"login":"a"}`, "application/json").want(http.StatusUnprocessableEntity) // the API's
	if got := send(`{"login":"a"}`, "application/json"); got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %v", got.header)
	}
}

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.Title}}'; --javascript:alert(1)`

// checkEscaped ends the test when a page has an element or attribute that the templates do not have.
func checkEscaped(t *testing.T, a *answer) {
	t.Helper()
	for _, name := range []string{"script", "img", "iframe", "base", "style", "object"} {
		if len(a.all(name)) != 0 && (name != "script" || !onlyPasskeys(a)) {
			t.Fatalf("there is a %s:\n%s", name, a.body)
		}
	}
	for n := range a.tree.Descendants() {
		for _, at := range n.Attr {
			if strings.HasPrefix(at.Key, "on") || at.Key == "style" || at.Key == "srcdoc" {
				t.Fatalf("%s has %s:\n%s", n.Data, at.Key, a.body)
			}
			if at.Key == "href" && !strings.HasPrefix(at.Val, "/") && !strings.HasPrefix(at.Val, "#") && !strings.HasPrefix(at.Val, "https://"+host) {
				t.Fatalf("leads to %s", at.Val)
			}
		}
		if n.Type == html.CommentNode {
			t.Fatalf("there is a comment:\n%s", a.body)
		}
	}
}

func TestB06_WhatIsSentIsEscaped(t *testing.T) {
	h := open(t)
	b := h.browser()
	q := url.QueryEscape(hostile)
	for _, path := range everyPath {
		for _, query := range []string{"rd=" + q, "done=" + q, "token2=" + q, q, "rd=javascript:alert(1)", "error_description=" + q, "new=" + q} {
			got := b.get(path+"?"+query, header("Referer", "javascript:alert(1)"), header("Accept-Language", hostile))
			if got.body != "" {
				checkEscaped(t, got)
			}
		}
		b.cookies["__Host-gatehouse_pending"] = url.Values{"login": {hostile}, "rd": {"javascript:alert(1)"}}.Encode()
		if got := b.get(path + "?done=sent"); got.body != "" {
			checkEscaped(t, got)
		}
		delete(b.cookies, "__Host-gatehouse_pending")
		fields := []string{}
		for _, name := range []string{"login", "email", "otp", "username", "first_name", "last_name", "phone", "password", "new_password", "rd", "end", "id", "name"} {
			fields = append(fields, name, hostile)
		}
		if got := b.post(path, fields); got.body != "" {
			checkEscaped(t, got)
		}
	}
	checkEscaped(t, b.get("/"+url.PathEscape(hostile)).want(http.StatusNotFound))
}

func TestB07_WhatIsStoredIsEscaped(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.post("/account/profile", []string{"first_name", hostile, "last_name", "<b>x</b>", "username", "ada", "phone", ""}).leads("/auth/account?done=profile")
	for range 2 {
		checkEscaped(t, b.get("/account").want(http.StatusOK).says(hostile))
	}
	// A session opened by a program that calls itself and its device what it likes.
	in := testflow.Request()
	in.DeviceName, in.Client.UserAgent = hostile, "Mozilla/5.0 (<script>alert(1)</script>) "+hostile
	account := must(h.Profile.Get(t.Context(), must(h.Sessions.Start(t.Context(), must(h.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email}))(t), in))(t).Account.ID))(t)
	if account.Email != email {
		t.Fatal("no session")
	}
	checkEscaped(t, b.get("/account/sessions").want(http.StatusOK).says(hostile))
	checkEscaped(t, b.get("/account/devices").want(http.StatusOK).says(hostile))
	_, others := b.listed("/account/devices")
	for _, li := range others {
		checkEscaped(t, b.get("/account/devices?rename="+idIn(li)).want(http.StatusOK))
	}
}

func TestB08_HeadersOnEveryAnswer(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	check := func(name string, a *answer) {
		t.Helper()
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if a.header.Get(header) != want {
				t.Errorf("%s %d: %s is %q", name, a.status, header, a.header.Get(header))
			}
		}
		csp := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s %d: CSP %s", name, a.status, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || a.header.Get("Referrer-Policy") == "" {
			t.Errorf("%s %d: %v", name, a.status, a.header)
		}
	}
	for _, path := range everyPath {
		check(path, b.get(path))
		check(path, h.browser().get(path))
		check("POST "+path, h.browser().post(path, nil))
		check("foreign "+path, h.browser().post(path, nil, header("Sec-Fetch-Site", "cross-site")))
		check("multipart "+path, h.browser().post(path, nil, header("Content-Type", "multipart/form-data; boundary=x")))
	}
	check("method", b.send(httptest.NewRequest("GET", "/auth/refresh", nil), nil).want(http.StatusMethodNotAllowed))
	css := attr(h.browser().get("/login").all("link")[1], "href")
	check("css", b.get(strings.TrimPrefix(css, "/auth")).want(http.StatusOK))
	_ = h.Store.Close()
	check("store away", b.post("/login", []string{"login", "a", "password", "b"}).want(http.StatusServiceUnavailable))
	check("store away", b.post("/account", []string{"first_name", "b"}))
	plain := h.browser()
	plain.https = false
	if got := plain.get("/login"); got.header["Strict-Transport-Security"] != nil {
		t.Error("HSTS over http")
	}
}

func TestP26_OnlyTheLookIsCached(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	for _, path := range append(everyPath, "/account/x.css", "/static/x.css", "/account.css", "/static/") {
		got := b.get(path)
		if got.header.Get("Cache-Control") != "no-store" || !strings.Contains(strings.Join(got.header["Vary"], ","), "Accept-Language") {
			t.Errorf("%s: %v", path, got.header)
		}
		if strings.Contains(path, ".css") || path == "/static/" {
			got.want(http.StatusNotFound)
		}
	}
	for _, l := range b.get("/account").all("link") {
		got := b.get(strings.TrimPrefix(attr(l, "href"), "/auth")).want(http.StatusOK)
		if got.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || got.header["Set-Cookie"] != nil || got.header["Vary"] != nil {
			t.Errorf("%s: %v", attr(l, "href"), got.header)
		}
	}
}

func TestM06_NothingSecretIsLogged(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.post("/register", []string{"email", email, "password", testflow.Password}).want(http.StatusSeeOther)
	m := h.Mail(t, email, authcore.MailVerify)
	b.get(linkPath(t, m)).leads("/auth/verify")
	b.post("/verify", nil).leads("/auth/account")
	b.post("/password/forgot", []string{"login", email}).want(http.StatusSeeOther)
	reset := h.Mail(t, email, authcore.MailReset)
	b.get(linkPath(t, reset)).leads("/auth/reset")
	_ = h.Store.Close()
	b.post("/login", []string{"login", email + "\n{\"level\":\"fake\"}\x1b[2J", "password", "wrong-" + testflow.Password})
	b.post("/password/reset", []string{"new_password", testflow.OtherPassword})
	b.post("/account", []string{"first_name", "x"})
	b.get("/account")
	log := h.log.String()
	if !strings.Contains(log, "request") {
		t.Fatalf("nothing is logged at all: %s", log)
	}
	secrets := []string{testflow.Password, testflow.OtherPassword, m.Code, reset.Code, testflow.Token(t, m), testflow.Token(t, reset), email, "fake", "\x1b"}
	for _, value := range b.cookies {
		secrets = append(secrets, value)
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(log, s) {
			t.Errorf("%q is in the log: %s", s, log)
		}
	}
}

func TestHas(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		method, path, kind, accept string
		want                       bool
	}{
		{"GET", "/login", "", "", true}, {"HEAD", "/verify", "", "", true}, {"GET", "", "", "", true}, {"GET", "/", "", "*/*", true},
		{"GET", "/me", "", "text/html", false}, {"GET", "/sessions", "", "text/html", false}, {"GET", "/x", "", "*/*", false},
		{"GET", "/x", "", "text/html", true}, {"GET", "/refresh", "", "text/html", true}, {"GET", "/refresh", "", "", false},
		{"POST", "/login", "application/json", "text/html", false}, {"POST", "/login", "application/x-www-form-urlencoded", "", true},
		{"POST", "/login", "multipart/form-data; boundary=x", "", false}, {"POST", "/login", "text/plain", "", false}, {"POST", "/login", "", "", false},
		{"POST", "/logout", "", "", false}, {"POST", "/refresh", "application/x-www-form-urlencoded", "text/html", false},
		{"POST", "/x", "application/x-www-form-urlencoded", "text/html", true}, {"PUT", "/login", "application/x-www-form-urlencoded", "text/html", false},
		{"GET", "/login/", "", "", false}, {"GET", "/LOGIN", "", "", false}, {"GET", "/../login", "", "", false},
	} {
		r := httptest.NewRequest(c.method, "/auth"+c.path, nil)
		r.Header.Set("Content-Type", c.kind)
		r.Header.Set("Accept", c.accept)
		if got := h.pages.Has("/auth", r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	for _, kind := range []string{"multipart/form-data; boundary=x", "text/plain"} {
		r := httptest.NewRequest("POST", "/auth/login", nil)
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if !h.pages.Has("/auth", r) {
			t.Errorf("a browser's form of type %s is not for the pages", kind)
		}
	}
	for _, path := range []string{"/", "/login", "/authx/login"} {
		if h.pages.Has("/auth", httptest.NewRequest("GET", path, nil)) {
			t.Errorf("%s is outside", path)
		}
	}
}

func TestErrors_SayWhatToDo(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.get("/nothing").want(http.StatusNotFound).says("There is nothing here", "Check the address.")
	b.post("/nothing", nil).want(http.StatusNotFound)
	if got := b.post("/signed-out", nil).want(http.StatusMethodNotAllowed); got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("got %v", got.header)
	}
	h.Clock.Advance(time.Hour)
	_ = h.Store.Close()
	b.get("/account").want(http.StatusServiceUnavailable).says("Not available right now")
	if b.cookies["__Host-gatehouse_refresh"] == "" {
		t.Error("an outage signed somebody out")
	}
	r := httptest.NewRequest("GET", "/auth/login", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	h.pages.Handler("/auth").ServeHTTP(w, r) // nobody says who sent it
	a := answer{T: t, status: w.Code, header: w.Header(), body: w.Body.String()}
	a.want(http.StatusInternalServerError).says("Something went wrong on our side.", "please include ")
	if !strings.Contains(h.log.String(), "error_id") {
		t.Errorf("got %s", h.log.String())
	}
}

func TestD07_LanguagesCostNothing(t *testing.T) {
	h := open(t)
	b := h.browser()
	start := time.Now()
	b.get("/login", header("Accept-Language", strings.Repeat("de;q=0.5,", 10_000))).want(http.StatusOK)
	b.get("/login", header("Accept-Language", strings.Repeat("-", 1<<20))).want(http.StatusOK)
	if took := time.Since(start); took > 200*time.Millisecond {
		t.Errorf("took %v", took)
	}
}
