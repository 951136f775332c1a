package drfusers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drfusers"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/simplejwt"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const newcomer = `{"username":"dina","email":"dina@example.com","password":"` + testflow.Password + `"}`

// users is a node where nora (1) administers, alan (2) is an auditor, and bob (3) is a user.
type users struct {
	*testdialect.Env
	root, audit, bob string // headers
}

func start(t *testing.T, o drfusers.Options, options testflow.Options) *users {
	t.Helper()
	options.Admins = authcore.Admins{"nora@example.com"}
	u := &users{Env: testdialect.New(t, simplejwt.New(simplejwt.Options{}), testdialect.Options{Options: options})}
	u.Add(t, drfusers.New(o), "/users")
	for _, name := range []string{"nora", "alan", "bob"} {
		a := u.Person(t, signup.RegisterInput{Email: name + "@example.com", Username: name}).Account
		if name == "alan" {
			if _, err := u.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: a.ID, Add: []string{authcore.RoleAuditor}, Now: u.Clock.Now()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	u.root, u.audit, u.bob = u.token(t, "nora"), u.token(t, "alan"), u.token(t, "bob")
	return u
}

func (u *users) token(t *testing.T, name string) string {
	t.Helper()
	return "Bearer " + u.Want(t, 200, "POST", "/api/token/", "username="+name+"&password="+testflow.Password, "")["access"].(string)
}

// refused is how many events tell of calls of a kind that were refused for want of a role, with who made them.
func (u *users) refused(kind authcore.EventKind) (n int) {
	for _, e := range u.Events() {
		if e.Kind == kind && e.Result == string(authcore.Forbidden) && e.ActorID != uuid.Nil && e.SessionID != uuid.Nil {
			n++
		}
	}
	return n
}

// TestS17_RolesDecide: who has lost a role, or never had it, changes nobody; an auditor reads.
func TestS17_RolesDecide(t *testing.T) {
	t.Parallel()
	u := start(t, drfusers.Options{}, testflow.Options{})
	for _, who := range []string{u.audit, u.bob} {
		u.Want(t, 403, "POST", "/users/", newcomer, who)
		u.Want(t, 403, "PATCH", "/users/3/", `{"username":"rob"}`, who)
		u.Want(t, 403, "DELETE", "/users/3/", "", who)
	}
	for _, kind := range []authcore.EventKind{authcore.EventAdminUsersCreate, authcore.EventAdminUsersUpdate, authcore.EventAdminUsersDelete} {
		if got := u.refused(kind); got != 2 {
			t.Errorf("%d events tell of refused calls %s, want one of each who was refused (M07)", got, kind)
		}
	}
	u.Want(t, 200, "GET", "/users/3/", "", u.audit)
	u.Want(t, 403, "GET", "/users/3/", "", u.bob)
	u.Want(t, 403, "OPTIONS", "/users/", "", u.bob)
	u.Want(t, 401, "GET", "/users/", "", "")
	u.Want(t, 401, "OPTIONS", "/users/", "", "")
	if w := u.Call("GET", "/users/", "", ""); w.Header().Get("Allow") != "GET, POST, HEAD, OPTIONS" || w.Header().Get("WWW-Authenticate") != `Bearer realm="api"` {
		t.Errorf("a refusal has %v", w.Header())
	}
}

// TestChanges_RulesOfTheAdministration: nobody disables or deletes oneself, an administrator's address is the operator's, services are no users.
func TestChanges_RulesOfTheAdministration(t *testing.T) {
	t.Parallel()
	u := start(t, drfusers.Options{Fields: []string{"id", "username", "email", "is_active"}}, testflow.Options{})
	u.Want(t, 403, "PATCH", "/users/1/", `{"is_active":false}`, u.root)
	u.Want(t, 403, "DELETE", "/users/1/", "", u.root)
	u.Want(t, 403, "PATCH", "/users/1/", `{"email":"other@example.com"}`, u.root)
	u.Want(t, 400, "PATCH", "/users/3/", `{"email":""}`, u.root)
	if says := u.Want(t, 200, "PATCH", "/users/3/", `{"is_active":false}`, u.root); says["is_active"] != false {
		t.Errorf("answered %v", says)
	}
	if says := u.Want(t, 401, "GET", "/users/3/", "", u.bob); says["code"] != "user_inactive" {
		t.Errorf("a disabled user is told %v", says)
	}
	machine, err := u.Users.Create(t.Context(), admin.NewUser{Username: "machine", Kind: authcore.KindService})
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/users/%d/", machine.Number)
	u.Want(t, 404, "GET", path, "", u.root)
	u.Want(t, 404, "DELETE", path, "", u.root)
	u.Want(t, 204, "DELETE", "/users/3/", "", u.root)
	u.Want(t, 404, "GET", "/users/3/", "", u.root)
}

// TestCreate: the new user signs in at once; the address is pending, and shown to who administers alone.
func TestCreate(t *testing.T) {
	t.Parallel()
	u := start(t, drfusers.Options{Access: drfusers.Users}, testflow.Options{})
	says := u.Want(t, 201, "POST", "/users/", newcomer, u.root)
	if fmt.Sprint(says) != "map[email:dina@example.com id:4 username:dina]" {
		t.Errorf("answered %v", says)
	}
	dina := u.token(t, "dina")
	if says := u.Want(t, 200, "GET", "/users/4/", "", dina); says["email"] != "" {
		t.Errorf("an unproven address is shown to everybody: %v", says)
	}
	if says := u.Want(t, 200, "PATCH", "/users/3/", `{"email":"new@example.com"}`, u.root); says["email"] != "new@example.com" {
		t.Errorf("answered %v", says)
	}
	if says := u.Want(t, 200, "GET", "/users/3/", "", dina); says["email"] != "bob@example.com" {
		t.Errorf("an unproven address is shown to everybody: %v", says)
	}
	u.Mail(t, "new@example.com", authcore.MailConfirmEmail)
	u.Want(t, 400, "POST", "/users/", strings.Replace(newcomer, testflow.Password, "test@123", 1), u.root)
	var kinds []authcore.EventKind
	for _, e := range u.Events() {
		kinds = append(kinds, e.Kind)
	}
	for _, kind := range []authcore.EventKind{authcore.EventAdminUsersCreate, authcore.EventAdminUsersUpdate, authcore.EventCreatedByAdmin} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no event %s", kind)
		}
	}
}

// TestAuthenticate_OwnBearer: a bearer token of the gateway's own does as well, one of a browser's cookies does not.
func TestAuthenticate_OwnBearer(t *testing.T) {
	t.Parallel()
	u := start(t, drfusers.Options{Access: drfusers.Users}, testflow.Options{})
	own, err := u.TrySignIn(t, "bob", testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	u.Want(t, 200, "GET", "/users/3/", "", "Bearer "+own.Access)
	if w := u.Call("GET", "/users/3/", "", "", "Cookie", "__Host-gatehouse="+own.Access); w.Code != 401 {
		t.Errorf("a cookie answered %d", w.Code)
	}
}
