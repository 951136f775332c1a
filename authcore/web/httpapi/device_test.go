package httpapi_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
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

type deviceShown struct {
	ID           string
	Current      bool
	Name         string
	Browser, OS  string
	IP           string
	FirstSeenAt  *time.Time `json:"first_seen_at"`
	LastSeenAt   *time.Time `json:"last_seen_at"`
	TrustedUntil *time.Time `json:"trusted_until"`
	Sessions     int
}

func (h *house) devices(changes ...change) (list []deviceShown) {
	h.Helper()
	var got struct{ Devices []deviceShown }
	h.call(http.MethodGet, "/devices", "", changes...).want(http.StatusOK).into(&got)
	if got.Devices == nil {
		h.Error("no devices are null and not []")
	}
	return got.Devices
}

func TestDevices_List(t *testing.T) {
	h := open(t)
	a := h.account(email, username)
	h.account("grace@example.com", "grace")
	h.signIn("grace")
	firefox := header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	var first struct {
		pair
		DeviceToken string `json:"device_token"`
	}
	h.post("/login", `{"login":"`+username+`","password":"`+password+`","device_name":"Desk"}`, firefox).want(http.StatusOK).into(&first)
	h.Clock.Advance(time.Minute)
	second := h.signIn(username)
	short := h.post("/login", `{"login":"`+username+`","password":"`+password+`","remember":false}`).pair()
	list := h.devices(bearer(first.AccessToken))
	if len(list) != 2 {
		t.Fatalf("got %+v", list)
	}
	if d := list[1]; !d.Current || d.Name != "Desk" || d.Browser != "Firefox" || d.OS != "Linux" || d.IP == "" || d.Sessions != 1 || d.TrustedUntil != nil ||
		d.FirstSeenAt == nil || !d.FirstSeenAt.Equal(*d.LastSeenAt) || list[0].Current {
		t.Errorf("got %+v", list)
	}
	if d := h.devices(bearer(second.AccessToken)); !d[0].Current || d[1].Current {
		t.Errorf("another one asks: %+v", d)
	}
	if d := h.devices(bearer(short.AccessToken)); len(d) != 2 || d[0].Current || d[1].Current {
		t.Errorf("one that is on none asks: %+v", d)
	}
	until := h.Clock.Now().Add(time.Hour)
	err := h.Store.Write(t.Context(), "trust", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, "update devices set trusted_until = $2 where account_id = $1 and name = 'Desk'", a.ID, until.UnixMicro())
		return err
	})
	if d := h.devices(bearer(first.AccessToken)); err != nil || d[1].TrustedUntil == nil || !d[1].TrustedUntil.Equal(until) || d[0].TrustedUntil != nil {
		t.Errorf("trusted: %+v (%v)", d, err)
	}
	h.Clock.Advance(2 * time.Minute)
	h.post("/login", `{"login":"`+username+`","password":"`+password+`","device_token":"`+first.DeviceToken+`"}`).want(http.StatusOK)
	if d := h.devices(bearer(first.AccessToken)); d[0].Name != "Desk" || d[0].Sessions != 2 || !d[0].LastSeenAt.After(*d[0].FirstSeenAt) {
		t.Errorf("after another sign-in: %+v", d)
	}
	h.Clock.Advance(time.Hour)
	if d := h.devices(bearer(h.signIn(username).AccessToken)); d[1].Name != "Desk" || d[1].TrustedUntil != nil {
		t.Errorf("once the trust has ended: %+v", d)
	}
}

func TestDevices_Rename(t *testing.T) {
	h := open(t)
	h.account(email, username)
	mine := h.signIn(username)
	id := h.devices(bearer(mine.AccessToken))[0].ID
	rename := func(id, body string) answer {
		t.Helper()
		return h.call(http.MethodPatch, "/devices/"+id, body, bearer(mine.AccessToken))
	}
	got := rename(id, `{"name":" Kitchen ","sessions":7}`).want(http.StatusOK).fields()
	if got["name"] != "Kitchen" || got["id"] != id || got["current"] != true || got["sessions"] != 1.0 || len(got) != 10 {
		t.Errorf("got %v", got)
	}
	rename("x", `{"name":"mine"}`).refused(404, authcore.NotFound)
	for _, name := range []string{strings.Repeat("x", 101), `a\tb`, `a\u202eb`} {
		rename(id, `{"name":"`+name+`"}`).refused(422, authcore.InvalidFields)
	}
	for _, body := range []string{`{}`, `{"name":null}`} {
		rename(id, body).refused(422, authcore.InvalidFields)
	}
	rename(id, `{"name":1}`).refused(400, authcore.InvalidRequest)
	if got := rename(id, `{"name":""}`).want(http.StatusOK).fields(); got["name"] != "" {
		t.Errorf("got %v", got)
	}
}

