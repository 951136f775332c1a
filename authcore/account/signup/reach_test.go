package signup_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// TestL04_UnreachableAddress: an address that the mail server is known not to take is refused at sign-up and when a code is
// asked for again, with an account and without alike.
func TestL04_UnreachableAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	const known, unknown = "jürgen@example.com", "jörg@example.com"
	e.Person(t, signup.RegisterInput{Email: known}) // from before
	f, err := signup.New(signup.Config{Invitations: e.Invite, Notices: e.Notices,
		Store: e.Store, Hasher: e.Hasher, Policy: e.Policy, Challenges: e.Challenges, Steps: e.Steps,
		Settings: signup.Settings{Mode: tuning.Always(signup.Verified), Identities: []authcore.IdentifierKind{authcore.KindEmail}},
		Salt:     func(string) []byte { return make([]byte, 16) }, Now: e.Clock.Now,
		CanReach: func(address string) bool { return !strings.ContainsAny(address, "üö") },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{known, unknown} {
		_, err := f.Register(t.Context(), signup.RegisterInput{Email: address, Password: testflow.Password, Client: testflow.Client()})
		for what, err := range map[string]error{"register": err, "resend": f.Resend(t.Context(), signup.ResendInput{Email: address, Client: testflow.Client()})} {
			if refused := testflow.WantCode(t, err, authcore.InvalidFields); len(refused.Fields) != 1 || refused.Fields[0].Field != "email" {
				t.Errorf("%s of %s: %v", what, address, refused.Fields)
			}
		}
	}
	if _, err := f.Register(t.Context(), signup.RegisterInput{Email: "anna@example.com", Password: testflow.Password, Client: testflow.Client()}); err != nil {
		t.Error(err)
	}
}
