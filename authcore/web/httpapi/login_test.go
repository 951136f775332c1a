package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

func TestLogin(t *testing.T) {
	h := open(t)
	a := h.account(email, username)
	got := h.post("/login", `{"login":"Ada","password":"`+password+`","device_name":"laptop"}`).want(http.StatusOK)
	p := got.pair()
	if strings.Count(p.AccessToken, ".") != 2 || !strings.HasPrefix(p.RefreshToken, "ghr_") || p.TokenType != "Bearer" ||
		p.ExpiresIn != 300 || p.RefreshExpiresIn != 30*24*3600 || p.SessionID == "" {
		t.Errorf("got %s", got.body)
	}
	want := map[string]any{
		"id": a.ID.String(), "email": email, "email_verified": true, "username": "ada", "phone": "", "first_name": "Ada",
		"last_name": "Lovelace", "avatar_url": "", "roles": []any{}, "created_at": "2026-11-22T13:00:00Z",
		"phone_verified": false, "fields": map[string]any{}, "locale": "", "pending": []any{}, "password_set": true, "mfa_enabled": false,
		"invited_by": nil,
	}
	if user := got.fields()["user"]; !reflect.DeepEqual(user, want) {
		t.Errorf("user:\n got %v\nwant %v", user, want)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header["Set-Cookie"] != nil {
		t.Errorf("headers: %v", got.header)
	}
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).want(http.StatusOK)
}

func TestLogin_Cookies(t *testing.T) {
	h := open(t)
	h.account(email, "")
	b := h.browser()
	got := b.signIn(email).fields()
	if got["access_token"] != nil || got["refresh_token"] != nil || got["session_id"] == "" || got["user"].(map[string]any)["username"] != nil {
		t.Errorf("got %v", got)
	}
	if len(b.cookies) != 2 || b.cookies["__Host-gatehouse"] == "" || b.cookies["__Host-gatehouse_refresh"] == "" {
		t.Errorf("cookies: %v", b.cookies)
	}
	b.call(http.MethodGet, "/me", "").want(http.StatusOK)
	// The cookie's token is of another kind and worth nothing as a bearer, nor a bearer in the cookie.
	h.call(http.MethodGet, "/me", "", bearer(b.cookies["__Host-gatehouse"])).refused(401, authcore.InvalidToken)
	h.call(http.MethodGet, "/me", "", header("Cookie", "__Host-gatehouse="+h.signIn(email).AccessToken)).refused(401, authcore.InvalidToken)

	plain := h.post("/login", `{"login":"`+email+`","password":"`+password+`","cookies":true}`, plainHTTP()).want(http.StatusOK)
	for _, line := range plain.header["Set-Cookie"] {
		if !strings.HasPrefix(line, "gatehouse") || strings.Contains(line, "Secure") {
			t.Errorf("over http: %q", line)
		}
	}
}

