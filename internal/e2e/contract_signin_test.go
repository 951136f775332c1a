package e2e

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestContract_Login(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	for _, login := range []string{u.email, strings.ToUpper(u.email), " " + u.username, strings.ToUpper(u.username)} {
		a := g.api(t, "POST", "/login", object{"login": login, "password": password, "device_name": "kitchen"})
		account := a.pair(t, false)
		if account["id"] != u.id || account["username"] != u.username {
			t.Errorf("%q signs in %v", login, account)
		}
		body := a.json(t)
		if body["expires_in"] != 300.0 || body["refresh_expires_in"] != 30*24*3600.0 || !strings.HasPrefix(a.text("refresh_token"), "ghr_") {
			t.Errorf("lifetimes %v %v", body["expires_in"], body["refresh_expires_in"])
		}
	}
	a := g.api(t, "POST", "/login", object{"login": u.email, "password": password, "cookies": true})
	a.pair(t, true)
	set := a.setCookies(t)
	if len(set) != 3 || set["gatehouse_device"].MaxAge != 400*24*3600 || set["gatehouse"].MaxAge != 300 || set["gatehouse_refresh"].MaxAge != 30*24*3600 {
		t.Errorf("cookies %v", set)
	}
}

// TestContract_AccessToken: the claims that upstreams may rely on.
func TestContract_AccessToken(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t, profile{firstName: "Ada", lastName: "Lovelace"})
	got := claims(t, u.access)
	for _, name := range []string{"iss", "aud", "sub", "sid", "jti", "iat", "exp", "nbf", "amr", "acr", "auth_time", "roles"} {
		if got[name] == nil {
			t.Errorf("there is no claim %s", name)
		}
	}
	if got["iss"] != g.url("") || got["sub"] != u.id || got["sid"] != u.sid || got["email"] != u.email || got["username"] != u.username {
		t.Errorf("claims %v", got)
	}
	exp, _ := got["exp"].(float64)
	iat, _ := got["iat"].(float64)
	if exp-iat < 300 || exp-iat > 301 {
		t.Errorf("the token lives %v seconds", exp-iat)
	}
}

func TestContract_LoginRefusals(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u, waiting := g.newUser(t), freshEmail()
	g.register(t, object{"email": waiting, "password": password})
	g.api(t, "POST", "/login", object{}).invalid(t, "login", "password")
	g.api(t, "POST", "/login", object{"login": u.email}).invalid(t, "password")
	g.api(t, "POST", "/login", object{"login": u.email, "password": password, "device_name": "a\u202eb"}).invalid(t, "device_name")
	g.api(t, "POST", "/login", object{"login": u.email, "password": "wrong " + password}).problem(t, 401, "invalid_credentials")
	g.api(t, "POST", "/login", object{"login": freshEmail(), "password": password}).problem(t, 401, "invalid_credentials")
	// That an address waits for its proof is told only to who knows the password.
	g.api(t, "POST", "/login", object{"login": waiting, "password": password}).problem(t, 403, "account_not_verified")
	g.api(t, "POST", "/login", object{"login": waiting, "password": "wrong " + password}).problem(t, 401, "invalid_credentials")
	for range 4 {
		g.api(t, "POST", "/login", object{"login": u.email, "password": "wrong " + password}).want(t, 401, "invalid_credentials")
	}
	locked := g.api(t, "POST", "/login", object{"login": u.email, "password": password})
	locked.problem(t, 429, "account_locked")
	if n, err := strconv.Atoi(locked.header.Get("Retry-After")); err != nil || n < 1 || n > 60 {
		t.Errorf("Retry-After %q", locked.header.Get("Retry-After"))
	}
}

func TestContract_Refresh(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	a := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
	if account := a.pair(t, false); account["id"] != u.id || a.text("session_id") != u.sid {
		t.Errorf("the refresh belongs to %v", account)
	}
	if a.text("refresh_token") == u.refresh || a.text("access_token") == u.access {
		t.Error("the refresh gave the same tokens again")
	}
	for _, bad := range []any{object{}, nil, object{"refresh_token": "ghr_junk"}, object{"refresh_token": u.access},
		object{"refresh_token": u.refresh[:len(u.refresh)-1]}, object{"refresh_token": u.refresh + "A"}} {
		g.api(t, "POST", "/refresh", bad).problem(t, 401, "invalid_refresh_token")
	}
	// A program may ask for cookies.
	c := g.api(t, "POST", "/refresh", object{"refresh_token": a.text("refresh_token"), "cookies": true})
	c.pair(t, true)
	u.takeCookies(t, c)
	g.api(t, "GET", "/me", nil, call{cookies: u.cookies}).must(t, 200, "")
}

