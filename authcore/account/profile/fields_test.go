package profile_test

import (
	"reflect"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestChange_FieldsAndLocale(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{UserFields: userfield.Set{{Name: "team", Type: userfield.Text}, {Name: "age", Type: userfield.Integer}}})
	own := e.Person(t, signup.RegisterInput{Email: bob, Fields: map[string]any{"team": "blue"}}).Account
	a, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{Locale: new("de"), Fields: map[string]any{"age": 7.0}}, testflow.Client())
	if err != nil || a.Locale != "de" || !reflect.DeepEqual(a.Fields, map[string]any{"team": "blue", "age": 7.0}) {
		t.Fatalf("%v, %q %v", err, a.Locale, a.Fields)
	}
	_, err = e.Profile.Change(t.Context(), own.ID, profile.Patch{FirstName: new("Bob"), Fields: map[string]any{"age": "x", "no": 1.0}}, testflow.Client())
	if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got) != 2 {
		t.Errorf("%v", got)
	}
	a, err = e.Profile.Change(t.Context(), own.ID, profile.Patch{Locale: new(""), Fields: map[string]any{"team": nil}}, testflow.Client())
	if err != nil || a.Locale != "" || a.FirstName != "" || !reflect.DeepEqual(a.Fields, map[string]any{"age": 7.0}) {
		t.Errorf("%v, %q %q %v", err, a.Locale, a.FirstName, a.Fields)
	}
}

// An account that has chosen a language gets its mails in it, whoever asks for them in whatever language.
func TestChange_LocaleIsThatOfMails(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	own := e.Person(t, signup.RegisterInput{Email: bob}).Account
	if _, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{Locale: new("de")}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	asks := testflow.Client()
	asks.Lang = "en"
	if err := e.Password.Forgot(t.Context(), bob, asks); err != nil {
		t.Fatal(err)
	}
	if _, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: bob, Password: testflow.Password, Client: asks}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Contact.RequestEmail(t.Context(), own.ID, "new@example.com", asks); err != nil {
		t.Fatal(err)
	}
	for address, kind := range map[string]authcore.MailKind{bob: authcore.MailReset, "new@example.com": authcore.MailConfirmEmail} {
		if got := e.Mail(t, address, kind).Lang; got != "de" {
			t.Errorf("%s is in %q", kind, got)
		}
	}
	if got := e.Mail(t, bob, authcore.MailAccountExists).Lang; got != "de" {
		t.Errorf("account_exists is in %q", got)
	}
}

// Where numbers sign in, a username that reads as one would sign in as its owner (contract §7.2).
func TestChange_UsernameIsNoNumber(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone},
		Numbers: identifier.Numbers{Region: "AT"}})
	own := e.Person(t, signup.RegisterInput{Email: bob}).Account
	_, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{Username: new("066412345678")}, testflow.Client())
	if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got.At("username")) != 1 {
		t.Errorf("%v", got)
	}
	if _, err := e.Profile.Change(t.Context(), own.ID, profile.Patch{Username: new("bob66412")}, testflow.Client()); err != nil {
		t.Error(err)
	}
}
