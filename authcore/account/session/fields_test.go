package session_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Nobody keeps themselves out by what they write into their fields: where a token or cookie would be too long, the fields are left out.
func TestB01_FieldsNeverMakeATokenTooLong(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{UserFields: userfield.Set{{Name: "motto", Type: userfield.Text, Max: 1024, Claim: true}}})
	account := e.Person(t, signup.RegisterInput{Email: ada}).Account
	account.FirstName, account.LastName = strings.Repeat("字", 100), strings.Repeat("字", 100)
	roles := make([]string, 32)
	for i := range roles {
		roles[i] = strings.Repeat("r", 64)
	}
	for _, c := range []struct {
		motto string
		roles []string
		mode  authcore.Mode
		kept  bool
	}{
		{"short", nil, authcore.ModeCookie, true}, {strings.Repeat("x", 1024), nil, authcore.ModeCookie, true},
		{"short", roles, authcore.ModeCookie, true}, {strings.Repeat("🦊", 1024), nil, authcore.ModeCookie, false},
		{strings.Repeat("x", 1024), roles, authcore.ModeBearer, true}, {strings.Repeat("🦊", 1024), roles, authcore.ModeBearer, false},
	} {
		account.Roles, account.Fields = c.roles, map[string]any{"motto": c.motto}
		r := testflow.Request()
		r.Mode = c.mode
		sess, token, err := e.Sessions.Prepare(account, r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Sessions.Grant(account, sess, token, r.Client)
		switch {
		case err != nil:
			t.Errorf("%s, %d bytes, %d roles: %v", c.mode, len(c.motto), len(c.roles), err)
		case (got.Principal.Fields != "") != c.kept:
			t.Errorf("%s, %d bytes, %d roles: the fields are %.20q", c.mode, len(c.motto), len(c.roles), got.Principal.Fields)
		case c.mode == authcore.ModeCookie && len("__Host-gatehouse=")+len(got.Access) > 4096:
			t.Errorf("the access cookie has %d bytes", len(got.Access))
		}
	}
}
