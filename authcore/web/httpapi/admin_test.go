package httpapi_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// withRoles stores an account with roles, and returns its id and the bearer of a sign-in.
func (h *house) withRoles(name string, roles ...string) (authcore.Account, change) {
	h.Helper()
	a := h.account(name+"@example.com", name, func(a *authcore.Account) { a.Roles = roles })
	return a, bearer(h.signIn(name).AccessToken)
}

// Who may call what: the gate stands before every call below /admin/, and a new one cannot be mounted without it.
func TestAdmin_Gate(t *testing.T) {
	h := open(t)
	user, asUser := h.withRoles("user.one", "staff")
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	path := "/admin/users/" + user.ID.String()
	h.call(http.MethodGet, path, "").refused(401, authcore.AuthenticationRequired)
	h.call(http.MethodGet, path, "", asUser).refused(403, authcore.Forbidden)
	h.call(http.MethodGet, path, "", asAuditor).want(200)
	got := h.call(http.MethodGet, path, "", asAdmin).want(200).fields()
	if got["id"] != user.ID.String() || got["sessions"] != 1.0 || got["disabled"] != false {
		t.Errorf("got %v", got)
	}
	h.call(http.MethodGet, "/admin/users/"+uuid.NewString(), "", asAdmin).refused(404, authcore.NotFound)
	h.call(http.MethodGet, "/admin/users/x", "", asAdmin).refused(404, authcore.NotFound)
	if options := h.call(http.MethodOptions, path, "").want(204); options.header.Get("Allow") == "" {
		t.Error("no Allow")
	}
	// A role that was taken away opens nothing any more, whatever the token still says (S17).
	_, err := h.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: boss.ID, Remove: []string{authcore.RoleAdmin}, Add: []string{authcore.RoleAuditor}, Now: h.Clock.Now()})
	if authcore.CodeOf(err) != authcore.LastAdmin {
		t.Fatal(err)
	}
	h.account("second@example.com", "second", func(a *authcore.Account) { a.Roles = []string{authcore.RoleAdmin} })
	if _, err = h.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: boss.ID, Remove: []string{authcore.RoleAdmin}, Now: h.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	h.call(http.MethodGet, path, "", asAdmin).refused(401, authcore.InvalidToken)
}

// The roles are those of the database: a node that has not yet heard of a change opens nothing by a token from before (S17).
func TestS17_RolesOfTheDatabaseCount(t *testing.T) {
	h := open(t)
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	h.account("second@example.com", "second", func(a *authcore.Account) { a.Roles = []string{authcore.RoleAdmin} })
	// Another node's store tells nobody here.
	if _, err := h.Elsewhere(t).ChangeRoles(t.Context(), authcore.RolesChange{AccountID: boss.ID, Remove: []string{authcore.RoleAdmin}, Now: h.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	h.call(http.MethodGet, "/admin/users/"+boss.ID.String(), "", asAdmin).refused(403, authcore.Forbidden)
}

// TestM07_CallsOfTheAdministration: each says who, what, from where, when and how it ended; reads of one thing by one caller within a minute are one.
func TestM07_CallsOfTheAdministration(t *testing.T) {
	h := open(t)
	user, _ := h.withRoles("user.one")
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	for range 3 {
		h.call(http.MethodGet, "/admin/users/"+user.ID.String(), "", asAdmin, from("192.0.2.77")).want(200)
	}
	h.call(http.MethodGet, "/admin/users/"+boss.ID.String(), "", asAdmin).want(200)
	h.call(http.MethodGet, "/admin/users/"+uuid.NewString(), "", asAdmin).refused(404, authcore.NotFound)
	h.Clock.Advance(time.Minute)
	h.call(http.MethodGet, "/admin/users/"+user.ID.String(), "", asAdmin).want(200)
	told := h.adminEvents(user.ID)
	if len(told) != 2 || told[0].ActorID != boss.ID || told[0].Addr != "192.0.2.77" || told[0].Result != "success" || told[0].Via != authcore.ViaSession ||
		told[0].SessionID == uuid.Nil || told[0].Kind != authcore.EventAdminUsersGet || told[0].UserAgent != firefox {
		t.Errorf("told %+v", told)
	}
	if refused := h.adminEvents(uuid.Nil); len(refused) != 1 || refused[0].Result != string(authcore.NotFound) {
		t.Errorf("told %+v", refused)
	}
	// The owner's own log has no word of it: the address is the administrator's.
	own := h.call(http.MethodGet, "/events", "", bearer(h.signIn("user.one").AccessToken)).want(200).fields()["events"].([]any)
	if slices.ContainsFunc(own, func(e any) bool { return e.(map[string]any)["kind"] == string(authcore.EventAdminUsersGet) }) {
		t.Errorf("the owner sees %v", own)
	}
}

// Callers are counted by account, not by address.
func TestAdmin_Limit(t *testing.T) {
	h := open(t, plan{rates: map[string]ratelimit.Rate{authcore.LimitAdmin: {Count: 2, Window: time.Minute}}})
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	path := "/admin/users/" + boss.ID.String()
	for i, addr := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		if got := h.call(http.MethodGet, path, "", asAdmin, from(addr)); i < 2 {
			got.want(200)
		} else if got.refused(429, authcore.RateLimited).header.Get("Retry-After") != "30" {
			t.Errorf("Retry-After %v", got.header)
		}
	}
	h.call(http.MethodGet, path, "", asAuditor).want(200)
}

// adminEvents are the calls of the administration about an account, the oldest first.
func (h *house) adminEvents(account uuid.UUID) (told []authcore.Event) {
	h.Helper()
	for _, e := range h.Env.Events() {
		if e.Kind.IsAdministration() && e.AccountID == account {
			told = append(told, e)
		}
	}
	return told
}