// TestContract_RefreshByCookie: what came in a cookie goes out in cookies, whatever the body asks for; else a script
// could trade the HttpOnly cookie for tokens that it can read.
func TestContract_RefreshByCookie(t *testing.T) {
	t.Parallel()
	g := shared(t)
	b := g.newBrowser(t)
	before := maps.Clone(b.cookies)
	for _, body := range []any{nil, object{"cookies": false}} {
		a := g.api(t, "POST", "/refresh", body, call{cookies: b.cookies})
		a.pair(t, true)
		b.takeCookies(t, a)
	}
	if b.cookies["gatehouse_refresh"] == before["gatehouse_refresh"] {
		t.Error("the refresh cookie is still the old one")
	}
	evil := call{cookies: b.cookies, header: map[string]string{"Origin": "https://evil.example"}}
	g.api(t, "POST", "/refresh", nil, evil).problem(t, 403, "cross_origin")
	junk := g.api(t, "POST", "/refresh", nil, call{cookies: map[string]string{"gatehouse_refresh": "ghr_junk"}})
	junk.problem(t, 401, "invalid_refresh_token")
	if len(junk.setCookies(t)) != 0 { // it may be another gateway's
		t.Errorf("a cookie that this gateway did not issue is cleared: %v", junk.setCookies(t))
	}
	g.api(t, "POST", "/logout", nil, call{cookies: b.cookies}).must(t, 204, "")
	a := g.api(t, "POST", "/refresh", nil, call{cookies: map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}})
	a.problem(t, 401, "invalid_refresh_token")
	for name, c := range a.setCookies(t) {
		if c.MaxAge >= 0 || c.Value != "" {
			t.Errorf("%s is not cleared beside a dead token", name)
		}
	}
	if len(a.setCookies(t)) != 2 {
		t.Errorf("cookies %v", a.setCookies(t))
	}
}

func TestContract_Logout(t *testing.T) {
	t.Parallel()
	g := shared(t)
	for name, out := range map[string]func(t *testing.T, u *user) answer{
		"bearer": func(t *testing.T, u *user) answer { return g.api(t, "POST", "/logout", nil, call{bearer: u.access}) },
		"refresh token": func(t *testing.T, u *user) answer {
			return g.api(t, "POST", "/logout", object{"refresh_token": u.refresh})
		},
		"cookies": func(t *testing.T, u *user) answer { return g.api(t, "POST", "/logout", nil, call{cookies: u.cookies}) },
		"refresh cookie": func(t *testing.T, u *user) answer {
			return g.api(t, "POST", "/logout", object{}, call{cookies: map[string]string{"gatehouse_refresh": u.cookies["gatehouse_refresh"]}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			byCookie := strings.Contains(name, "cookie")
			u := g.enrol(t, byCookie)
			a := out(t, u).empty(t, 204)
			cleared := slices.Sorted(maps.Keys(a.setCookies(t)))
			if byCookie != slices.Equal(cleared, []string{"gatehouse", "gatehouse_refresh"}) {
				t.Errorf("cleared cookies: %v", cleared)
			}
			if byCookie {
				g.api(t, "GET", "/me", nil, call{cookies: u.cookies}).problem(t, 401, "invalid_token")
				g.api(t, "POST", "/refresh", nil, call{cookies: u.cookies}).problem(t, 401, "invalid_refresh_token")
			} else {
				g.api(t, "GET", "/me", nil, call{bearer: u.access}).problem(t, 401, "invalid_token")
				g.do(t, call{path: "/app", bearer: u.access}).want(t, 401, "invalid_token")
				g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).problem(t, 401, "invalid_refresh_token")
			}
			out(t, u).empty(t, 204) // what was asked for is the case
		})
	}
	g.api(t, "POST", "/logout", nil).empty(t, 204)
	g.api(t, "POST", "/logout", nil, call{bearer: "junk"}).empty(t, 204)
}

func TestContract_TokenVerify(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	cookie := g.signIn(t, u, true).cookies["gatehouse"]
	inspect := func(token string) object {
		return g.api(t, "POST", "/token/verify", object{"token": token}).must(t, 200, "").json(t)
	}
	access := inspect(u.access)
	want := claims(t, u.access)
	want["active"], want["token_type"] = true, "access_token"
	for name, value := range want {
		if list, ok := value.([]any); ok {
			if got, _ := access[name].([]any); !slices.Equal(got, list) {
				t.Errorf("%s is %v", name, access[name])
			}
		} else if access[name] != value {
			t.Errorf("%s is %v, expected %v", name, access[name], value)
		}
	}
	refresh := inspect(u.refresh)
	shape{"active": "bool", "token_type": "text", "sub": "uuid", "sid": "uuid", "exp": "number"}.check(t, "a refresh token", refresh)
	if refresh["active"] != true || refresh["sub"] != u.id || refresh["sid"] != u.sid {
		t.Errorf("a refresh token is %v", refresh)
	}
	inactive := func(what, token string) {
		if got := inspect(token); len(got) != 1 || got["active"] != false {
			t.Errorf("%s is %v", what, got)
		}
	}
	for what, token := range map[string]string{"junk": "x", "ghr junk": "ghr_x", "a cut token": u.access[:len(u.access)-2],
		"a cookie's token": cookie, "a cut refresh token": u.refresh[:len(u.refresh)-1]} {
		inactive(what, token)
	}
	// Looking at it has changed nothing; the dead are all alike.
	next := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
	next.pair(t, false)
	inactive("a used refresh token", u.refresh)
	g.api(t, "POST", "/logout", nil, call{bearer: u.access}).empty(t, 204)
	inactive("a revoked access token", u.access)
	inactive("a revoked refresh token", next.text("refresh_token"))
	g.api(t, "POST", "/token/verify", object{}).invalid(t, "token")
}
