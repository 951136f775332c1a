package passwordless_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// O03: wrong codes close the codes of an account for an hour, whatever is resent meanwhile, and no longer: a resend does not begin the hour
// anew, so nobody keeps the owner's codes closed by asking for more of them. The link of each mail works all the while.
func TestO03_ClosedForAnHour(t *testing.T) {
	t.Parallel()
	for _, bound := range []bool{false, true} {
		e, _ := person(t, testflow.Options{})
		binding := ask(t, e, ada, "")
		shown := map[bool]string{true: binding}[bound]
		for range 5 {
			refused(t, e, byCode(ada, wrong(mail(t, e).Code), shown), authcore.InvalidCode)
		}
		for range 2 {
			e.Clock.Advance(29 * time.Minute)
			ask(t, e, ada, binding)
			refused(t, e, byCode(ada, mail(t, e).Code, shown), authcore.TooManyAttempts)
		}
		e.Clock.Advance(3 * time.Minute)
		ask(t, e, ada, binding)
		if _, err := finish(t, e, byCode(ada, mail(t, e).Code, shown)); err != nil {
			t.Errorf("after an hour, by who asked %v: %v", bound, err)
		}
	}
}

// R02: a link is good once and for ten minutes, and then neither it nor its code signs in.
func TestR02_LinkExpires(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	binding := ask(t, e, ada, "")
	m := mail(t, e)
	e.Clock.Advance(10*time.Minute + time.Second)
	refused(t, e, byLink(tokenOf(m), binding), authcore.InvalidCode)
	refused(t, e, byCode(ada, m.Code, binding), authcore.InvalidCode)
}

// R02: a link that is opened elsewhere signs in with the right code of the same mail, and with no other.
func TestR02_LinkWithWrongCode(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	binding := ask(t, e, ada, "")
	m := mail(t, e)
	for _, b := range []string{"", binding} {
		refused(t, e, passwordless.Input{Token: tokenOf(m), OTP: wrong(m.Code), Binding: b}, authcore.InvalidCode)
	}
	if _, err := finish(t, e, passwordless.Input{Token: tokenOf(m), OTP: m.Code}); err != nil {
		t.Error(err)
	}
}

// What was sent to an address signs nobody in once the account has another one.
func TestFinish_AnotherAddress(t *testing.T) {
	t.Parallel()
	e, id := person(t, testflow.Options{})
	binding := ask(t, e, ada, "")
	m := mail(t, e)
	const other = "lovelace@example.com"
	if _, err := e.Contact.RequestEmail(t.Context(), id, other, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	confirm := contact.ConfirmInput{AccountID: id, OTP: e.Mail(t, other, authcore.MailConfirmEmail).Code, Client: testflow.Client()}
	if _, err := e.Contact.ConfirmEmail(t.Context(), confirm); err != nil {
		t.Fatal(err)
	}
	refused(t, e, byLink(tokenOf(m), binding), authcore.InvalidCode)
	refused(t, e, byCode(other, m.Code, binding), authcore.InvalidCode)
}

// A number that nobody has verified signs nobody in: it may be a stranger's.
func TestStart_UnverifiedNumber(t *testing.T) {
	t.Parallel()
	const number = "+436641234567"
	e := testflow.New(t, testflow.Options{Ways: both, Numbers: identifier.Numbers{Texts: true},
		Identities: []authcore.IdentifierKind{authcore.KindUsername, authcore.KindPhone}})
	now := e.Clock.Now()
	a := authcore.Account{ID: uuid.Must(uuid.NewV7()), Username: "ada01", Phone: number, CreatedAt: now, UpdatedAt: now}
	err := e.Store.CreateAccount(t.Context(), a, []authcore.Identifier{{Kind: authcore.KindPhone, Value: number}, {Kind: authcore.KindUsername, Value: "ada01"}}, authcore.Effects{})
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{number, "ada01"} {
		if _, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Login: login}, Client: testflow.Client()}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.Mails(t, number)); n != 0 {
		t.Errorf("%d SMS", n)
	}
}