// The comparison covers every byte of the answer but its date.
func TestL01_EqualAnswers(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.account("off@example.com", "off", func(a *authcore.Account) { a.DisabledAt = h.Clock.Now() })
	h.account("nopass@example.com", "nopass", func(a *authcore.Account) { a.PasswordHash = "" })
	first := h.post("/login", `{"login":"nobody@example.com","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	for name, body := range map[string]string{
		"wrong password":              `{"login":"ada@example.com","password":"wrong granite lantern 7"}`,
		"wrong password by username":  `{"login":"ada","password":"wrong granite lantern 7"}`,
		"unknown username":            `{"login":"nobody","password":"` + password + `"}`,
		"disabled, right password":    `{"login":"off@example.com","password":"` + password + `"}`,
		"disabled, wrong password":    `{"login":"off","password":"wrong granite lantern 7"}`,
		"account without a password":  `{"login":"nopass","password":"` + password + `"}`,
		"no identifier at all":        `{"login":"` + strings.Repeat("x", 400) + `","password":"x"}`,
		"password too long to be one": `{"login":"ada","password":"` + strings.Repeat("x", 5000) + `"}`,
	} {
		got := h.post("/login", body)
		if got.status != first.status || string(got.body) != string(first.body) || !sameHeader(got, first) {
			t.Errorf("%s:\n got %d %v %s\nwant %d %v %s", name, got.status, got.header, got.body, first.status, first.header, first.body)
		}
	}
	if first.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("WWW-Authenticate: %q", first.header.Get("WWW-Authenticate"))
	}
}

func TestLogin_Fields(t *testing.T) {
	h := open(t)
	got := h.post("/login", `{"login":null}`).refused(http.StatusUnprocessableEntity, authcore.InvalidFields)
	var p struct{ Errors map[string][]string }
	got.into(&p)
	if len(p.Errors["login"]) != 1 || len(p.Errors["password"]) != 1 {
		t.Errorf("got %s", got.body)
	}
}

func TestLogin_LockedKnownAndUnknownAlike(t *testing.T) {
	h := open(t)
	h.account(email, username)
	for _, login := range []string{username, "nobody"} {
		body := `{"login":"` + login + `","password":"wrong granite lantern 7"}`
		for range 5 {
			h.post("/login", body).refused(401, authcore.InvalidCredentials)
		}
		got := h.post("/login", body).refused(http.StatusTooManyRequests, authcore.AccountLocked)
		if wait, _ := strconv.Atoi(got.header.Get("Retry-After")); wait < 1 || wait > 60 {
			t.Errorf("%s: Retry-After %q", login, got.header.Get("Retry-After"))
		}
	}
}

func TestLogin_NotVerified(t *testing.T) {
	h := open(t)
	h.post("/register", `{"email":"new@example.com","password":"`+password+`"}`).want(http.StatusAccepted)
	h.post("/login", `{"login":"new@example.com","password":"`+password+`"}`).refused(403, authcore.AccountNotVerified)
	h.post("/login", `{"login":"new@example.com","password":"`+password2+`"}`).refused(401, authcore.InvalidCredentials)
}

// Cookies that were there before a sign-in are replaced, and the session behind them ends.
func TestS01_Fixation(t *testing.T) {
	h := open(t)
	h.account("mallory@example.com", "mallory")
	h.account(email, username)
	mallory, victim := h.browser(), h.browser()
	planted := mallory.signIn("mallory").pair().SessionID
	for name, value := range mallory.cookies {
		victim.cookies[name] = value
	}
	own := victim.signIn(username).pair().SessionID
	if own == planted || victim.cookies["__Host-gatehouse"] == mallory.cookies["__Host-gatehouse"] ||
		victim.cookies["__Host-gatehouse_refresh"] == mallory.cookies["__Host-gatehouse_refresh"] {
		t.Error("a planted cookie survived the sign-in")
	}
	if got := victim.call(http.MethodGet, "/me", "").want(200).fields()["username"]; got != username {
		t.Errorf("signed in as %v", got)
	}
	mallory.call(http.MethodGet, "/me", "").refused(401, authcore.InvalidToken)

	victim = h.browser()
	victim.cookies["__Host-gatehouse"], victim.cookies["__Host-gatehouse_refresh"] = "made.up.token", "ghr_made_up"
	victim.signIn(username)
	victim.call(http.MethodGet, "/me", "").want(200)
}

func TestB04_LoginFromAnotherOrigin(t *testing.T) {
	h := open(t, plan{origins: []string{"https://spa.example.com"}})
	h.account(email, username)
	body := `{"login":"ada","password":"` + password + `","cookies":true}`
	for _, c := range []change{
		header("Origin", "https://evil.test"), header("Origin", "null"), header("Origin", "https://sub."+host),
		header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Site", "same-site"),
	} {
		got := h.post("/login", body, c).refused(403, authcore.CrossOrigin)
		if got.header["Set-Cookie"] != nil {
			t.Errorf("cookies were set: %v", got.header)
		}
	}
	for _, c := range []change{
		header("Origin", "https://"+host), header("Origin", "https://spa.example.com"), header("Sec-Fetch-Site", "same-origin"),
	} {
		h.post("/login", body, c).want(200)
	}
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		h.post("/login", body, header("Content-Type", contentType)).refused(415, authcore.UnsupportedMediaType)
	}
	h.call(http.MethodGet, "/login", "").refused(405, authcore.MethodNotAllowed)
}

func TestLogin_RateLimitedBeforeTheBodyIsRead(t *testing.T) {
	h := open(t)
	for range 30 {
		h.post("/login", `{}`, from("192.0.2.7")).want(http.StatusUnprocessableEntity)
	}
	got := h.post("/login", `not json`, from("192.0.2.7")).refused(http.StatusTooManyRequests, authcore.RateLimited)
	if wait, _ := strconv.Atoi(got.header.Get("Retry-After")); wait < 1 || wait > 60 {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	h.post("/login", `{}`, from("192.0.2.8")).want(http.StatusUnprocessableEntity)
	// One /64 is one client (L14).
	for i := range 30 {
		h.post("/login", `{}`, from("2001:db8:1:1::"+strconv.Itoa(i+1))).want(http.StatusUnprocessableEntity)
	}
	h.post("/login", `{}`, from("2001:db8:1:1:ffff::1")).refused(http.StatusTooManyRequests, authcore.RateLimited)
	h.post("/login", `{}`, from("2001:db8:1:2::1")).want(http.StatusUnprocessableEntity)
}

func TestServer_WithoutIncoming(t *testing.T) {
	h := open(t)
	r := httptest.NewRequest(http.MethodGet, "/auth/healthz", nil)
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	answer{t, w.Code, w.Header(), w.Body.Bytes()}.refused(500, authcore.Internal)
}
