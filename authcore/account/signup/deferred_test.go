package signup_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// With `signup open { deferred }` any number of accounts have one address pending; the first proof has it, and the others' claims die.
func TestRegister_Deferred(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open, Deferred: true})
	var made []authcore.Account
	var codes []string
	for _, name := range []string{"first", "second"} {
		done := e.Register(t, signup.RegisterInput{Email: bob, Username: name})
		want := authcore.Pending{Channel: authcore.ByEmail, Address: bob, Until: e.Clock.Now().Add(7 * 24 * time.Hour)}
		if got := done.Account.Pending(e.Clock.Now()); done.Account.Email != "" || len(got) != 1 || got[0] != want || done.Proof != "" {
			t.Fatalf("%s: %+v", name, done)
		}
		made, codes = append(made, *done.Account), append(codes, e.Mail(t, bob, authcore.MailConfirmEmail).Code)
		e.Clock.Advance(time.Minute)
	}
	_, err := e.TrySignIn(t, bob, testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	if _, err := e.TrySignIn(t, "first", testflow.Password); err != nil {
		t.Error(err)
	}
	confirm := func(i int) (authcore.Account, error) {
		return e.Contact.ConfirmEmail(t.Context(), contact.ConfirmInput{AccountID: made[i].ID, OTP: codes[i], Client: testflow.Client()})
	}
	if a, err := confirm(0); err != nil || a.Email != bob || !a.EmailVerified() || len(a.Pending(e.Clock.Now())) != 0 {
		t.Fatalf("%v, %+v", err, a)
	}
	_, err = confirm(1)
	testflow.WantCode(t, err, authcore.InvalidCode)
	if a, err := e.Store.AccountByID(t.Context(), made[1].ID); err != nil || a.PendingEmail != "" || a.Email != "" {
		t.Errorf("the second: %v, %+v", err, a)
	}
	if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
		t.Error(err)
	}
}

// A number that is pending gets its code as an address does.
func TestRegister_DeferredNumber(t *testing.T) {
	t.Parallel()
	e := texting(t, testflow.Options{Mode: signup.Open, Deferred: true})
	a := e.Register(t, signup.RegisterInput{Email: bob, Phone: number, Username: "bobby"}).Account
	if a.Phone != "" || a.PendingPhone != number {
		t.Fatalf("%+v", a)
	}
	e.Mail(t, bob, authcore.MailConfirmEmail)
	code := e.Mail(t, number, authcore.MailConfirmEmail).Code
	got, err := e.Contact.ConfirmPhone(t.Context(), contact.ConfirmInput{AccountID: a.ID, OTP: code, Client: testflow.Client()})
	if err != nil || got.Phone != number || !got.PhoneVerified() || got.PendingEmail != bob {
		t.Errorf("%+v (%v)", got, err)
	}
	quiet := texting(t, testflow.Options{Mode: signup.Open, Deferred: true, CodeOnDemand: true})
	quiet.Register(t, signup.RegisterInput{Phone: number, Username: "bobby"})
	if n := len(quiet.Mails(t, number)); n != 0 {
		t.Errorf("%d SMS that nobody has asked for", n)
	}
}

func TestRegister_DeferredNeedsAUsername(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open, Deferred: true})
	_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: bob, Password: testflow.Password, Client: testflow.Client()})
	if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got.At("username")) != 1 {
		t.Errorf("fields %v", got)
	}
	e.Register(t, signup.RegisterInput{Username: "bobby"})
}

// An address that only an open account claims, without having verified it, goes to whoever confirms it, and the claimer is closed.
func TestPrehijack_ConfirmedByAnotherAccount(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	theirs := e.Register(t, signup.RegisterInput{Email: bob, Password: planted}).Account
	own := e.Register(t, signup.RegisterInput{Username: "bobby"}).Account
	e.Clock.Advance(time.Minute)
	if _, err := e.Contact.RequestEmail(t.Context(), own.ID, bob, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	code := e.Mail(t, bob, authcore.MailConfirmEmail).Code
	a, err := e.Contact.ConfirmEmail(t.Context(), contact.ConfirmInput{AccountID: own.ID, OTP: code, Client: testflow.Client()})
	if err != nil || a.Email != bob {
		t.Fatalf("%v, %+v", err, a)
	}
	if a, err := e.Store.AccountByID(t.Context(), theirs.ID); err != nil || !a.Disabled() || a.Email != "" {
		t.Errorf("the stranger's account: %v, %+v", err, a)
	}
}
