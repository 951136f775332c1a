package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// told returns how many events of a kind there are.
func (b *browser) told(kind authcore.EventKind) int {
	b.Helper()
	list, err := b.EventLog.List(b.Context(), [16]byte{}, eventlog.Filter{Kinds: []authcore.EventKind{kind}}, 0, "")
	if err != nil {
		b.Fatal(err)
	}
	return len(list.Entries)
}

// make makes an account for a test to change.
func (b *browser) make(in admin.NewUser) authcore.ManagedAccount {
	b.Helper()
	b.Clock.Advance(time.Second)
	a, err := b.Users.Create(b.Context(), in)
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// The list of accounts: a prefix and filters narrow it, pages follow one another, and an event tells who has read it.
func TestConsole_Users(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAuditor)
	b.make(admin.NewUser{Email: "grace@example.com", FirstName: "Grace", LastName: "Hopper", Roles: []string{"ops"}})
	b.make(admin.NewUser{Username: "backup", Kind: authcore.KindService, Disabled: true})
	b.get("/console/users").want(http.StatusOK).says(email, "grace@example.com", "Grace Hopper", "backup", "Service").silent("/console/users/new")
	b.get("/console/users?q=gra").want(http.StatusOK).says("grace@example.com", "Remove filters").silent(email, "backup")
	b.get("/console/users?role=ops").want(http.StatusOK).says("grace@example.com").silent("backup")
	b.get("/console/users?kind=service").want(http.StatusOK).says("backup").silent("grace@example.com")
	b.get("/console/users?disabled=true").want(http.StatusOK).says("backup").silent("grace@example.com")
	b.get("/console/users?q=nobody").want(http.StatusOK).says("No account fits")
	for _, query := range []string{"kind=none", "disabled=perhaps", "cursor=x"} {
		b.get("/console/users?" + query).want(http.StatusBadRequest)
	}
	for range 51 {
		b.make(admin.NewUser{Username: "u" + strings.ReplaceAll(b.Clock.Now().Format("150405"), ":", "")})
	}
	first := b.get("/console/users?q=u").want(http.StatusOK).says("Next page")
	next := b.get(strings.TrimPrefix(href(first, `rel="next"`), "/auth")).want(http.StatusOK)
	if first.body == next.body || strings.Count(next.body, "<tr role") != 2 {
		t.Errorf("the second page: %s", next.body)
	}
	if n := b.told(authcore.EventAdminUsersList); n == 0 {
		t.Error("no event tells of the list")
	}
	b.get("/console/users/new").want(http.StatusForbidden)
	b.post("/console/users/new", []string{"username", "mallory"}).want(http.StatusForbidden)
	b.get("/console/users?q=mallory").says("No account fits")
}

// href returns where the link with an attribute leads.
func href(a *answer, attribute string) string {
	before, _, _ := strings.Cut(a.body, attribute)
	at := before[strings.LastIndex(before, `href="`)+len(`href="`):]
	at, _, _ = strings.Cut(at, `"`)
	return strings.ReplaceAll(at, "&amp;", "&")
}

// An account is made with the proof that fresh asks for, by an event, and its owner gets the only mail.
func TestConsole_NewUser(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	b.get("/console/users").says("/auth/console/users/new")
	b.get("/console/users/new").want(http.StatusOK).says("Make the account")
	b.Clock.Advance(time.Hour)
	given := []string{"email", "grace@example.com", "first_name", "Grace", "roles", "ops staff", "kind", "person", "send", "on"}
	b.post("/console/users/new", given).want(http.StatusForbidden).says("grace@example.com", "current-password")
	given = append(given, "password", testflow.Password)
	made := b.post("/console/users/new", given).want(http.StatusSeeOther)
	if b.told(authcore.EventAdminUsersCreate) != 1 || b.told(authcore.EventCreatedByAdmin) != 1 {
		t.Error("no event tells of the account")
	}
	if !strings.HasPrefix(made.header.Get("Location"), "/auth/console/users/") {
		t.Errorf("led to %s", made.header.Get("Location"))
	}
	b.post("/console/users/new", given).want(http.StatusConflict).says("grace@example.com")
	b.post("/console/users/new", []string{"kind", "service", "email", "x@example.com", "password", testflow.Password}).want(http.StatusUnprocessableEntity)
	b.get("/console/users?q=grace").want(http.StatusOK).says("ops staff")
}

