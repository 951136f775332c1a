package session_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// While a node must not issue tokens, none of the ways to a session leads to one; each is open again afterwards, with what was
// presented before: nothing was spent.
func TestMayIssue(t *testing.T) {
	t.Parallel()
	const app = "https://app.example.com"
	var refusal error
	e := testflow.New(t, testflow.Options{MayIssue: func() error { return refusal }})
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	e.Register(t, signup.RegisterInput{Email: "bob@example.com"})
	code := e.Mail(t, "bob@example.com", authcore.MailVerify).Code
	verifier, host := handover.NewVerifier(), testflow.Client()
	host.Origin = app
	ticket, err := e.Handover.Issue(t.Context(), &ada.Principal, app, e.Handover.Ask(handover.AskInput{Origin: app, Challenge: handover.Challenge(verifier)}))
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]func() error{
		"sign in": func() error { _, err := e.TrySignIn(t, "ada@example.com", testflow.Password); return err },
		"refresh": func() error {
			_, err := e.Sessions.Refresh(t.Context(), ada.Refresh, authcore.ModeBearer, testflow.Client())
			return err
		},
		"hand over": func() error {
			_, err := e.Handover.Redeem(t.Context(), handover.RedeemInput{Code: ticket, Verifier: verifier, Origin: app}, host)
			return err
		},
		"sign up": func() error {
			_, err := e.SignUp.Verify(t.Context(), signup.VerifyInput{Email: "bob@example.com", OTP: code, Password: testflow.Password, Request: testflow.Request()})
			return err
		},
	}
	refusal = authcore.Refuse(authcore.Unavailable, "not now")
	for name, way := range ways {
		if err := way(); authcore.CodeOf(err) != authcore.Unavailable {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	refusal = nil
	for name, way := range ways {
		if err := way(); err != nil {
			t.Errorf("%s afterwards: error is %v", name, err)
		}
	}
}
