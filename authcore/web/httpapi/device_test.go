package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// A program is answered the token of its device once, a browser has it in a cookie of its own; neither where it is not to be remembered.
func TestLogin_DeviceToken(t *testing.T) {
	h := open(t)
	h.account(email, username)
	login := func(more string) map[string]any {
		t.Helper()
		return h.post("/login", `{"login":"`+username+`","password":"`+password+`"`+more+`}`).want(http.StatusOK).fields()
	}
	token, _ := login("")["device_token"].(string)
	if !strings.HasPrefix(token, "ghd_") || len(token) < 80 {
		t.Fatalf("the token is %q", token)
	}
	for name, more := range map[string]string{
		"it has one": `,"device_token":"` + token + `"`, "not remembered": `,"remember":false`,
		"neither": `,"remember":false,"device_token":"` + token + `"`,
	} {
		if got, there := login(more)["device_token"]; there {
			t.Errorf("%s: answered %v", name, got)
		}
	}
	if got := login(`,"remember":true,"device_token":"junk"`)["device_token"]; got == nil || got == token {
		t.Errorf("instead of junk: %v", got)
	}

	b := h.browser()
	set := b.signIn(username)
	if set.fields()["device_token"] != nil || b.device == "" {
		t.Errorf("got %v, cookie %q", set.fields(), b.device)
	}
	wantCookie(t, set, "__Host-gatehouse_device", "Max-Age=34560000; HttpOnly; Secure; SameSite=Lax")
	kept := b.device
	if b.signIn(username); b.device != kept {
		t.Error("the browser got another token")
	}
}

// With "remember": false every cookie ends with the browser, after a renewal too.
func TestLogin_Remember(t *testing.T) {
	h := open(t)
	h.account(email, username)
	b := h.browser()
	got := b.post("/login", `{"login":"`+username+`","password":"`+password+`","cookies":true,"remember":false}`).want(http.StatusOK)
	again := b.post("/refresh", "").want(http.StatusOK)
	for _, a := range []answer{got, again} {
		for _, line := range a.header["Set-Cookie"] {
			if strings.Contains(line, "Max-Age") || strings.Contains(line, "Expires") || strings.Contains(line, "_device") {
				t.Errorf("set %s", line)
			}
		}
	}
	if b.device != "" || len(b.cookies) != 2 {
		t.Errorf("the browser keeps %v and %q", b.cookies, b.device)
	}
}

func TestSessions_Rename(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.account("grace@example.com", "grace")
	mine, foreign := h.signIn(username), h.signIn("grace")
	rename := func(id, body string) answer {
		t.Helper()
		return h.call(http.MethodPatch, "/sessions/"+id, body, bearer(mine.AccessToken))
	}
	got := rename(mine.SessionID, `{"name":" Kitchen "}`).want(http.StatusOK).fields()
	if got["name"] != "Kitchen" || got["id"] != mine.SessionID || got["current"] != true || got["device_id"] == nil {
		t.Errorf("got %v", got)
	}
	if got := h.sessions(mine.AccessToken); len(got) != 1 || got[0].Name != "Kitchen" {
		t.Errorf("the list has %v", got)
	}
	rename(foreign.SessionID, `{"name":"mine"}`).refused(404, authcore.NotFound)
	rename("x", `{"name":"mine"}`).refused(404, authcore.NotFound)
	for _, name := range []string{strings.Repeat("x", 101), `a\tb`, `a\u202eb`} {
		rename(mine.SessionID, `{"name":"`+name+`"}`).refused(422, authcore.InvalidFields)
	}
	rename(mine.SessionID, `{"name":1}`).refused(400, authcore.InvalidRequest)
	if got := rename(mine.SessionID, `{"name":""}`).want(http.StatusOK).fields(); got["name"] != "" {
		t.Errorf("got %v", got)
	}
}

func wantCookie(t *testing.T, a answer, name, flags string) {
	t.Helper()
	for _, line := range a.header["Set-Cookie"] {
		if strings.HasPrefix(line, name+"=") && strings.HasSuffix(line, flags) {
			return
		}
	}
	t.Errorf("there is no %s with %s: %v", name, flags, a.header["Set-Cookie"])
}
