package httpapi_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

func TestMe(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.account("grace@example.com", "grace")
	me := bearer(h.signIn(username).AccessToken)
	got := h.call(http.MethodPatch, "/me", `{"first_name":" Augusta Ada ","phone":"+44 20 7946 0018"}`, me).want(200).fields()
	if got["first_name"] != "Augusta Ada" || got["last_name"] != "Lovelace" || got["username"] != username || got["phone"] != "+442079460018" {
		t.Errorf("PATCH: %v", got)
	}
	if seen := h.call(http.MethodGet, "/me", "", me).want(200).fields(); !reflect.DeepEqual(seen, got) {
		t.Errorf("GET: %v", seen)
	}
	got = h.call(http.MethodPatch, "/me", `{"phone":null}`, me).want(200).fields()
	if got["phone"] != "" || got["first_name"] != "Augusta Ada" {
		t.Errorf("PATCH null: %v", got)
	}
	got = h.call(http.MethodPut, "/me", `{"first_name":"Ada","username":"countess"}`, me).want(200).fields()
	if got["first_name"] != "Ada" || got["last_name"] != "" || got["username"] != "countess" {
		t.Errorf("PUT: %v", got)
	}
	if got = h.call(http.MethodPatch, "/me", `{}`, me).want(200).fields(); got["first_name"] != "Ada" {
		t.Errorf("empty PATCH: %v", got)
	}
	h.call(http.MethodPatch, "/me", `{"username":"grace"}`, me).refused(422, authcore.InvalidFields)
	h.call(http.MethodPatch, "/me", `{"username":"a@b"}`, me).refused(422, authcore.InvalidFields)
	h.call(http.MethodPatch, "/me", `{"first_name":5}`, me).refused(400, authcore.InvalidRequest)
	h.call(http.MethodPatch, "/me", "", me).refused(415, authcore.UnsupportedMediaType)
}

func TestMe_NeedsASession(t *testing.T) {
	h := open(t)
	h.account(email, username)
	p := h.signIn(username)
	for _, path := range []string{"/me", "/sessions"} {
		got := h.call(http.MethodGet, path, "").refused(401, authcore.AuthenticationRequired)
		if got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("WWW-Authenticate: %q", got.header.Get("WWW-Authenticate"))
		}
		got = h.call(http.MethodGet, path, "", bearer("junk")).refused(401, authcore.InvalidToken)
		if got.header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
			t.Errorf("WWW-Authenticate: %q", got.header.Get("WWW-Authenticate"))
		}
		h.call(http.MethodGet, path+"?access_token="+p.AccessToken, "").refused(401, authcore.AuthenticationRequired)
		h.call(http.MethodGet, path, "", header("Authorization", "Bearer "+p.AccessToken, "Bearer "+p.AccessToken)).refused(400, authcore.InvalidRequest)
		h.call(http.MethodGet, path, "", header("Authorization", "Basic eDp5")).refused(401, authcore.AuthenticationRequired)
	}
	h.Clock.Advance(5 * time.Minute)
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
}

func TestB02_TossedCookie(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	b.signIn(username)
	own := "__Host-gatehouse=" + b.cookies["__Host-gatehouse"]
	h.call(http.MethodGet, "/me", "", header("Cookie", own)).want(200)
	for _, line := range []string{own + "; __Host-gatehouse=planted", "__Host-gatehouse=planted; " + own, own + "; " + own, strings.TrimPrefix(own, "__Host-")} {
		h.call(http.MethodGet, "/me", "", header("Cookie", line)).refused(401, authcore.AuthenticationRequired)
	}
	h.call(http.MethodGet, "/me", "", header("Cookie", own), plainHTTP()).refused(401, authcore.AuthenticationRequired)
}

type entry struct {
	ID                                    string
	Current                               bool
	CreatedAt                             string `json:"created_at"`
	LastSeenAt                            string `json:"last_seen_at"`
	UserAgent                             string `json:"user_agent"`
	IP, Browser, OS, Device, Name, Secret string
}

