package httpapi_test

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

func TestRefresh(t *testing.T) {
	h := open(t)
	h.account(email, username)
	first := h.signIn(username)
	second := h.post("/refresh", `{"refresh_token":"`+first.RefreshToken+`"}`).pair()
	if second.SessionID != first.SessionID || second.RefreshToken == first.RefreshToken || second.AccessToken == "" || second.User.Email != email {
		t.Errorf("got %+v after %+v", second, first)
	}
	again := h.post("/refresh", `{"refresh_token":"`+first.RefreshToken+`"}`).pair()
	if again.RefreshToken != second.RefreshToken {
		t.Error("within the leeway the successor differs")
	}
	h.Clock.Advance(11 * time.Second)
	h.post("/refresh", `{"refresh_token":"`+first.RefreshToken+`"}`).refused(401, authcore.RefreshTokenReused)
	h.post("/refresh", `{"refresh_token":"`+second.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	h.call(http.MethodGet, "/me", "", bearer(second.AccessToken)).refused(401, authcore.InvalidToken)
}

func TestRefresh_Refusals(t *testing.T) {
	h := open(t)
	for _, body := range []string{"", `{}`, `{"refresh_token":null}`, `{"refresh_token":""}`, `{"refresh_token":"junk"}`, `{"refresh_token":"ghr_junk"}`} {
		got := h.post("/refresh", body).refused(401, authcore.InvalidRefreshToken)
		if got.header["Set-Cookie"] != nil {
			t.Errorf("%q: cookies %v", body, got.header["Set-Cookie"])
		}
	}
	h.post("/refresh", `{"refresh_token":1}`).refused(400, authcore.InvalidRequest)
	h.post("/refresh", `refresh_token=x`, header("Content-Type", "application/x-www-form-urlencoded")).refused(415, authcore.UnsupportedMediaType)
}

func TestRefresh_Cookies(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	b.signIn(username)
	before := b.cookies["__Host-gatehouse_refresh"]
	for _, body := range []string{"", `{}`, `{"cookies":false}`} {
		got := b.post("/refresh", body).want(200).fields()
		if got["access_token"] != nil || got["refresh_token"] != nil {
			t.Fatalf("%q: the tokens of HttpOnly cookies stand in the body", body)
		}
	}
	if b.cookies["__Host-gatehouse_refresh"] == before || b.cookies["__Host-gatehouse_refresh"] == "" {
		t.Error("the refresh cookie was not replaced")
	}
	for _, c := range []change{header("Origin", "https://evil.test"), header("Origin", "null"), header("Sec-Fetch-Site", "cross-site")} {
		b.post("/refresh", "", c).refused(403, authcore.CrossOrigin)
	}
	h.Clock.Advance(11 * time.Second)
	b.cookies["__Host-gatehouse_refresh"] = before
	b.post("/refresh", "").refused(401, authcore.RefreshTokenReused)
	if len(b.cookies) != 0 {
		t.Errorf("dead cookies were kept: %v", b.cookies)
	}
}

// A store that is away is no reason to sign anybody out.
func TestRefresh_StoreAway(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	b.signIn(username)
	p := h.signIn(username)
	h.Clock.Advance(6 * time.Minute)
	check(t, h.Store.Close())
	for _, path := range []string{"/refresh", "/logout"} {
		got := b.post(path, "").refused(503, authcore.Unavailable)
		if got.header["Set-Cookie"] != nil || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %v", path, got.header)
		}
	}
	if got := b.call(http.MethodGet, "/me", "").refused(503, authcore.Unavailable); got.header["Set-Cookie"] != nil {
		t.Errorf("renewal: %v", got.header)
	}
	h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).refused(503, authcore.Unavailable)
	h.post("/login", `{"login":"ada","password":"`+password+`"}`).refused(503, authcore.Unavailable)
	for _, secret := range []string{p.RefreshToken, password, email} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestLogout(t *testing.T) {
	h := open(t)
	h.account(email, username)
	for name, logout := range map[string]func(pair) answer{
		"bearer":        func(p pair) answer { return h.post("/logout", "", bearer(p.AccessToken)) },
		"refresh token": func(p pair) answer { return h.post("/logout", `{"refresh_token":"`+p.RefreshToken+`"}`) },
		"both": func(p pair) answer {
			return h.post("/logout", `{"refresh_token":"`+p.RefreshToken+`"}`, bearer(p.AccessToken))
		},
	} {
		p := h.signIn(username)
		if got := logout(p).want(http.StatusNoContent); len(got.body) > 0 {
			t.Errorf("%s: body %s", name, got.body)
		}
		h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
		h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
		logout(p).want(http.StatusNoContent)
	}
	h.post("/logout", "").want(http.StatusNoContent)
	h.post("/logout", `{"refresh_token":"ghr_junk"}`).want(http.StatusNoContent)
	// What names nothing changes nothing, and its sender has nothing left.
	p := h.signIn(username)
	for _, junk := range []string{"junk", "", p.RefreshToken, p.AccessToken + "x", p.AccessToken[:len(p.AccessToken)-4]} {
		h.post("/logout", "", bearer(junk)).want(http.StatusNoContent)
	}
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).want(http.StatusOK)
	h.post("/logout", "{", bearer("junk")).refused(400, authcore.InvalidRequest)
	twice := func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer a", "Bearer b"} }
	h.post("/logout", "", twice).refused(400, authcore.InvalidRequest)
}

