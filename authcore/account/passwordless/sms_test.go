package passwordless_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// An account with a verified number signs in by a code that goes there, under each name of the number, and never by one that was mailed.
func TestFinish_SMS(t *testing.T) {
	t.Parallel()
	const number = "+436641234567"
	e, id := person(t, testflow.Options{Numbers: identifier.Numbers{Texts: true, Region: "AT"},
		Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone}})
	if _, err := e.Contact.RequestPhone(t.Context(), id, number, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	confirm := contact.ConfirmInput{AccountID: id, OTP: e.Mail(t, number, authcore.MailConfirmEmail).Code, Client: testflow.Client()}
	if _, err := e.Contact.ConfirmPhone(t.Context(), confirm); err != nil {
		t.Fatal(err)
	}
	ask(t, e, ada, "")
	mailed := mail(t, e)
	for _, login := range []passwordless.Login{{Phone: number}, {Login: "0664 1234567"}} {
		e.Clock.Advance(2 * time.Minute)
		started, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: login, Client: testflow.Client()})
		if err != nil {
			t.Fatal(err)
		}
		text := e.Mail(t, number, authcore.MailSignInCode)
		if text.Channel != authcore.BySMS || text.Link != "" || started.Binding == "" {
			t.Errorf("%+v: %+v", login, text)
		}
		refused(t, e, byCode(ada, text.Code, ""), authcore.InvalidCode) // what went by SMS is no code of the mail, and the reverse
		refused(t, e, passwordless.Input{Login: login, OTP: mailed.Code}, authcore.InvalidCode)
		in := passwordless.Input{Login: login, OTP: text.Code}
		tokens, err := finish(t, e, in)
		if err != nil {
			t.Fatalf("%+v: %v", login, err)
		}
		if tokens.Account.ID != id || !slices.Equal(tokens.Session.AMR, []string{"sms"}) || authcore.ACR(tokens.Session.AMR) != authcore.ACRSingle {
			t.Errorf("%+v: %+v", login, tokens.Session)
		}
		refused(t, e, in, authcore.InvalidCode)
	}
}

// O19: each SMS was paid for, so one whose code has signed somebody in stays counted: a number of their own gets whoever pumps no more of them.
func TestO19_UsedCodesStayCounted(t *testing.T) {
	t.Parallel()
	const number = "+436641234567"
	e := site(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}, Identities: []authcore.IdentifierKind{authcore.KindPhone}})
	for range 6 {
		sent := len(e.Mails(t, number))
		login := passwordless.Login{Phone: number}
		if _, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: login, Client: testflow.Client()}); err != nil {
			t.Fatal(err)
		}
		if len(e.Mails(t, number)) > sent {
			if _, err := finish(t, e, passwordless.Input{Login: login, OTP: e.Mail(t, number, authcore.MailSignInCode).Code}); err != nil {
				t.Fatal(err)
			}
		}
		e.Clock.Advance(2 * time.Minute)
	}
	if n := len(e.Mails(t, number)); n != 3 {
		t.Errorf("%d SMS within a quarter of an hour, want 3", n)
	}
}
