package accesstoken_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Fields with claim are in tokens of both kinds, unseen, seen and from memory, and in those that are renewed; other fields are in none.
func TestVerify_Fields(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{UserFields: userfield.Set{{Name: "team", Type: userfield.Text, Claim: true},
		{Name: "age", Type: userfield.Integer, Claim: true}, {Name: "news", Type: userfield.Boolean, Claim: true}, {Name: "secret", Type: userfield.Text}}})
	v, err := accesstoken.New(accesstoken.Config{Keys: e.Ring, Revocations: e.Revoked, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	in := e.Person(t, signup.RegisterInput{Email: "ada@example.com", Fields: map[string]any{"team": `Grün <"&">`, "age": -7.0, "news": false, "secret": "x"}})
	again, err := e.Sessions.Refresh(t.Context(), in.Refresh, authcore.ModeBearer, testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	const claims = `{"age":-7,"news":false,"team":"Grün <\"&\">"}`
	if in.Principal.Fields != claims || v.Admit(in.Principal).Field("team") != `Grün <"&">` {
		t.Errorf("the principal of a new token has %s", in.Principal.Fields)
	}
	for name, raw := range map[string]string{"signed in": in.Access, "refreshed": again.Access} {
		for range 3 {
			verified, outcome := v.Verify(raw, authcore.BearerToken)
			if outcome != accesstoken.Admitted || verified.Principal().Fields != claims {
				t.Fatalf("%s: outcome %d, %+v", name, outcome, verified)
			}
			for field, want := range map[string]string{"team": `Grün <"&">`, "age": "-7", "news": "false", "secret": "", "no": ""} {
				if got := verified.Field(field); got != want {
					t.Errorf("%s: %s is %q, want %q", name, field, got, want)
				}
			}
		}
	}
}

// TestP19_FieldsOfOldTokens: whatever wrote a token, what it gives to headers is one line.
func TestP19_FieldsOfOldTokens(t *testing.T) {
	t.Parallel()
	_, _, v := setUp(t)
	if got := v.Admit(authcore.Principal{Fields: `{"f":"a\r\nX-Role: admin\u0085"}`}).Field("f"); got != "aX-Role: admin" {
		t.Errorf("%q", got)
	}
}
