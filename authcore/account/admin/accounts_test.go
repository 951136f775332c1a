package admin_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func accounts(t *testing.T, e *testflow.Env) *admin.Accounts {
	t.Helper()
	s, err := admin.New(admin.Config{Store: e.Store, Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The owner of a new account chooses the password with the link, once, and for a day.
func TestCreate(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	s := accounts(t, e)
	for _, in := range []admin.CreateInput{{Email: "Ada@example.com", Username: "ada"}, {Username: "grace", Roles: []string{"b", "a", "b"}}} {
		made, err := s.Create(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if a := made.Account; a.EmailVerified() != (in.Email != "") || !a.MadeByOperator || len(in.Roles) > 0 && !slices.Equal(a.Roles, []string{"a", "b"}) {
			t.Errorf("made %+v", a)
		}
		if _, err := e.TrySignIn(t, in.Username, ""); err == nil {
			t.Error("an account without a password lets somebody in")
		}
		choose := password.ResetInput{Token: made.Token, NewPassword: testflow.Password, Client: testflow.Client()}
		e.Clock.Advance(admin.PasswordLinkLifetime - time.Second)
		if err := e.Password.Reset(t.Context(), choose); err != nil {
			t.Fatal(err)
		}
		if _, err := e.TrySignIn(t, in.Username, testflow.Password); err != nil {
			t.Error(err)
		}
		testflow.WantCode(t, e.Password.Reset(t.Context(), choose), authcore.InvalidCode)
	}
	late, err := s.Create(t.Context(), admin.CreateInput{Username: "late"})
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(admin.PasswordLinkLifetime)
	testflow.WantCode(t, e.Password.Reset(t.Context(), password.ResetInput{Token: late.Token, NewPassword: testflow.Password, Client: testflow.Client()}), authcore.InvalidCode)
}

func TestCreate_Refused(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	s := accounts(t, e)
	e.Person(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})
	many := make([]string, authcore.MaxRoles+1)
	for i := range many {
		many[i] = "role-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	for name, c := range map[string]struct {
		in    admin.CreateInput
		code  authcore.Code
		field string
	}{
		"nothing":        {admin.CreateInput{}, authcore.InvalidFields, "email"},
		"no address":     {admin.CreateInput{Email: "ada"}, authcore.InvalidFields, "email"},
		"reserved":       {admin.CreateInput{Username: "admin"}, authcore.InvalidFields, "username"},
		"no role":        {admin.CreateInput{Username: "bob", Roles: []string{"Staff"}}, authcore.InvalidFields, "roles"},
		"an empty role":  {admin.CreateInput{Username: "bob", Roles: []string{""}}, authcore.InvalidFields, "roles"},
		"many roles":     {admin.CreateInput{Username: "bob", Roles: many}, authcore.InvalidFields, "roles"},
		"taken address":  {admin.CreateInput{Email: "ada@example.com"}, authcore.Conflict, "email"},
		"taken username": {admin.CreateInput{Username: "ADA"}, authcore.Conflict, "username"},
	} {
		_, err := s.Create(t.Context(), c.in)
		var refused *authcore.Error
		if !errors.As(err, &refused) || refused.Code != c.code || len(refused.Fields.At(c.field)) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestS08_DisabledAtOnce: the node that disables refuses the tokens before the call returns.
func TestS08_DisabledAtOnce(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	check := func() authcore.Verdict {
		return e.Revoked.Check(ada.Session.ID, ada.Account.ID, ada.Account.Epoch, ada.Account.RolesVersion)
	}
	change := func(edit admin.Edit) error {
		_, err := e.Users.Change(t.Context(), uuid.Nil, ada.Account.ID.String(), edit, nil)
		return err
	}
	yes, no := true, false
	if err := change(admin.Edit{AddRoles: []string{"staff"}}); err != nil || check() != authcore.RolesChanged {
		t.Errorf("roles (%v): %v", err, check())
	}
	if err := change(admin.Edit{Disabled: &yes}); err != nil || check() != authcore.Revoked {
		t.Errorf("disabled (%v): %v", err, check())
	}
	_, err := e.TrySignIn(t, "ada@example.com", testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	if err := change(admin.Edit{Disabled: &no}); err != nil || check() != authcore.Revoked {
		t.Errorf("enabled (%v): %v", err, check())
	}
	if _, err := e.TrySignIn(t, "ada@example.com", testflow.Password); err != nil {
		t.Error(err)
	}
}

// Whom the option makes an administrator stays one, whoever asks, and their own address is what they have the role by.
func TestAdmins_RoleOfTheOption(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Admins: authcore.Admins{"ada@example.com"}})
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com"}).Account.ID.String()
	for _, edit := range []admin.Edit{{TakeRoles: []string{authcore.RoleAdmin}}, {Roles: &[]string{"staff"}}} {
		_, err := e.Users.Change(t.Context(), uuid.Nil, ada, edit, nil)
		testflow.WantCode(t, err, authcore.ManagedByConfiguration)
	}
}
