package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
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

// TestM07_NothingIsShownUntold: where the event of a read cannot be written, the answer has nothing of what was read.
func TestM07_NothingIsShownUntold(t *testing.T) {
	h := open(t)
	user, _ := h.withRoles("user.one")
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	h.elsewhere("alter table events rename to events_gone")
	if got := h.call(http.MethodGet, "/admin/users/"+user.ID.String(), "", asAdmin); got.status < 500 || strings.Contains(string(got.body), user.Email) {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

// The list: who may read it, filters, pages, order and the count.
func TestAdmin_ListsAccounts(t *testing.T) {
	h := open(t)
	user, asUser := h.withRoles("user.one", "staff")
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	h.call(http.MethodGet, "/admin/users", "", asUser).refused(403, authcore.Forbidden)
	h.call(http.MethodGet, "/admin/users", "", asAuditor).want(200)
	h.call(http.MethodGet, "/admin/users", "").refused(401, authcore.AuthenticationRequired)
	h.call(http.MethodGet, "/invitations?all", "", asAuditor).want(200)
	h.call(http.MethodGet, "/invitations?all", "", asUser).refused(403, authcore.Forbidden)
	list := func(query string) (names []string, next string, total any) {
		t.Helper()
		got := h.call(http.MethodGet, "/admin/users?"+query, "", asAdmin).want(200).fields()
		for _, u := range got["users"].([]any) {
			names = append(names, u.(map[string]any)["username"].(string))
		}
		next, _ = got["next"].(string)
		return names, next, got["total"]
	}
	for query, want := range map[string][]string{
		"sort=email": {"auditor.one", "boss.one", "user.one"}, "q=USER": {"user.one"}, "q=lovel&sort=email": {"auditor.one", "boss.one", "user.one"},
		"q=ADA+lovel&sort=email": {"auditor.one", "boss.one", "user.one"}, "q=ad+lovel": nil, "q=ada+ovelace": nil,
		"q=" + user.ID.String(): {"user.one"}, "role=staff": {"user.one"}, "role=sta": nil, "email=user.one@example.com": {"user.one"},
		"username=boss.one": {"boss.one"}, "number=1": {"user.one"}, "disabled=true": nil, "kind=service": nil, "verified=false": nil, "mfa=true": nil,
		"role=staff&disabled=false&verified=true&mfa=false&kind=person": {"user.one"}, "q=%25": nil, "role=%25": nil, "seen_before=2001-01-01T00:00:00Z": nil,
		"invited_by=" + user.ID.String(): nil, "created_after=2099-01-01T00:00:00Z": nil, "phone=%2B43": nil,
	} {
		if got, _, _ := list(query); !slices.Equal(got, want) {
			t.Errorf("%s: %q", query, got)
		}
	}
	first, next, total := list("sort=email&limit=2&count=true")
	rest, end, _ := list("sort=email&limit=2&cursor=" + next)
	if len(first) != 2 || !slices.Equal(rest, []string{"user.one"}) || end != "" || total != 3.0 {
		t.Errorf("pages %q %q %v", first, rest, total)
	}
	for _, bad := range []string{"sort=name", "limit=0", "cursor=x", "disabled=yes", "kind=x", "number=0", "email=x", "username=%2B", "invited_by=x", "created_after=x",
		"sort=email&disabled=false&cursor=" + next, "cursor=" + next} {
		h.call(http.MethodGet, "/admin/users?"+bad, "", asAdmin).refused(400, authcore.InvalidRequest)
	}
	h.call(http.MethodGet, "/admin/users?sort=email&limit=2&cursor="+next, "", asAuditor).refused(400, authcore.InvalidRequest) // another's
	one := h.call(http.MethodGet, "/admin/users/number:1", "", asAdmin).want(200)
	if one.fields()["id"] != user.ID.String() || one.header.Get("ETag") == "" || one.fields()["last_sign_in_at"] == nil {
		t.Errorf("got %s", one.body)
	}
	for _, none := range []string{"number:99", "number:01", "number:0", "number:", "number:x"} {
		h.call(http.MethodGet, "/admin/users/"+none, "", asAdmin).refused(404, authcore.NotFound)
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
