package admin_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Whoever makes an account for a stranger's address gets nothing of it: it signs in by the username, and the address is whose owner proves it.
func TestNewcomers_Create(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	owner := e.Person(t, signup.RegisterInput{Email: "owner@example.com"})
	for i, address := range []string{"bob@example.com", "bob@example.com", "owner@example.com", ""} {
		name := fmt.Sprintf("new%d", i)
		made, err := e.Newcomers.Create(t.Context(), admin.NewUser{Username: name, Email: address, Client: testflow.Client()}, testflow.Password)
		if err != nil {
			t.Fatal(err)
		}
		if made.Email != "" || made.PendingEmail != address || made.Number < 1 {
			t.Errorf("made %+v", made)
		}
		got, err := e.TrySignIn(t, name, testflow.Password)
		if err != nil || got.Account.ID != made.ID {
			t.Errorf("signed in to %s, %v", got.Account.ID, err)
		}
	}
	if _, err := e.TrySignIn(t, "bob@example.com", testflow.Password); err == nil {
		t.Error("an address signs in that nobody has proven")
	}
	if got, err := e.TrySignIn(t, "owner@example.com", testflow.Password); err != nil || got.Account.ID != owner.Account.ID {
		t.Errorf("the owner of a claimed address is %s, %v", got.Account.ID, err)
	}
	code := e.Mail(t, "bob@example.com", authcore.MailConfirmEmail).Code
	first, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindUsername, Value: "new0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Contact.ConfirmEmail(t.Context(), contact.ConfirmInput{AccountID: first.ID, OTP: code, Client: testflow.Client()}); err != nil {
		t.Errorf("confirm: %v", err)
	}
}

func TestNewcomers_CreateRefused(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})
	for name, c := range map[string]struct {
		in       admin.NewUser
		password string
		code     authcore.Code
		field    string
	}{
		"no username":   {admin.NewUser{Email: "bob@example.com"}, testflow.Password, authcore.InvalidFields, "username"},
		"nothing":       {admin.NewUser{}, testflow.Password, authcore.InvalidFields, "username"},
		"bad username":  {admin.NewUser{Username: "a b"}, testflow.Password, authcore.InvalidFields, "username"},
		"bad address":   {admin.NewUser{Username: "bob", Email: "bob"}, testflow.Password, authcore.InvalidFields, "email"},
		"no password":   {admin.NewUser{Username: "bob"}, "", authcore.InvalidFields, "password"},
		"weak password": {admin.NewUser{Username: "bob"}, "test@123", authcore.InvalidFields, "password"},
		"own name":      {admin.NewUser{Username: "bob", Email: "margaret.hamilton@example.com"}, "margaret.hamilton", authcore.InvalidFields, "password"},
		"taken":         {admin.NewUser{Username: "ada"}, testflow.Password, authcore.Conflict, "username"},
	} {
		_, err := e.Newcomers.Create(t.Context(), c.in, c.password)
		refusal := testflow.WantCode(t, err, c.code)
		if len(refusal.Fields) == 0 || len(refusal.Fields.At(c.field)) != len(refusal.Fields) {
			t.Errorf("%s: %v", name, refusal.Fields)
		}
	}
	off := testflow.New(t, testflow.Options{NoPassword: true})
	_, err := off.Newcomers.Create(t.Context(), admin.NewUser{Username: "bob"}, testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidFields)
}

func TestNewcomers_RaceForAUsername(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	var wait sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		wait.Go(func() {
			_, errs[i] = e.Newcomers.Create(t.Context(), admin.NewUser{Username: "bob"}, testflow.Password)
		})
	}
	wait.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if code := authcore.CodeOf(err); code != authcore.Conflict && code != authcore.Unavailable { // the hasher has a queue of its own
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d accounts of one name", made)
	}
}

// An administrator who could change the address of another would have that account by it.
func TestClaims_Email(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"}).Account
	which := ada.ID.String()
	a, err := e.Claims.Email(t.Context(), which, "new@example.com", testflow.Client())
	if err != nil || a.Email != "ada@example.com" || !a.EmailVerified() || a.PendingEmail != "new@example.com" {
		t.Fatalf("%+v, %v", a, err)
	}
	if a, err = e.Claims.Email(t.Context(), which, "Ada@example.com", testflow.Client()); err != nil || a.PendingEmail != "new@example.com" {
		t.Errorf("the address that it has: %+v, %v", a, err)
	}
	code := e.Mail(t, "new@example.com", authcore.MailConfirmEmail).Code
	if _, err := e.Contact.ConfirmEmail(t.Context(), contact.ConfirmInput{AccountID: ada.ID, OTP: code, Client: testflow.Client()}); err != nil {
		t.Errorf("confirm: %v", err)
	}
	claim := func(which, address string) error {
		_, err := e.Claims.Email(t.Context(), which, address, testflow.Client())
		return err
	}
	testflow.WantCode(t, claim(uuid.NewString(), "x@example.com"), authcore.NotFound)
	testflow.WantCode(t, claim(which, "x"), authcore.InvalidFields)
	machine, err := e.Users.Create(context.WithoutCancel(t.Context()), admin.NewUser{Username: "machine", Kind: authcore.KindService})
	if err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, claim(machine.ID.String(), "x@example.com"), authcore.InvalidFields)
	if _, err := e.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: ada.ID, Add: []string{authcore.RoleAdmin}, Now: e.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, claim(which, "x@example.com"), authcore.Forbidden)
	bob := e.Person(t, signup.RegisterInput{Email: "bob@example.com", Username: "bob"}).Account
	if _, err := e.Store.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: bob.ID, Disable: true, Now: e.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, claim(bob.ID.String(), "x@example.com"), authcore.Conflict)
}

func TestRoster(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	for i := range 5 {
		if _, err := e.Users.Create(t.Context(), admin.NewUser{Username: fmt.Sprintf("user%d", i)}); err != nil {
			t.Fatal(err)
		}
		e.Clock.Advance(time.Second)
	}
	var numbers []int64
	if err := e.Roster.Each(t.Context(), func(people []authcore.ManagedAccount) error {
		for _, a := range people {
			numbers = append(numbers, a.Number)
		}
		return nil
	}); err != nil || len(numbers) != 5 {
		t.Errorf("%v, %v", numbers, err)
	}
	for _, c := range []struct {
		skip, limit, n int
		more           bool
	}{{0, 2, 2, true}, {4, 2, 1, false}, {3, 2, 2, false}, {5, 2, 0, false}} {
		people, more, err := e.Roster.Page(t.Context(), c.skip, c.limit)
		if err != nil || len(people) != c.n || more != c.more {
			t.Errorf("without %d, at most %d: %d people, more %t, %v", c.skip, c.limit, len(people), more, err)
		}
	}
	if n, err := e.Roster.Count(t.Context()); err != nil || n != 5 {
		t.Errorf("%d people, %v", n, err)
	}
}
