package password_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// A username recovers by the verified address, or else by the number; a code that went to the number proves no address.
func TestForgot_ByNumber(t *testing.T) {
	t.Parallel()
	const number = "+436641234567"
	e := testflow.New(t, testflow.Options{Mode: signup.Open, Numbers: identifier.Numbers{Texts: true},
		Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone}})
	now := e.Clock.Now()
	a := authcore.Account{ID: uuid.New(), Email: address, Username: "ada", FirstName: "Ada", Phone: number, PhoneVerifiedAt: now, CreatedAt: now, UpdatedAt: now}
	ids := []authcore.Identifier{{Kind: authcore.KindEmail, Value: address}, {Kind: authcore.KindUsername, Value: "ada"}, {Kind: authcore.KindPhone, Value: number}}
	if err := e.Store.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	forgot := func(login string) {
		t.Helper()
		if err := e.Password.Forgot(t.Context(), login, testflow.Client()); err != nil {
			t.Fatal(err)
		}
	}
	reset := func(login, code, password string) error {
		t.Helper()
		return e.Password.Reset(t.Context(), passwordReset(login, code, password))
	}
	forgot("ada")
	code := e.Mail(t, number, authcore.MailReset)
	if code.Channel != authcore.BySMS || code.Link != "" || len(e.Mails(t, address)) != 0 {
		t.Fatalf("the code went by %+v", code)
	}
	testflow.WantCode(t, reset(address, code.Code, testflow.Password), authcore.InvalidCode)
	if err := reset("ada", code.Code, testflow.Password); err != nil {
		t.Fatal(err)
	}
	if got, err := e.Store.AccountByID(t.Context(), a.ID); err != nil || got.EmailVerified() || got.Username != "ada" || got.Phone != number {
		t.Errorf("after the reset: %+v (%v)", got, err)
	}
	e.Clock.Advance(61_000_000_000)
	forgot(number)
	sent := e.Mails(t, number)
	if err := reset(number, sent[len(sent)-1].Code, testflow.OtherPassword); err != nil {
		t.Fatal(err)
	}
	forgot("+436649999999") // nobody's: the same answer
	if n := len(e.Mails(t, "+436649999999")); n != 0 {
		t.Errorf("%d SMS to a number that nobody has", n)
	}
}

func passwordReset(login, code, next string) password.ResetInput {
	return password.ResetInput{Login: login, OTP: code, NewPassword: next, Client: testflow.Client()}
}
