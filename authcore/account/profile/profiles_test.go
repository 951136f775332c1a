package profile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const bob = "bob@example.com"

func TestChange_SetsWhatIsGivenAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	before := e.Person(t, signup.RegisterInput{Email: bob, Username: "bobby", FirstName: "Bob", LastName: "Ross"}).Account
	a, err := e.Profile.Change(t.Context(), before.ID, profile.Patch{
		Username: new(" Robert "), LastName: new(""), Phone: new("+43 1 2345678"),
	}, testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	if a.Username != "robert" || a.FirstName != "Bob" || a.LastName != "" || a.Phone != "+4312345678" {
		t.Errorf("%+v", a)
	}
	got, err := e.Profile.Get(t.Context(), before.ID)
	if err != nil || got.Username != "robert" || got.Email != bob {
		t.Errorf("%v, %+v", err, got)
	}
	if _, err := e.TrySignIn(t, "robert", testflow.Password); err != nil {
		t.Errorf("the new username: %v", err)
	}
	_, err = e.TrySignIn(t, "bobby", testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
}

// A profile change has no field for anything that gives rights or was verified; what it does touch stays inside these.
func TestL21_NothingElseChanges(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	before := e.Person(t, signup.RegisterInput{Email: bob}).Account
	after, err := e.Profile.Change(t.Context(), before.ID, profile.Patch{FirstName: new("{env.HOME}")}, testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	if after.FirstName != "{env.HOME}" || after.ID != before.ID || after.Email != before.Email ||
		!after.EmailVerifiedAt.Equal(before.EmailVerifiedAt) || !slices.Equal(after.Roles, before.Roles) ||
		after.Epoch != before.Epoch || after.PasswordHash != before.PasswordHash || after.Disabled() {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
}

func TestI04_TakenAndReservedUsernames(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	own := e.Person(t, signup.RegisterInput{Email: bob, Username: "bobby"}).Account
	e.Person(t, signup.RegisterInput{Email: "eve@example.com", Username: "eve.adams"})
	for _, name := range []string{"Eve.Adams", "admin", "b\u200bob", "\u202eybbob", "bob@example.com", "a", strings.Repeat("a", 1<<20)} {
		_, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{Username: &name}, testflow.Client())
		if got := testflow.WantCode(t, err, authcore.InvalidFields); len(got.Fields.At("username")) != 1 {
			t.Errorf("fields %v", got.Fields)
		}
	}
	if _, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{Username: new("")}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{
		Email: "late@example.com", Password: testflow.Password, Username: "bobby", Client: testflow.Client(),
	})
	testflow.WantCode(t, err, authcore.InvalidFields) // a name once used is nobody else's, ever
	if _, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{Username: new("bobby")}, testflow.Client()); err != nil {
		t.Errorf("its owner takes it back: %v", err)
	}
}

func TestI05_EveryBrokenFieldIsNamed(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	own := e.Person(t, signup.RegisterInput{Email: bob, FirstName: "Bob"}).Account
	_, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{
		FirstName: new("a\x00"), LastName: new("\xed\xa0\x80"), Phone: new("\ufeff+431"), Username: new("bob\n"),
	}, testflow.Client())
	if got := testflow.WantCode(t, err, authcore.InvalidFields); len(got.Fields) != 4 {
		t.Errorf("fields %v", got.Fields)
	}
	if a, _ := e.Profile.Get(t.Context(), own.ID); a.FirstName != "Bob" {
		t.Errorf("a refused change left the first name %q", a.FirstName)
	}
}

func TestChange_NumberThatSignsInIsNotTyped(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindPhone}})
	own := e.Person(t, signup.RegisterInput{Email: bob}).Account
	a, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{FirstName: new("Bob"), Phone: new("+43 1 2345678")}, testflow.Client())
	if err != nil || a.Phone != "" || a.FirstName != "Bob" {
		t.Errorf("%v, phone %q, first name %q", err, a.Phone, a.FirstName)
	}
}

func TestGet_OfNobody(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	_, err := e.Profile.Get(t.Context(), uuid.New())
	testflow.WantCode(t, err, authcore.InvalidToken)
	_, err = e.Profile.Change(t.Context(), uuid.New(), profile.Patch{FirstName: new("X")}, testflow.Client())
	testflow.WantCode(t, err, authcore.InvalidToken)
}

func TestChange_UsernameNeedNotBeUniqueWhereItDoesNotSignIn(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Identities: []authcore.IdentifierKind{authcore.KindEmail}})
	e.Person(t, signup.RegisterInput{Email: bob, Username: "bobby"})
	other := e.Person(t, signup.RegisterInput{Email: "eve@example.com", Username: "bobby"}).Account
	if other.Username != "bobby" {
		t.Errorf("username %q", other.Username)
	}
}
