package federated_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Where sign-up takes an invitation, the one that a start has come with is used by the new account, also across the code to its address; and
// without one nobody is signed up, nor sent a code.
func TestInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{Mode: signup.Invite, Inviters: authcore.Inviters{Everybody: true}}, nil)
	now := w.Clock.Now()
	inviter := authcore.Account{ID: uuid.New(), Email: "chief@example.com", EmailVerifiedAt: now, CreatedAt: now, UpdatedAt: now}
	if err := w.Store.CreateAccount(t.Context(), inviter, []authcore.Identifier{{Kind: authcore.KindEmail, Value: inviter.Email}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	invited := func(to string) string {
		t.Helper()
		made, err := w.Invite.Create(t.Context(), inviter.ID, invite.Input{Email: to, Client: testflow.Client()})
		if err != nil {
			t.Fatal(err)
		}
		if to != "" {
			return testflow.Token(t, w.Mail(t, to, authcore.MailInvitation))
		}
		return made.Token
	}
	arrive := func(token string) (federated.Result, error) {
		t.Helper()
		return w.Federated.Callback(t.Context(), w.toAndBack(t, federated.StartInput{Provider: "acme", Invitation: token}))
	}
	_, err := arrive("")
	testflow.WantCode(t, err, authcore.InvitationRequired)
	_, err = arrive(invited("bob@example.com"))
	testflow.WantCode(t, err, authcore.InvalidInvitation)
	token := invited("")
	_, err = w.Federated.Token(t.Context(), federated.TokenInput{Provider: "acme", Native: idp.Native{IDToken: w.acme.IDToken("n"), Nonce: "n"}, Invitation: token + "x", Request: testflow.Request()})
	testflow.WantCode(t, err, authcore.InvalidInvitation)

	w.as(ada, false)
	for _, none := range []string{"", token + "x", invited("bob@example.com")} {
		res, err := arrive(none)
		if waits(t, res, err, federated.MissingCode); len(w.Mails(t, ada)) != 0 {
			t.Fatal("a code was sent where nobody may sign up")
		}
	}
	w.Clock.Advance(2 * time.Minute) // past the pause between two codes
	res, err := arrive(token)
	waiting := waits(t, res, err, federated.MissingCode)
	res, err = w.complete(t, federated.CompleteInput{Token: waiting.Token, OTP: w.code(t, ada)})
	if made := signedIn(t, res, err); made.InvitedBy != inviter.ID {
		t.Errorf("%+v", made)
	}
	w.as("carla@example.com", true)
	_, err = arrive(token)
	testflow.WantCode(t, err, authcore.InvalidInvitation)
}
