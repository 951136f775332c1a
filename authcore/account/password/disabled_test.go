package password_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// A link or code from before an account was disabled is worth nothing, and the answer is that of any other dead one.
func TestR02_DisabledAccountIsNotReset(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	a := authcore.Account{ID: uuid.New(), Email: bob, EmailVerifiedAt: e.Clock.Now(), PasswordHash: "kept", DisabledAt: e.Clock.Now(),
		CreatedAt: e.Clock.Now(), UpdatedAt: e.Clock.Now()}
	ids := []authcore.Identifier{{Kind: authcore.KindEmail, Value: bob}}
	if err := e.Store.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	stored, err := e.Store.AccountByID(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = e.Challenges.Request(t.Context(), challenge.Request{Purpose: authcore.PurposeResetPassword, Subject: identifier.AccountKey(a.ID),
		Counted: bob, Known: &challenge.Known{Account: a.ID, To: challenge.Recipient{Address: bob}}, Client: testflow.Client(), Save: e.Store.IssueChallenge})
	if err != nil {
		t.Fatal(err)
	}
	before := e.Mail(t, bob, authcore.MailReset)
	for _, in := range []password.ResetInput{
		{Token: testflow.Token(t, before)},
		{Login: bob, OTP: before.Code},
		{Token: testflow.Token(t, before), NewPassword: bob + bob}, // not even that it breaks a rule
	} {
		testflow.WantCode(t, reset(t, e, in), authcore.InvalidCode)
	}
	e.Clock.Advance(2 * time.Minute)
	forgot(t, e, bob)
	if all := e.Mails(t, bob); len(all) != 1 {
		t.Errorf("%d mails, want none after the first", len(all))
	}
	got, err := e.Store.AccountByID(t.Context(), a.ID)
	if diff := cmp.Diff(stored, got); diff != "" || err != nil {
		t.Errorf("changed (-want +got), %v:\n%s", err, diff)
	}
}
