package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// allOf returns the ids of a list of everybody's sessions, the newest first.
func (h *house) allOf(query string, as change) (ids []string) {
	h.Helper()
	cursor := ""
	for range 20 {
		page := h.call(http.MethodGet, "/admin/sessions?limit=2&"+query+"&cursor="+cursor, "", as).want(200).fields()
		for _, s := range page["sessions"].([]any) {
			ids = append(ids, s.(map[string]any)["id"].(string))
		}
		next, more := page["next"].(string)
		if !more {
			return ids
		}
		cursor = next
	}
	h.Fatal("the pages have no end")
	return nil
}

// Administrators and auditors list everybody's sessions; administrators end one, several or all.
func TestAdmin_SessionsOfEverybody(t *testing.T) {
	h := open(t)
	user, asUser := h.withRoles("user.one")
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	h.Clock.Advance(time.Second)
	h.post("/login", `{"login":"user.one","password":"`+password+`"}`, from("192.0.2.77")).want(200)

	h.call(http.MethodGet, "/admin/sessions", "", asUser).refused(403, authcore.Forbidden)
	h.call(http.MethodGet, "/admin/sessions", "").refused(401, authcore.AuthenticationRequired)
	if all := h.allOf("", asAuditor); len(all) != 4 {
		t.Fatalf("%d sessions", len(all))
	}
	newest := h.call(http.MethodGet, "/admin/sessions?limit=1", "", asAdmin).want(200).fields()["sessions"].([]any)[0].(map[string]any)
	if newest["user_id"] != user.ID.String() || newest["ip"] != "192.0.2.77" || newest["current"] != false || newest["browser"] != "Firefox" {
		t.Errorf("the newest is %v", newest)
	}
	for query, want := range map[string]int{
		"user=" + user.ID.String():                    2,
		"user=number:1":                               2,
		"ip=192.0.2.77":                               1,
		"ip=192.0.2.78":                               0,
		"host=app.example.com":                        0,
		"user=" + boss.ID.String() + "&ip=192.0.2.77": 0,
		"user=" + uuid.NewString():                    0,
	} {
		if got := h.allOf(query, asAdmin); len(got) != want {
			t.Errorf("%s: %d sessions, want %d", query, len(got), want)
		}
	}
	for _, query := range []string{"ip=here", "limit=0", "limit=201", "cursor=made-up"} {
		h.call(http.MethodGet, "/admin/sessions?"+query, "", asAdmin).refused(400, authcore.InvalidRequest)
	}

	one := h.allOf("ip=192.0.2.77", asAdmin)[0]
	for _, as := range []change{asUser, asAuditor} {
		h.call(http.MethodDelete, "/admin/sessions/"+one, "", as).refused(403, authcore.Forbidden)
		h.call(http.MethodPost, "/admin/sessions/revoke", `{"all":true}`, as).refused(403, authcore.Forbidden)
	}
	h.call(http.MethodDelete, "/admin/sessions/"+one, "", asAdmin).want(204)
	for _, id := range []string{one, uuid.NewString(), "x", strings.ToUpper(one)} {
		h.call(http.MethodDelete, "/admin/sessions/"+id, "", asAdmin).refused(404, authcore.NotFound)
	}
	h.call(http.MethodGet, "/me", "", asUser).want(200)
	for _, body := range []string{`{}`, `{"ids":["x"]}`, `{"all":true,"ids":[]}`, `{"all":false}`} {
		h.call(http.MethodPost, "/admin/sessions/revoke", body, asAdmin).refused(422, authcore.InvalidFields)
	}
	others := h.allOf("user="+user.ID.String(), asAdmin)
	if got := h.call(http.MethodPost, "/admin/sessions/revoke", `{"ids":["`+others[0]+`","`+one+`"]}`, asAdmin).want(200).fields(); got["revoked"] != 1.0 {
		t.Errorf("revoked %v", got)
	}
	h.call(http.MethodGet, "/me", "", asUser).refused(401, authcore.InvalidToken)

	// Events: of the calls, and of each session for its owner.
	told := map[string]int{}
	for _, e := range h.adminEvents(user.ID) {
		told[string(e.Kind)+" "+e.Result]++
	}
	if told["admin.sessions.delete success"] != 1 || told["admin.sessions.revoke success"] != 1 || told["admin.sessions.list success"] != 1 {
		t.Errorf("told %v", told)
	}
	own := h.call(http.MethodGet, "/events?kind=session.ended_by_admin", "", bearer(h.signIn("user.one").AccessToken)).want(200).fields()["events"].([]any)
	if len(own) != 2 || own[1].(map[string]any)["session_id"] != one {
		t.Errorf("the owner sees %v", own)
	}

	// Everybody's needs a recent sign-in, and ends the caller's too.
	asAdmin = h.signedInBefore("boss.one")
	h.call(http.MethodPost, "/admin/sessions/revoke", `{"all":true}`, asAdmin).refused(403, authcore.ReauthenticationRequired)
	if got := h.call(http.MethodPost, "/admin/sessions/revoke", `{"all":true,"password":"`+password+`"}`, asAdmin).want(200).fields(); got["revoked"] != 4.0 {
		t.Errorf("revoked %v", got)
	}
	h.call(http.MethodGet, "/me", "", asAdmin).refused(401, authcore.InvalidToken)
	h.call(http.MethodGet, "/me", "", asAuditor).refused(401, authcore.InvalidToken)
}