// An access token that has expired is as good as any for giving its session up, and for nothing else.
func TestLogout_Expired(t *testing.T) {
	h := open(t)
	h.account(email, username)
	late := h.signIn(username)
	h.issuers.Store(&[]string{"https://other.example.com"})
	h.Clock.Advance(6 * time.Minute)
	h.post("/logout", "", bearer(late.AccessToken)).want(http.StatusNoContent)
	h.issuers.Store(&[]string{issuer})
	late = h.refreshed(late) // another issuer's token ended nothing
	h.Clock.Advance(6 * time.Minute)
	h.call(http.MethodGet, "/me", "", bearer(late.AccessToken)).refused(401, authcore.InvalidToken)
	h.post("/logout", "", bearer(late.AccessToken[:len(late.AccessToken)-4]+"AAAA")).want(http.StatusNoContent)
	h.post("/logout", "", header("Cookie", "__Host-gatehouse="+late.AccessToken)).want(http.StatusNoContent)
	late = h.refreshed(late)
	h.Clock.Advance(6 * time.Minute)
	for range 2 {
		h.post("/logout", "", bearer(late.AccessToken)).want(http.StatusNoContent)
		h.post("/refresh", `{"refresh_token":"`+late.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	}

	b := h.browser()
	b.signIn(username)
	refresh := b.cookies["__Host-gatehouse_refresh"]
	delete(b.cookies, "__Host-gatehouse_refresh")
	h.Clock.Advance(6 * time.Minute)
	b.post("/logout", "", header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	b.post("/logout", "").want(http.StatusNoContent)
	h.post("/refresh", `{"refresh_token":"`+refresh+`"}`).refused(401, authcore.InvalidRefreshToken)
}

func (h *house) refreshed(p pair) pair {
	h.Helper()
	return h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).pair()
}

// A bearer token that names nothing does not let the cookies beside it speak, and their session is not said to be over.
func TestLogout_JunkBesideCookies(t *testing.T) {
	h := open(t)
	h.account(email, username)
	for _, only := range []string{"", "__Host-gatehouse", "__Host-gatehouse_refresh"} {
		b := h.browser()
		b.signIn(username)
		for name := range b.cookies {
			if only != "" && name != only {
				delete(b.cookies, name)
			}
		}
		kept := maps.Clone(b.cookies)
		for _, junk := range []string{"junk", ""} {
			b.post("/logout", "", bearer(junk)).refused(401, authcore.InvalidToken)
		}
		if !maps.Equal(b.cookies, kept) {
			t.Errorf("%v became %v", kept, b.cookies)
		}
		b.call(http.MethodGet, "/me", "").want(http.StatusOK)
		other := h.signIn(username)
		b.post("/logout", `{"refresh_token":"`+other.RefreshToken+`"}`, bearer("junk")).want(http.StatusNoContent)
		b.post("/logout", "", bearer(h.signIn(username).AccessToken)).want(http.StatusNoContent)
		b.call(http.MethodGet, "/me", "").want(http.StatusOK)
	}
}

func TestLogout_Cookies(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	b.signIn(username)
	access := b.cookies["__Host-gatehouse"]
	b.post("/logout", "", header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	b.post("/logout", "", header("Content-Type", "application/x-www-form-urlencoded")).refused(415, authcore.UnsupportedMediaType)
	b.call(http.MethodGet, "/logout", "").refused(405, authcore.MethodNotAllowed)
	b.post("/logout", "").want(http.StatusNoContent)
	if len(b.cookies) != 0 {
		t.Errorf("cookies are left: %v", b.cookies)
	}
	h.call(http.MethodGet, "/me", "", header("Cookie", "__Host-gatehouse="+access)).refused(401, authcore.InvalidToken)

	b.signIn(username)
	refresh := b.cookies["__Host-gatehouse_refresh"]
	h.Clock.Advance(6 * time.Minute) // only the refresh cookie is good
	b.post("/logout", "").want(http.StatusNoContent)
	h.post("/refresh", `{"refresh_token":"`+refresh+`"}`).refused(401, authcore.InvalidRefreshToken)
}

func TestTokenVerify(t *testing.T) {
	h := open(t)
	a := h.account(email, username)
	p := h.signIn(username)
	b := h.browser()
	b.signIn(username)

	got := h.post("/token/verify", `{"token":"`+p.AccessToken+`"}`).want(200).fields()
	for name, want := range map[string]any{
		"active": true, "token_type": "access_token", "sub": a.ID.String(), "sid": p.SessionID, "iss": issuer, "exp": float64(h.Clock.Now().Unix() + 300),
		"iat": float64(h.Clock.Now().Unix()),
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for range 2 { // it changes nothing
		got = h.post("/token/verify", `{"token":"`+p.RefreshToken+`"}`).want(200).fields()
		if len(got) != 5 || got["active"] != true || got["token_type"] != "refresh_token" || got["sub"] != a.ID.String() || got["sid"] != p.SessionID ||
			got["exp"] != float64(h.Clock.Now().Add(30*24*time.Hour).Unix()) {
			t.Errorf("refresh token: %v", got)
		}
	}
	next := h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).pair()
	inactive := []string{
		"x", "a.b.c", "ghr_", "ghr_x", p.AccessToken + "x", p.AccessToken[:len(p.AccessToken)-1], p.RefreshToken, p.RefreshToken + "x",
		b.cookies["__Host-gatehouse"], "Bearer " + p.AccessToken, strings.Repeat(".", 1_000_000),
	}
	h.post("/logout", "", bearer(p.AccessToken)).want(204)
	inactive = append(inactive, p.AccessToken, next.AccessToken, next.RefreshToken)
	for _, token := range inactive {
		got := h.post("/token/verify", `{"token":"`+token+`"}`).want(200)
		if string(got.body) != `{"active":false}` {
			t.Errorf("%.40q: got %s", token, got.body)
		}
	}
	h.post("/token/verify", `{}`).refused(422, authcore.InvalidFields)
	elsewhere := h.signIn(username)
	h.issuers.Store(&[]string{"https://other.example.com"})
	if got := h.post("/token/verify", `{"token":"`+elsewhere.AccessToken+`"}`); string(got.body) != `{"active":false}` {
		t.Errorf("a token of another issuer: %s", got.body)
	}
	h.call(http.MethodGet, "/me", "", bearer(elsewhere.AccessToken)).refused(401, authcore.InvalidToken)
}

func TestTokenVerify_RateLimited(t *testing.T) {
	h := open(t)
	for range 120 {
		h.post("/token/verify", `{"token":"x"}`).want(200)
		h.post("/refresh", ``).want(401)
	}
	h.post("/token/verify", `{"token":"x"}`).refused(429, authcore.RateLimited)
	h.post("/refresh", ``).refused(429, authcore.RateLimited)
}

// Authenticated calls renew a browser in place, all that arrive together.
func TestRenew(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	b.signIn(username)
	old := b.cookies["__Host-gatehouse"]
	h.Clock.Advance(6 * time.Minute)

	both := header("Cookie", "__Host-gatehouse="+old+"; __Host-gatehouse_refresh="+b.cookies["__Host-gatehouse_refresh"])
	h.call(http.MethodPatch, "/me", `{"first_name":"X"}`, both, header("Sec-Fetch-Site", "cross-site")).refused(403, authcore.CrossOrigin)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got := h.call(http.MethodPatch, "/me", `{"first_name":"Renewed"}`, both)
			if got.status != 200 || len(got.header["Set-Cookie"]) != 2 || got.header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("status %d, %v", got.status, got.header)
			}
		})
	}
	wg.Wait()
	got := b.call(http.MethodGet, "/me", "").want(200)
	if got.fields()["first_name"] != "Renewed" || b.cookies["__Host-gatehouse"] == old {
		t.Errorf("got %s, cookies %v", got.body, b.cookies)
	}
	delete(b.cookies, "__Host-gatehouse") // the browser has dropped it: Max-Age has passed
	b.call(http.MethodGet, "/me", "").want(200)
	b.cookies["__Host-gatehouse"] = "junk"
	b.call(http.MethodGet, "/me", "").want(200)

	dead := h.browser()
	dead.signIn(username)
	kept := maps.Clone(dead.cookies)
	dead.call(http.MethodPost, "/logout", "").want(204)
	dead.cookies = maps.Clone(kept)
	dead.call(http.MethodGet, "/me", "").refused(401, authcore.InvalidToken)
	if len(dead.cookies) != 0 {
		t.Errorf("dead cookies were kept: %v", dead.cookies)
	}
	// What is not from here is another gateway's on the host, and not known to be dead.
	for path, status := range map[string]int{"/me": 401, "/refresh": 401} {
		dead.cookies = map[string]string{"__Host-gatehouse": "junk", "__Host-gatehouse_refresh": "ghr_" + strings.Repeat("A", 86)}
		method := map[string]string{"/me": http.MethodGet, "/refresh": http.MethodPost}[path]
		dead.call(method, path, "").want(status)
		if len(dead.cookies) != 2 {
			t.Errorf("%s: a stranger's cookies were cleared: %v", path, dead.cookies)
		}
	}
	// A bad bearer token is never made good by a cookie.
	b.call(http.MethodGet, "/me", "", bearer("junk")).refused(401, authcore.InvalidToken)
}
