package contact_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const number, otherNumber = "+436641234567", "+436647654321"

// withSMS is a gateway where numbers sign in.
var withSMS = testflow.Options{
	Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone}, Numbers: identifier.Numbers{Texts: true},
}

func (o owner) askPhone(number string) authcore.Message {
	o.Helper()
	spaced := number[:3] + " " + number[3:6] + " " + number[6:]
	if _, err := o.Contact.RequestPhone(o.Context(), o.id, spaced, testflow.Client()); err != nil {
		o.Fatalf("ask for %s: %v", number, err)
	}
	sent := o.Mails(o.T, number)
	return sent[len(sent)-1]
}

func (o owner) confirmPhone(otp string) error {
	o.Helper()
	_, err := o.Contact.ConfirmPhone(o.Context(), contact.ConfirmInput{AccountID: o.id, OTP: otp, Client: testflow.Client()})
	return err
}

func (o owner) hasPhone(number string) {
	o.Helper()
	a, err := o.Store.AccountByID(o.Context(), o.id)
	if err != nil || a.Phone != number || a.PhoneVerified() != (number != "") || a.PendingPhone != "" {
		o.Fatalf("the account has %q, verified %v, and claims %q (%v); want %q", a.Phone, a.PhoneVerified(), a.PendingPhone, err, number)
	}
}

func TestChangePhone(t *testing.T) {
	o := open(t, withSMS)
	m := o.askPhone(number)
	if m.Channel != authcore.BySMS || m.Link != "" || len(m.Code) != 6 {
		t.Errorf("the SMS is %+v", m)
	}
	o.refused(o.confirm(m.Code, ""), authcore.InvalidCode) // it proves no address
	if err := o.confirmPhone(m.Code); err != nil {
		t.Fatal(err)
	}
	o.hasPhone(number)
	if o.Mail(t, old, authcore.MailPhoneChanged).Link == "" {
		t.Error("the mail cannot undo it")
	}
	if _, err := o.TrySignIn(t, number, testflow.Password); err != nil {
		t.Error(err)
	}
	if err := o.confirmPhone(o.askPhone(otherNumber).Code); err != nil {
		t.Fatal(err)
	}
	o.hasPhone(otherNumber)
	_, err := o.TrySignIn(t, number, testflow.Password)
	o.refused(err, authcore.InvalidCredentials)
	if _, err := o.Contact.RemovePhone(t.Context(), o.id, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	o.hasPhone("")
}

// Where numbers do not sign in, a contact number is set without a word to anybody. That it is then verified is told like any new number:
// else whoever holds a session adds their own to the account in silence, and the link of no mail takes it back.
func TestR12_ContactNumberIsNotVerifiedInSilence(t *testing.T) {
	o := open(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}})
	contactNumber := number
	if _, err := o.Profile.Change(t.Context(), o.id, profile.Patch{Phone: &contactNumber}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if err := o.confirmPhone(o.askPhone(number).Code); err != nil {
		t.Fatal(err)
	}
	o.hasPhone(number)
	done, err := o.Secure.Secure(t.Context(), testflow.Token(t, o.Mail(t, old, authcore.MailPhoneChanged)), testflow.Client())
	if err != nil || !slices.Equal(done.Undone, []secure.Kind{"phone"}) {
		t.Errorf("%+v (%v)", done, err)
	}
	if a, err := o.Store.AccountByID(t.Context(), o.id); err != nil || a.PhoneVerified() {
		t.Errorf("the number is still verified (%v)", err)
	}
}

// Nor is a verified one replaced in silence: it may be how the owner recovers.
func TestR12_VerifiedNumberIsNotReplacedInSilence(t *testing.T) {
	o := open(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}})
	if err := o.confirmPhone(o.askPhone(number).Code); err != nil {
		t.Fatal(err)
	}
	o.Clock.Advance(time.Hour)
	another := otherNumber
	if _, err := o.Profile.Change(t.Context(), o.id, profile.Patch{Phone: &another}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	var told []authcore.Message
	for _, m := range o.Mails(t, old) {
		if m.Kind == authcore.MailPhoneChanged {
			told = append(told, m)
		}
	}
	if len(told) != 2 {
		t.Fatalf("told %d times", len(told))
	}
	if _, err := o.Secure.Secure(t.Context(), testflow.Token(t, told[1]), testflow.Client()); err != nil {
		t.Fatal(err)
	}
	o.hasPhone(number)
}

func TestChangePhone_Refusals(t *testing.T) {
	o := open(t, testflow.Options{})
	_, err := o.Contact.RequestPhone(t.Context(), o.id, number, testflow.Client())
	o.refused(err, authcore.NotFound)
	texts := open2(t)
	for _, bad := range []string{"", "12", "0664 1234567", "+1"} {
		_, err := texts.Contact.RequestPhone(t.Context(), texts.id, bad, testflow.Client())
		if len(testflow.WantCode(t, err, authcore.InvalidFields).Fields.At("phone")) == 0 {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func open2(t *testing.T) owner {
	t.Helper()
	e := testflow.New(t, withSMS)
	return owner{t, e, e.Person(t, signup.RegisterInput{Email: old}).Account.ID}
}

// A number is handed out again: who proves it has it, and its former owner is told.
func TestNumberMoves(t *testing.T) {
	o := open(t, withSMS)
	if err := o.confirmPhone(o.askPhone(number).Code); err != nil {
		t.Fatal(err)
	}
	o.Clock.Advance(time.Minute)
	other := o.other("ben@example.com")
	code := other.askPhone(number).Code
	o.hasPhone(number) // nothing moves before the proof
	if err := other.confirmPhone(code); err != nil {
		t.Fatal(err)
	}
	other.hasPhone(number)
	o.hasPhone("")
	told := 0
	for _, m := range o.Mails(t, old) {
		if m.Kind == authcore.MailPhoneChanged {
			told++
		}
	}
	if told != 2 {
		t.Errorf("the former owner was told %d times, want of the number's coming and going", told)
	}
	o.refused(other.confirmPhone(code), authcore.InvalidCode)
	// It may come back.
	o.Clock.Advance(time.Minute)
	if err := o.confirmPhone(o.askPhone(number).Code); err != nil {
		t.Fatal(err)
	}
	o.hasPhone(number)
	other.hasPhone("")
}

// Whoever gets a number from its carrier must not lock its former owner out of an account that nothing else finds.
func TestNumberStaysWhereItIsTheOnlyWayIn(t *testing.T) {
	o := open(t, withSMS)
	now := o.Clock.Now()
	a := authcore.Account{ID: uuid.New(), Phone: number, PhoneVerifiedAt: now, CreatedAt: now, UpdatedAt: now}
	var err error
	if a.PasswordHash, err = o.Hasher.Hash(t.Context(), testflow.Password); err != nil {
		t.Fatal(err)
	}
	ids := []authcore.Identifier{{Kind: authcore.KindPhone, Value: number}}
	if err := o.Store.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	code := o.askPhone(number).Code
	o.refused(o.confirmPhone(code), authcore.Conflict)
	o.refused(o.confirmPhone(code), authcore.Conflict)
	if _, err := o.TrySignIn(t, number, testflow.Password); err != nil {
		t.Error(err)
	}
}