// S17: what the console shows and does is asked of the roles in the database, on each of its pages: a node that has not heard yet of a role
// that was taken away shows and changes nothing.
func TestS17_ConsoleAsksTheDatabase(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	pages := b.consolePages()
	owner := must(b.Directory.List(b.Context(), [16]byte{}, admin.Listing{Limit: 10, UserFilter: admin.UserFilter{Email: email}}))(t).Accounts[0].ID
	b.make(admin.NewUser{Username: "other", Roles: []string{authcore.RoleAdmin}})
	// Another node's store tells nobody here.
	if _, err := b.Elsewhere(t).ChangeRoles(b.Context(), authcore.RolesChange{AccountID: owner, Remove: []string{authcore.RoleAdmin}, Now: b.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, at := range pages {
		b.get(at).want(http.StatusForbidden)
	}
	b.post("/console/users/new", []string{"username", "second"}).want(http.StatusForbidden)
}

// What an administrator does on the page of an account: each change says what it did, asks for the proof as the API does, and is told.
func TestConsole_User(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	a := b.make(admin.NewUser{Email: "grace@example.com", FirstName: "Grace", LastName: "Hopper"})
	at := "/console/users/" + a.ID.String()
	b.get("/console/users/number:"+"1").want(http.StatusOK).says("This is your own account").silent(`value="disable"`, `value="give_role"`, `value="delete"`)
	b.get(at).want(http.StatusOK).says("Grace Hopper", "not verified", "Nobody is signed in", "no second factor", "account.created_by_admin", "every session, code and link", "cannot be undone")
	b.Clock.Advance(time.Hour)
	b.post(at, []string{"do", "disable", "disabled_reason", "left"}).want(http.StatusForbidden).says("do-disable-password", "left")
	b.post(at, []string{"do", "disable", "disabled_reason", "left", "password", "wrong"}).want(http.StatusUnauthorized)
	proof := func(fields ...string) []string { return append(fields, "password", testflow.Password) }
	b.post(at, proof("do", "disable", "disabled_reason", "left")).leads("/auth" + at + "?done=user_disabled")
	b.get(at+"?done=user_disabled").want(http.StatusOK).says("The account is disabled.", "left", "Disabled since").silent(`value="reset"`, `value="verification"`)
	b.post(at, proof("do", "enable")).leads("/auth" + at + "?done=user_enabled")
	b.post(at, proof("do", "give_role", "role", "two words")).want(http.StatusUnprocessableEntity).says("role-error")
	b.post(at, proof("do", "give_role", "role", "ops")).leads("/auth" + at + "?done=user_roles")
	b.get(at).says("Take a role away")
	b.post(at, proof("do", "take_role", "taken", "ops")).leads("/auth" + at + "?done=user_roles")
	b.get(at).silent("Take a role away")
	b.post(at, proof("do", "reset")).leads("/auth" + at + "?done=user_reset")
	b.post(at, []string{"do", "verification"}).leads("/auth" + at + "?done=user_verification")
	b.post(at, []string{"do", "unlock"}).leads("/auth" + at + "?done=user_unlocked")
	b.post(at, proof("do", "nothing")).want(http.StatusBadRequest)
	b.get(at).says("/auth" + at + "/edit")
	b.get(at+"/edit").want(http.StatusOK).says("grace@example.com", "Hopper", "can take it back for 7 days")
	b.post(at+"/edit", proof("email", "x", "username", "g")).want(http.StatusUnprocessableEntity).says("email-error", "username-error")
	b.post(at+"/edit", proof("email", email)).want(http.StatusConflict)
	b.post(at+"/edit", proof("email", "hopper@example.com", "phone", "+43 664 12345678", "username", "grace", "first_name", "Grace", "last_name", "")).leads("/auth" + at + "?done=user_edited")
	b.get(at).says("hopper@example.com", "4366412345678", "account.email_changed")
	b.get("/console/users/number:1/edit").want(http.StatusOK).says("gatehouse user update").silent(`name="email"`)
	b.post("/console/users/number:1/edit", proof("email", "mine@example.com")).want(http.StatusForbidden)
	b.get("/console") // whoever is refused stays signed in
	for kind, n := range map[authcore.EventKind]int{authcore.EventAdminUsersUpdate: 6, authcore.EventDisabled: 1, authcore.EventEnabled: 1, authcore.EventAdminUsersAddRole: 2,
		authcore.EventAdminUsersRemoveRole: 1, authcore.EventAdminUsersReset: 1, authcore.EventAdminUsersVerify: 1, authcore.EventAdminUsersUnlock: 1, authcore.EventUnlocked: 1} {
		if got := b.told(kind); got != n {
			t.Errorf("%d events %s, want %d", got, kind, n)
		}
	}
	b.post(at, proof("do", "delete")).leads("/auth/console/users?done=user_deleted")
	b.get(at).want(http.StatusNotFound)
	b.post(at, proof("do", "delete")).want(http.StatusNotFound)
	b.get("/console/users").want(http.StatusOK).silent("grace@example.com")
}

// Sessions and factors of somebody else: a page for each says what will happen.
func TestConsole_SessionsAndFactorsOfAUser(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	other := b.house.browser()
	grace := b.Person(t, signup.RegisterInput{Email: "grace@example.com", Username: "grace"}).Account
	other.post("/login", []string{"login", "grace@example.com", "password", testflow.Password}).want(http.StatusSeeOther)
	at := "/console/users/" + grace.ID.String()
	live := must(b.Sessions.List(b.Context(), grace.ID))(t)
	user := b.get(at).want(http.StatusOK)
	for _, s := range live {
		user.says("/auth" + at + "/sessions/" + s.ID.String())
		b.get(at + "/sessions/" + s.ID.String()).want(http.StatusOK).says("signed out at once")
		b.post(at+"/sessions/"+s.ID.String(), nil).leads("/auth" + at + "?done=user_session_ended")
		b.get(at + "/sessions/" + s.ID.String()).want(http.StatusNotFound)
	}
	other.get("/account").leads("/auth/login")
	other.post("/login", []string{"login", "grace@example.com", "password", testflow.Password}).want(http.StatusSeeOther)
	b.post(at, []string{"do", "sessions"}).leads("/auth" + at + "?done=user_sessions_ended")
	other.get("/account").leads("/auth/login")
	b.get(at + "/factors/" + grace.ID.String()).want(http.StatusNotFound)
	b.post(at+"/factors/"+grace.ID.String(), nil).want(http.StatusNotFound)
	b.get("/console").want(http.StatusOK) // whoever looks at somebody who is gone stays signed in
}

// S17: an auditor sees an account whole, and can do nothing to it.
func TestS17_AuditorsChangeNoUser(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAuditor)
	a := b.make(admin.NewUser{Email: "grace@example.com", Roles: []string{"ops"}})
	at := "/console/users/" + a.ID.String()
	b.get(at).want(http.StatusOK).says("grace@example.com", "ops", "Latest events").silent(`method="post"`, `class="act"`)
	for _, do := range []string{"give_role", "take_role", "reset", "verification", "unlock", "sessions", "disable", "enable", "delete"} {
		b.post(at, []string{"do", do, "role", "admin", "taken", "ops", "password", testflow.Password}).want(http.StatusForbidden)
	}
	b.get(at).silent(at + "/edit")
	b.get(at + "/edit").want(http.StatusForbidden)
	b.post(at+"/edit", []string{"first_name", "X", "password", testflow.Password}).want(http.StatusForbidden)
	for _, below := range []string{"/sessions/", "/factors/"} {
		b.get(at + below + a.ID.String()).want(http.StatusForbidden)
		b.post(at+below+a.ID.String(), []string{"password", testflow.Password}).want(http.StatusForbidden)
	}
	if after := must(b.Directory.Get(b.Context(), a.ID.String()))(t); after.Version() != a.Version() {
		t.Error("an auditor has changed an account")
	}
}

// What cannot be done with an account as it is says so: nothing is in use by somebody else.
func TestConsole_UserWithoutAnAddress(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	at := "/console/users/" + b.make(admin.NewUser{Username: "no.mail"}).ID.String()
	b.post(at, []string{"do", "verification"}).want(http.StatusConflict).says("This cannot be done with the account as it is now.").silent("Already in use")
}
