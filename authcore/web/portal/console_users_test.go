package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
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

// S17: what the console shows and does is asked of the roles in the database: a token of a minute ago opens nothing to who has lost one.
func TestS17_ConsoleAsksTheDatabase(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	b.post("/console/users/new", []string{"username", "first"}).want(http.StatusSeeOther)
	list := must(b.Directory.List(b.Context(), [16]byte{}, admin.Listing{Limit: 10, UserFilter: admin.UserFilter{Email: email}}))(t)
	other := b.make(admin.NewUser{Username: "other", Roles: []string{authcore.RoleAdmin}})
	if _, err := b.Store.ChangeRoles(b.Context(), authcore.RolesChange{AccountID: list.Accounts[0].ID, Remove: []string{authcore.RoleAdmin}, Now: b.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	b.get("/console/users").silent(other.Username)
	b.post("/console/users/new", []string{"username", "second"})
	all := must(b.Directory.List(b.Context(), [16]byte{}, admin.Listing{Limit: 10, UserFilter: admin.UserFilter{Username: "second"}}))(t)
	if len(all.Accounts) != 0 {
		t.Error("an account was made by nobody who may")
	}
}