// Another account's device is as one that is not there, whatever is done to it, and nothing happens to it: also where it is the same
// browser with the same token.
func TestS06_ForeignDevices(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.account("grace@example.com", "grace")
	b := h.browser()
	b.signIn("grace")
	grace := header("Cookie", "__Host-gatehouse="+b.cookies["__Host-gatehouse"])
	theirs := h.devices(grace)[0].ID
	token := b.device
	b = h.browser()
	b.device = token // the same browser, though the sessions are apart
	b.signIn(username)
	mine := header("Cookie", "__Host-gatehouse="+b.cookies["__Host-gatehouse"])
	list := h.devices(mine)
	if b.device != token || len(list) != 1 || list[0].ID == theirs {
		t.Fatalf("one browser, two accounts: %+v, the other knows it as %s", list, theirs)
	}
	for _, id := range []string{theirs, uuid.NewString(), uuid.Nil.String(), strings.ToUpper(list[0].ID), "{" + list[0].ID + "}", "x"} {
		for _, got := range []answer{
			b.call(http.MethodDelete, "/devices/"+id, ""), b.call(http.MethodPatch, "/devices/"+id, `{"name":"mine"}`),
		} {
			got.refused(404, authcore.NotFound)
			if !strings.Contains(string(got.body), "You have no device with this id.") {
				t.Errorf("%s: a foreign device can be told from none: %s", id, got.body)
			}
		}
	}
	for body, want := range map[string]string{`{"ids":["` + theirs + `"]}`: `{"revoked":0}`, `{"others":true}`: `{"revoked":0}`} {
		if got := b.post("/devices/revoke", body).want(200); string(got.body) != want {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	if got := b.post("/devices/revoke", `{"all":true}`).want(200); string(got.body) != `{"revoked":1}` {
		t.Errorf("all: %s", got.body)
	}
	if list := h.devices(grace); len(list) != 1 || list[0].ID != theirs || list[0].Name != "" || list[0].Sessions != 1 {
		t.Errorf("the other account knows %+v", list)
	}
}

// Whoever finds a stranger's device forgets it: its tokens are refused from then on, and its next sign-in is told of.
func TestS05_ForgetDevice(t *testing.T) {
	h := open(t)
	h.account(email, username)
	owner, thief := h.signIn(username), h.browser()
	thief.signIn(username)
	var id string
	for _, d := range h.devices(bearer(owner.AccessToken)) {
		if !d.Current {
			id = d.ID
		}
	}
	h.call(http.MethodDelete, "/devices/"+id, "", bearer(owner.AccessToken)).want(http.StatusNoContent)
	h.call(http.MethodDelete, "/devices/"+id, "", bearer(owner.AccessToken)).refused(404, authcore.NotFound)
	thief.call(http.MethodGet, "/me", "").refused(401, authcore.InvalidToken)
	thief.post("/refresh", "").refused(401, authcore.InvalidRefreshToken)
	h.call(http.MethodGet, "/me", "", bearer(owner.AccessToken)).want(http.StatusOK)
	told := func() (n int) {
		for _, m := range h.Mails(t, email) {
			if m.Kind == authcore.MailNewDevice {
				n++
			}
		}
		return n
	}
	before := told()
	if thief.signIn(username); told() != before+1 {
		t.Error("a sign-in from a forgotten device is not told of")
	}
	// The own one: the browser is signed out, and stays one that other accounts may know.
	token := thief.device
	for _, d := range h.devices(header("Cookie", "__Host-gatehouse="+thief.cookies["__Host-gatehouse"])) {
		if d.Current {
			id = d.ID
		}
	}
	if thief.call(http.MethodDelete, "/devices/"+id, "").want(http.StatusNoContent); len(thief.cookies) != 0 || thief.device != token {
		t.Errorf("the browser keeps %v and %q", thief.cookies, thief.device)
	}
}

func TestDevices_Revoke(t *testing.T) {
	h := open(t)
	h.account(email, username)
	one, two, three := h.signIn(username), h.signIn(username), h.signIn(username)
	me := bearer(one.AccessToken)
	for _, body := range []string{`{}`, `{"ids":null}`, `{"all":false}`, `{"all":true,"others":true}`, `{"ids":[],"all":true}`, `{"ids":["x"]}`, `{"ids":[null]}`} {
		h.post("/devices/revoke", body, me).refused(422, authcore.InvalidFields)
	}
	h.post("/devices/revoke", `{"ids":"x"}`, me).refused(400, authcore.InvalidRequest)
	if got := h.post("/devices/revoke", `{"ids":[]}`, me).want(200); string(got.body) != `{"revoked":0}` {
		t.Errorf("no ids: %s", got.body)
	}
	id := h.devices(bearer(two.AccessToken))
	second := id[slices.IndexFunc(id, func(d deviceShown) bool { return d.Current })].ID
	if got := h.post("/devices/revoke", `{"ids":["`+second+`","`+second+`","`+uuid.NewString()+`"]}`, me).want(200); string(got.body) != `{"revoked":1}` {
		t.Errorf("one of them known: %s", got.body)
	}
	h.call(http.MethodGet, "/me", "", bearer(two.AccessToken)).refused(401, authcore.InvalidToken)
	b := h.browser()
	b.signIn(username)
	if got := b.post("/devices/revoke", `{"others":true}`).want(200); string(got.body) != `{"revoked":2}` || len(b.cookies) == 0 {
		t.Errorf("others: %s, cookies %v", got.body, b.cookies)
	}
	for _, p := range []pair{one, three} {
		h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
	}
	if got := b.post("/devices/revoke", `{"all":true}`).want(200); string(got.body) != `{"revoked":1}` || len(b.cookies) != 0 {
		t.Errorf("all: %s, cookies %v", got.body, b.cookies)
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
