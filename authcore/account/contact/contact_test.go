package contact_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const (
	old  = "old@example.com"
	next = "new@example.com"
)

// owner is somebody who is signed in on a node.
type owner struct {
	*testing.T
	*testflow.Env
	id uuid.UUID
}

func open(t *testing.T, o testflow.Options) owner {
	t.Helper()
	t.Parallel()
	e := testflow.New(t, o)
	return owner{t, e, e.Person(t, signup.RegisterInput{Email: old, Username: "ada"}).Account.ID}
}

// other is somebody else on the same node.
func (o owner) other(email string) owner {
	o.Helper()
	return owner{o.T, o.Env, o.Person(o.T, signup.RegisterInput{Email: email}).Account.ID}
}

func (o owner) ask(address string) {
	o.Helper()
	if life, err := o.Contact.RequestEmail(o.Context(), o.id, address, testflow.Client()); err != nil || life != 10*time.Minute {
		o.Fatalf("ask for %s: valid for %v, %v", address, life, err)
	}
}

func (o owner) confirm(otp, token string) error {
	o.Helper()
	_, err := o.Contact.ConfirmEmail(o.Context(), contact.ConfirmInput{AccountID: o.id, OTP: otp, Token: token, Client: testflow.Client()})
	return err
}

// has ends the test unless the account is known by an address and claims another.
func (o owner) has(email, pending string) {
	o.Helper()
	a, err := o.Store.AccountByID(o.Context(), o.id)
	if err != nil || a.Email != email || a.PendingEmail != pending || a.EmailVerified() != (email != "") {
		o.Fatalf("the account has %q and claims %q (%v), want %q and %q", a.Email, a.PendingEmail, err, email, pending)
	}
}

func (o owner) refused(err error, code authcore.Code) {
	o.Helper()
	testflow.WantCode(o.T, err, code)
}

func TestChangeEmail(t *testing.T) {
	o := open(t, testflow.Options{})
	o.ask("New@Example.com")
	o.has(old, next)
	m := o.Mail(t, next, authcore.MailConfirmEmail)
	if m.Name != "" || len(m.Code) != 6 {
		t.Errorf("the mail is %+v", m)
	}
	if err := o.confirm(m.Code, ""); err != nil {
		t.Fatal(err)
	}
	o.has(next, "")
	if m := o.Mail(t, old, authcore.MailEmailChanged); m.Link == "" {
		t.Error("the former address cannot undo it")
	}
	if m := o.Mail(t, next, authcore.MailEmailChanged); m.Link != "" {
		t.Error("the new address can undo what the former one decides")
	}
	o.refused(o.confirm(m.Code, ""), authcore.InvalidCode)
	if _, err := o.TrySignIn(t, next, testflow.Password); err != nil {
		t.Error(err)
	}
	_, err := o.TrySignIn(t, old, testflow.Password)
	o.refused(err, authcore.InvalidCredentials)
}

func TestChangeEmail_ByLink(t *testing.T) {
	o := open(t, testflow.Options{})
	o.ask(next)
	token := testflow.Token(t, o.Mail(t, next, authcore.MailConfirmEmail))
	if address, err := o.Contact.PeekEmail(t.Context(), o.id, token); err != nil || address != next {
		t.Errorf("the link is for %q (%v)", address, err)
	}
	if err := o.confirm("", token); err != nil {
		t.Fatal(err)
	}
	o.has(next, "")
	o.refused(o.confirm("", token), authcore.InvalidCode)
	o.refused(o.confirm("1", "2"), authcore.InvalidRequest)
	o.refused(o.confirm("", ""), authcore.InvalidFields)
}

