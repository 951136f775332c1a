package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// asksAuditors are the calls by which auditors ask something in a body. Every other one that is no GET changes something.
var asksAuditors = []string{"POST /admin/explain", "POST /admin/blocks/test"}

// staleWill do without a recent sign-in: they take nothing away that its owner does not get back by signing in, or only ask.
var staleWill = append([]string{"POST /admin/blocks", "DELETE /admin/blocks/{id}", "POST /admin/users/{id}/sessions/revoke", "POST /admin/users/{id}/verification",
	"POST /admin/users/{id}/unlock", "DELETE /admin/sessions/{sid}"}, asksAuditors...)

// TestS17_EveryCallOfTheAdministration: nobody, somebody without a role, an auditor, another site's page and an old sign-in are refused by each call
// as the contract has it, those too that are still to come.
func TestS17_EveryCallOfTheAdministration(t *testing.T) {
	h := open(t, plan{rates: unlimited()})
	user, asUser := h.withRoles("user.one", "staff")
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	h.withRoles("boss.one", authcore.RoleAdmin)
	asBefore := h.signedInBefore("boss.one")
	asUser, asAuditor = bearer(h.signIn("user.one").AccessToken), bearer(h.signIn("auditor.one").AccessToken)
	b := h.browser()
	b.signIn("boss.one")
	foreign := []change{header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")}
	before, calls := h.row(user), 0
	described(t).each(func(method, path string, op operation, _ *schema) {
		if !strings.HasPrefix(path, "/admin/") {
			return
		}
		calls++
		name := method + " " + path
		at := strings.NewReplacer("{id}", user.ID.String(), "{sid}", uuid.NewString(), "{fid}", uuid.NewString(), "{role}", "admin", "{name}", "access_lifetime").Replace(path)
		body := ""
		if method != http.MethodGet {
			body = "{}"
		}
		h.call(method, at, body).refused(401, authcore.AuthenticationRequired)
		h.call(method, at, body, asUser).refused(403, authcore.Forbidden)
		if method == http.MethodGet {
			return
		}
		if as := h.call(method, at, body, asAuditor); slices.Contains(asksAuditors, name) {
			if as.status == 401 || as.status == 403 {
				t.Errorf("%s: auditors may not ask", name)
			}
		} else {
			as.refused(403, authcore.Forbidden)
		}
		b.call(method, at, body, foreign...).refused(403, authcore.CrossOrigin)
		if !slices.Contains(staleWill, name) {
			h.call(method, at, body, asBefore).refused(403, authcore.ReauthenticationRequired)
		}
	})
	if calls < 38 || h.row(user) != before {
		t.Errorf("%d calls were tried; the account is %s, was %s", calls, h.row(user), before)
	}
}

// TestM07_RefusedForWantOfARole: who calls what their role does not let them is told of, and cannot fill the log with it (D10).
func TestM07_RefusedForWantOfARole(t *testing.T) {
	h := open(t)
	user, asUser := h.withRoles("user.one")
	auditor, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	for range 5 {
		h.call(http.MethodGet, "/admin/users", "", asUser, from("192.0.2.77")).refused(403, authcore.Forbidden)
		h.call(http.MethodDelete, "/admin/users/"+user.ID.String(), "", asAuditor).refused(403, authcore.Forbidden)
	}
	told := map[uuid.UUID]authcore.Event{}
	for _, e := range h.adminEvents(uuid.Nil) {
		if _, twice := told[e.ActorID]; twice {
			t.Errorf("told again of %+v", e)
		}
		told[e.ActorID] = e
	}
	for id, kind := range map[uuid.UUID]authcore.EventKind{user.ID: authcore.EventAdminUsersList, auditor.ID: authcore.EventAdminUsersDelete} {
		if e := told[id]; e.Kind != kind || e.Result != string(authcore.Forbidden) || e.SessionID == uuid.Nil {
			t.Errorf("told %+v, want %s", e, kind)
		}
	}
	if told[user.ID].Addr != "192.0.2.77" {
		t.Errorf("told %+v", told[user.ID])
	}
}
