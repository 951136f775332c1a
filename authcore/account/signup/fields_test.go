package signup_test

import (
	"reflect"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

var team = userfield.Set{{Name: "team", Type: userfield.Text, Required: true}, {Name: "plan", Type: userfield.Text, ReadOnly: true}}

// Fields and language are part of a sign-up, in each mode: they wait with it where it waits.
func TestRegister_KeepsFieldsAndLocale(t *testing.T) {
	t.Parallel()
	for _, mode := range []signup.Mode{signup.Verified, signup.Open} {
		e := testflow.New(t, testflow.Options{Mode: mode, UserFields: team})
		in := signup.RegisterInput{Email: bob, Locale: "DE-at", Fields: map[string]any{"team": " blue ", "plan": "gold"}}
		done := e.Register(t, in)
		if got := e.Mail(t, bob, authcore.MailVerify); got.Lang != "de-AT" {
			t.Errorf("%s: the mail is in %q", mode, got.Lang)
		}
		signedIn, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Email: bob, OTP: e.Mail(t, bob, authcore.MailVerify).Code, Proof: done.Proof, Request: testflow.Request()}))
		if err != nil {
			t.Fatal(err)
		}
		a, err := e.Store.AccountByID(t.Context(), signedIn.Account.ID)
		if err != nil || a.Locale != "de-AT" || !reflect.DeepEqual(a.Fields, map[string]any{"team": "blue"}) {
			t.Errorf("%s: %v, locale %q, fields %v", mode, err, a.Locale, a.Fields)
		}
	}
}

// What is broken is told for every address alike, before anything is looked up (L04).
func TestRegister_RefusesBrokenFields(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{UserFields: team})
	e.Person(t, signup.RegisterInput{Email: bob, Fields: map[string]any{"team": "blue"}})
	for _, address := range []string{bob, "new@example.com"} {
		_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: address, Password: testflow.Password, Locale: "fr",
			Fields: map[string]any{"no_such": "x"}, Client: testflow.Client()})
		got := testflow.WantCode(t, err, authcore.InvalidFields).Fields
		if len(got) != 3 || len(got.At("locale")) != 1 || len(got.At("fields.no_such")) != 1 || len(got.At("fields.team")) != 1 {
			t.Errorf("%s: %v", address, got)
		}
	}
}