// A thief who signs up with somebody's address and changes to another one keeps it from nobody.
func TestPrehijack_AbandonedClaimBlocksNobody(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	thief := owner{t, e, e.Register(t, signup.RegisterInput{Email: old, Username: "thief"}).Account.ID}
	thief.ask(next)
	if err := thief.confirm(thief.Mail(t, next, authcore.MailConfirmEmail).Code, ""); err != nil {
		t.Fatal(err)
	}
	a := e.Register(t, signup.RegisterInput{Email: old}).Account
	if a == nil || a.Email != old {
		t.Fatalf("the owner of the address gets %+v", a)
	}
	remover := owner{t, e, e.Register(t, signup.RegisterInput{Email: "third@example.com", Username: "remover"}).Account.ID}
	if _, err := e.Contact.RemoveEmail(t.Context(), remover.id, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if a := e.Register(t, signup.RegisterInput{Email: "third@example.com"}).Account; a == nil {
		t.Error("an address that was removed unverified is kept from its owner")
	}
}

// A reset that is asked for in the instant of the change is written after it: its link went to the former address, and is worth nothing.
func TestR12_ResetAskedForInTheInstantOfTheChange(t *testing.T) {
	o := open(t, testflow.Options{})
	if err := o.Password.Forgot(t.Context(), old, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	token := testflow.Token(t, o.Mail(t, old, authcore.MailReset))
	late, err := o.Store.ProveToken(t.Context(), authcore.PurposeResetPassword, secret.SumString(token), o.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	o.ask(next)
	if err := o.confirm(o.Mail(t, next, authcore.MailConfirmEmail).Code, ""); err != nil {
		t.Fatal(err)
	}
	if err := o.Store.IssueChallenge(t.Context(), late, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	o.refused(o.Password.Reset(t.Context(), password.ResetInput{Token: token, NewPassword: testflow.OtherPassword, Client: testflow.Client()}), authcore.InvalidCode)
}

// Links that were sent to the former address before the change get nobody in after it.
func TestR12_LinksToTheFormerAddress(t *testing.T) {
	o := open(t, testflow.Options{})
	if err := o.Password.Forgot(t.Context(), old, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	reset := o.Mail(t, old, authcore.MailReset)
	o.ask(next)
	if err := o.confirm(o.Mail(t, next, authcore.MailConfirmEmail).Code, ""); err != nil {
		t.Fatal(err)
	}
	for _, in := range []password.ResetInput{
		{Token: testflow.Token(t, reset)}, {Login: old, OTP: reset.Code}, {Login: "ada", OTP: reset.Code}, {Login: next, OTP: reset.Code},
	} {
		in.NewPassword, in.Client = testflow.OtherPassword, testflow.Client()
		o.refused(o.Env.Password.Reset(t.Context(), in), authcore.InvalidCode)
	}
}

// A change that was asked for before a reset is dead after it: it may have been whoever the reset locks out.
func TestR05_ResetEndsAChangeThatWaits(t *testing.T) {
	o := open(t, testflow.Options{})
	o.ask(next)
	code := o.Mail(t, next, authcore.MailConfirmEmail)
	if err := o.Password.Forgot(t.Context(), old, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	token := testflow.Token(t, o.Mail(t, old, authcore.MailReset))
	if err := o.Env.Password.Reset(t.Context(), password.ResetInput{Token: token, NewPassword: testflow.OtherPassword, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	o.refused(o.confirm(code.Code, ""), authcore.InvalidCode)
	o.refused(o.confirm("", testflow.Token(t, code)), authcore.InvalidCode)
	o.has(old, "")
}

// Its code does not outlive a change of the password; the owner may ask for another one.
func TestS07_PasswordChangeEndsAChangeThatWaits(t *testing.T) {
	o := open(t, testflow.Options{})
	o.ask(next)
	code := o.Mail(t, next, authcore.MailConfirmEmail)
	err := o.Env.Password.Change(t.Context(), password.ChangeInput{AccountID: o.id, Current: testflow.Password, New: testflow.OtherPassword, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	o.refused(o.confirm(code.Code, ""), authcore.InvalidCode)
	o.refused(o.confirm("", testflow.Token(t, code)), authcore.InvalidCode)
	o.has(old, next)
}

func TestO12_CodesOfOtherPurposes(t *testing.T) {
	o := open(t, testflow.Options{})
	o.ask(next)
	if err := o.Password.Forgot(t.Context(), old, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	reset, change := o.Mail(t, old, authcore.MailReset), o.Mail(t, next, authcore.MailConfirmEmail)
	o.refused(o.confirm("", testflow.Token(t, reset)), authcore.InvalidCode)
	o.refused(o.confirm(reset.Code, ""), authcore.InvalidCode)
	o.refused(o.Env.Password.Reset(t.Context(), password.ResetInput{Token: testflow.Token(t, change), NewPassword: testflow.OtherPassword}), authcore.InvalidCode)
	_, err := o.Challenges.Prove(t.Context(), authcore.PurposeVerifyEmail, challenge.Credentials{Token: testflow.Token(t, change)})
	o.refused(err, authcore.InvalidCode)
	o.has(old, next)
}

func TestO13_AnothersCode(t *testing.T) {
	o := open(t, testflow.Options{})
	thief := o.other("mallory@example.com")
	o.ask(next)
	m := o.Mail(t, next, authcore.MailConfirmEmail)
	thief.ask("evil@example.com")
	thief.refused(thief.confirm(m.Code, ""), authcore.InvalidCode)
	thief.refused(thief.confirm("", testflow.Token(t, m)), authcore.InvalidCode)
	if address, err := o.Contact.PeekEmail(t.Context(), thief.id, testflow.Token(t, m)); err != nil || address != "" {
		t.Errorf("another account sees %q (%v)", address, err)
	}
	thief.has("mallory@example.com", "evil@example.com")
	if err := o.confirm("", testflow.Token(t, m)); err != nil {
		t.Error(err)
	}
}

// An address of another account is answered like a free one, claimed like one, and gets no code; whoever has it is told.
func TestL04_AddressOfAnother(t *testing.T) {
	o := open(t, testflow.Options{})
	o.other("ben@example.com")
	o.ask("ben@example.com")
	o.has(old, "ben@example.com")
	if m := o.Mail(t, "ben@example.com", authcore.MailEmailInUse); m.Code != "" {
		t.Errorf("the mail is %+v", m)
	}
	for _, m := range o.Mails(t, "ben@example.com") {
		if m.Kind == authcore.MailConfirmEmail {
			t.Error("a code was sent")
		}
	}
	// Guesses are counted as for a free one.
	for range 5 {
		o.refused(o.confirm("000000", ""), authcore.InvalidCode)
	}
	o.refused(o.confirm("000000", ""), authcore.TooManyAttempts)
}

// The former address stays with its account, which may want it back: nobody else gets it meanwhile.
func TestFormerAddressIsKept(t *testing.T) {
	o := open(t, testflow.Options{})
	other := o.other("ben@example.com")
	o.ask(next)
	if err := o.confirm(o.Mail(t, next, authcore.MailConfirmEmail).Code, ""); err != nil {
		t.Fatal(err)
	}
	other.ask(old)
	o.Mail(t, old, authcore.MailEmailInUse)
	o.Clock.Advance(time.Minute)
	o.ask(old)
	if err := o.confirm(o.Mail(t, old, authcore.MailConfirmEmail).Code, ""); err != nil {
		t.Fatal(err)
	}
	o.has(old, "")
}

// The first proof of an address that several claim wins.
func TestTwoClaimOneAddress(t *testing.T) {
	o := open(t, testflow.Options{})
	other := o.other("ben@example.com")
	o.ask(next)
	mine := o.Mail(t, next, authcore.MailConfirmEmail)
	o.Clock.Advance(time.Minute)
	other.ask(next)
	theirs := o.Mail(t, next, authcore.MailConfirmEmail)
	if err := other.confirm(theirs.Code, ""); err != nil {
		t.Fatal(err)
	}
	o.refused(o.confirm(mine.Code, ""), authcore.InvalidCode)
	other.has(next, "")
	if a, err := o.Store.AccountByID(t.Context(), o.id); err != nil || a.Email != old {
		t.Errorf("the loser has %q (%v)", a.Email, err)
	}
}

func TestAskAgain(t *testing.T) {
	o := open(t, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitMail: {Count: 3, Window: time.Hour}}})
	o.ask(next)
	first := o.Mail(t, next, authcore.MailConfirmEmail)
	o.ask(next) // at once: nothing is sent, and the code stays good
	if got := o.Mails(t, next); len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	o.Clock.Advance(time.Minute)
	o.ask(next)
	second := o.Mail(t, next, authcore.MailConfirmEmail)
	o.refused(o.confirm(first.Code, ""), authcore.InvalidCode)
	if second.Code == first.Code {
		t.Fatal("the same code again")
	}
	// Another address, and the first one again before a mail may go there: the other's code must not prove it.
	o.ask("third@example.com")
	third := o.Mail(t, "third@example.com", authcore.MailConfirmEmail)
	o.ask(next)
	o.has(old, next)
	for _, m := range []authcore.Message{second, third} {
		o.refused(o.confirm(m.Code, ""), authcore.InvalidCode)
		o.refused(o.confirm("", testflow.Token(t, m)), authcore.InvalidCode)
	}
	o.Clock.Advance(time.Minute)
	o.ask(next)
	if err := o.confirm("", testflow.Token(t, o.Mail(t, next, authcore.MailConfirmEmail))); err != nil {
		t.Fatal(err)
	}
	o.has(next, "")
	o.Clock.Advance(time.Minute)
	_, err := o.Contact.RequestEmail(t.Context(), o.id, next, testflow.Client())
	o.refused(err, authcore.RateLimited)
}

func TestChangeEmail_Refusals(t *testing.T) {
	o := open(t, testflow.Options{})
	for _, bad := range []string{"", "ada", "ada@", "a b@example.com"} {
		_, err := o.Contact.RequestEmail(t.Context(), o.id, bad, testflow.Client())
		if len(testflow.WantCode(t, err, authcore.InvalidFields).Fields.At("email")) == 0 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	_, err := o.Contact.RequestEmail(t.Context(), uuid.New(), next, testflow.Client())
	o.refused(err, authcore.InvalidToken)
	o.refused(o.confirm("123456", ""), authcore.InvalidCode)
	o.ask(next)
	code := o.Mail(t, next, authcore.MailConfirmEmail).Code
	o.Clock.Advance(10*time.Minute + time.Second)
	o.refused(o.confirm(code, ""), authcore.InvalidCode)
	o.has(old, next)
}

func TestRemoveEmail(t *testing.T) {
	o := open(t, testflow.Options{})
	o.ask(next)
	code := o.Mail(t, next, authcore.MailConfirmEmail).Code
	if _, err := o.Contact.RemoveEmail(t.Context(), o.id, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	o.has("", "")
	if m := o.Mail(t, old, authcore.MailEmailChanged); m.Link == "" {
		t.Error("the address cannot undo it")
	}
	o.refused(o.confirm(code, ""), authcore.InvalidCode)
	if _, err := o.TrySignIn(t, "ada", testflow.Password); err != nil {
		t.Error(err)
	}
	before := len(o.Mails(t, old))
	if _, err := o.Contact.RemoveEmail(t.Context(), o.id, testflow.Client()); err != nil || len(o.Mails(t, old)) != before {
		t.Errorf("nothing to remove: %v, or a mail", err)
	}
	// Recovery by mail would be no way in: without username the address is the only one.
	other := o.other("ben@example.com")
	_, err := o.Contact.RemoveEmail(t.Context(), other.id, testflow.Client())
	o.refused(err, authcore.LastWayIn)
	other.has("ben@example.com", "")
	_, err = o.Contact.RemoveEmail(t.Context(), uuid.New(), testflow.Client())
	o.refused(err, authcore.InvalidToken)
}

// Where addresses do not sign in, any number of accounts may have one, and removing it takes no way in.
func TestAddressesThatDoNotSignIn(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open, Identities: []authcore.IdentifierKind{authcore.KindUsername}})
	for i, name := range []string{"anna", "bella"} {
		made := e.Register(t, signup.RegisterInput{Email: old, Username: name})
		o := owner{t, e, made.Account.ID}
		e.Clock.Advance(time.Duration(i+1) * time.Minute)
		o.ask(next)
		if err := o.confirm(e.Mail(t, next, authcore.MailConfirmEmail).Code, ""); err != nil {
			t.Fatal(err)
		}
		o.has(next, "")
	}
}