func (h *house) sessions(token string) []entry {
	h.Helper()
	var list struct{ Sessions []entry }
	h.call(http.MethodGet, "/sessions", "", bearer(token)).want(200).into(&list)
	return list.Sessions
}

func TestSessions_List(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.account("grace@example.com", "grace")
	h.signIn("grace")
	phone := h.post("/login", `{"login":"ada","password":"`+password+`","device_name":"Ada's phone"}`, agent(iphone), from("2001:db8::7")).pair()
	h.Clock.Advance(time.Minute)
	desk := h.signIn(username)
	got := h.sessions(desk.AccessToken)
	want := []entry{
		{
			ID: desk.SessionID, Current: true, CreatedAt: "2026-11-22T13:01:00Z", LastSeenAt: "2026-11-22T13:01:00Z", IP: "192.0.2.1",
			Browser: "Firefox", OS: "Linux", Device: "desktop", UserAgent: firefox,
		},
		{
			ID: phone.SessionID, CreatedAt: "2026-11-22T13:00:00Z", LastSeenAt: "2026-11-22T13:00:00Z", IP: "2001:db8::7",
			Browser: "Safari", OS: "iOS", Device: "iPhone", UserAgent: iphone, Name: "Ada's phone",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestSessions_End(t *testing.T) {
	h := open(t)
	h.account(email, username)
	one, two := h.signIn(username), h.signIn(username)
	h.call(http.MethodDelete, "/sessions/"+two.SessionID, "", bearer(one.AccessToken)).want(204)
	h.call(http.MethodGet, "/me", "", bearer(two.AccessToken)).refused(401, authcore.InvalidToken)
	h.post("/refresh", `{"refresh_token":"`+two.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	h.call(http.MethodDelete, "/sessions/"+two.SessionID, "", bearer(one.AccessToken)).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, "/sessions/"+one.SessionID, "", bearer(one.AccessToken)).want(204)
	h.call(http.MethodGet, "/me", "", bearer(one.AccessToken)).refused(401, authcore.InvalidToken)

	b := h.browser()
	id := b.signIn(username).pair().SessionID
	b.call(http.MethodDelete, "/sessions/"+id, "", header("Origin", "https://evil.test")).refused(403, authcore.CrossOrigin)
	b.call(http.MethodDelete, "/sessions/"+id, "").want(204)
	if len(b.cookies) != 0 {
		t.Errorf("cookies are left: %v", b.cookies)
	}
}

func TestS06_ForeignSession(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.account("grace@example.com", "grace")
	ada, grace := h.signIn(username), h.signIn("grace")
	foreign := h.call(http.MethodDelete, "/sessions/"+grace.SessionID, "", bearer(ada.AccessToken)).refused(404, authcore.NotFound)
	for _, id := range []string{uuid.NewString(), "x", strings.ToUpper(ada.SessionID), "{" + ada.SessionID + "}"} {
		got := h.call(http.MethodDelete, "/sessions/"+id, "", bearer(ada.AccessToken)).refused(404, authcore.NotFound)
		if string(got.body) != string(foreign.body) || !sameHeader(got, foreign) {
			t.Errorf("%s: a foreign session can be told from none: %s", id, got.body)
		}
	}
	got := h.post("/sessions/revoke", `{"ids":["`+grace.SessionID+`"]}`, bearer(ada.AccessToken)).want(200)
	if string(got.body) != `{"revoked":0}` {
		t.Errorf("got %s", got.body)
	}
	h.call(http.MethodGet, "/me", "", bearer(grace.AccessToken)).want(200)
	h.post("/refresh", `{"refresh_token":"`+grace.RefreshToken+`"}`).want(200)
}

func TestS05_RevokeOthers(t *testing.T) {
	h := open(t)
	h.account(email, username)
	own, other, third := h.signIn(username), h.signIn(username), h.signIn(username)
	b := h.browser()
	b.signIn(username)
	got := h.post("/sessions/revoke", `{"others":true}`, bearer(own.AccessToken)).want(200)
	if string(got.body) != `{"revoked":3}` {
		t.Errorf("got %s", got.body)
	}
	for _, p := range []pair{other, third} {
		h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
		h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	}
	b.call(http.MethodGet, "/me", "").refused(401, authcore.InvalidToken)
	h.call(http.MethodGet, "/me", "", bearer(own.AccessToken)).want(200)
	h.post("/refresh", `{"refresh_token":"`+own.RefreshToken+`"}`).want(200)
}

func TestSessions_Revoke(t *testing.T) {
	h := open(t)
	h.account(email, username)
	one, two, three := h.signIn(username), h.signIn(username), h.signIn(username)
	me := bearer(one.AccessToken)
	for _, body := range []string{`{}`, `{"ids":null}`, `{"all":false}`, `{"all":true,"others":true}`, `{"ids":[],"all":true}`, `{"ids":["x"]}`, `{"ids":[null]}`} {
		h.post("/sessions/revoke", body, me).refused(422, authcore.InvalidFields)
	}
	h.post("/sessions/revoke", `{"ids":"x"}`, me).refused(400, authcore.InvalidRequest)
	if got := h.post("/sessions/revoke", `{"ids":[]}`, me).want(200); string(got.body) != `{"revoked":0}` {
		t.Errorf("no ids: %s", got.body)
	}
	if got := h.post("/sessions/revoke", `{"ids":["`+two.SessionID+`","`+two.SessionID+`","`+uuid.NewString()+`"]}`, me).want(200); string(got.body) != `{"revoked":1}` {
		t.Errorf("one of them live: %s", got.body)
	}
	b := h.browser()
	b.signIn(username)
	if got := b.post("/sessions/revoke", `{"all":true}`).want(200); string(got.body) != `{"revoked":3}` || len(b.cookies) != 0 {
		t.Errorf("all: %s, cookies %v", got.body, b.cookies)
	}
	for _, p := range []pair{one, three} {
		h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
	}
}

func TestPassword_ForgotReset(t *testing.T) {
	h := open(t)
	h.account(email, username)
	p := h.signIn(username)
	known := h.post("/password/forgot", `{"login":"ada"}`).want(http.StatusAccepted)
	for _, body := range []string{`{"login":"nobody"}`, `{"email":"nobody@example.com"}`, `{"login":"` + strings.Repeat("x", 1000) + `"}`} {
		got := h.post("/password/forgot", body).want(http.StatusAccepted)
		if string(got.body) != string(known.body) || !sameHeader(got, known) {
			t.Errorf("%.40s: got %v %s, want %v %s", body, got.header, got.body, known.header, known.body)
		}
	}
	h.post("/password/forgot", `{}`).refused(422, authcore.InvalidFields)
	code := h.Mail(t, email, authcore.MailReset).Code
	h.post("/password/reset", `{"email":"`+email+`","otp":"`+code+`","new_password":"short"}`).refused(422, authcore.InvalidFields)
	h.post("/password/reset", `{"login":"ada","otp":"x","new_password":"`+password2+`"}`).refused(400, authcore.InvalidCode)
	got := h.post("/password/reset", `{"login":"ada","otp":"`+code+`","new_password":"`+password2+`"}`).want(204)
	if len(got.body) > 0 || got.header["Set-Cookie"] != nil {
		t.Errorf("a reset signs nobody in: %v %s", got.header, got.body)
	}
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
	h.post("/refresh", `{"refresh_token":"`+p.RefreshToken+`"}`).refused(401, authcore.InvalidRefreshToken)
	h.post("/login", `{"login":"ada","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/login", `{"login":"ada","password":"`+password2+`"}`).want(200)
}

func TestPassword_RateLimited(t *testing.T) {
	h := open(t)
	for range 10 {
		h.post("/password/forgot", `{}`).want(422)
		h.post("/password/reset", `{}`).want(400)
	}
	h.post("/password/forgot", `{}`).refused(429, authcore.RateLimited)
	h.post("/password/reset", `{}`).refused(429, authcore.RateLimited)
}
