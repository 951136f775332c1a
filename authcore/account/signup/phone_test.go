package signup_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const number = "+436641234567"

// texting is a node where numbers sign in, and national ones are Austrian.
func texting(t *testing.T, o testflow.Options) *testflow.Env {
	t.Helper()
	o.Identities = []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone}
	o.Numbers = identifier.Numbers{Region: "AT", Countries: []string{"AT", "DE"}, Texts: true}
	return testflow.New(t, o)
}

func TestRegister_ByNumber(t *testing.T) {
	t.Parallel()
	e := texting(t, testflow.Options{})
	done := e.Register(t, signup.RegisterInput{Phone: "0664 1234567", FirstName: "Bob"})
	if done.Channel != authcore.BySMS || !done.Sent || done.Proof == "" {
		t.Errorf("%+v", done)
	}
	text := e.Mail(t, number, authcore.MailVerify)
	if text.Channel != authcore.BySMS || text.Link != "" || text.Name != "" {
		t.Errorf("%+v", text)
	}
	tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Phone: "0664/1234567", OTP: text.Code, Proof: done.Proof, Request: testflow.Request()}))
	if err != nil {
		t.Fatal(err)
	}
	if a := tokens.Account; a.Phone != number || !a.PhoneVerified() || a.Email != "" || a.FirstName != "Bob" || !slices.Equal(tokens.Session.AMR, []string{"sms"}) {
		t.Errorf("%+v, amr %v", a, tokens.Session.AMR)
	}
	for _, login := range []string{"0664 1234567", "+43 664 1234567", "06641234567"} {
		if in, err := e.TrySignIn(t, login, testflow.Password); err != nil || in.Account.ID != tokens.Account.ID {
			t.Errorf("sign in as %q: %v", login, err)
		}
	}
}

// A number with an account is answered like one without, and its owner is told; codes of the first proof are worth nothing after it.
func TestL04_KnownNumberLooksLikeAnUnknownOne(t *testing.T) {
	t.Parallel()
	e := texting(t, testflow.Options{})
	done := e.Register(t, signup.RegisterInput{Phone: number})
	if err := verify(t, e, signup.VerifyInput{Phone: number, OTP: e.Mail(t, number, authcore.MailVerify).Code, Proof: done.Proof}); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(2 * time.Hour)
	again := e.Register(t, signup.RegisterInput{Phone: number})
	if again.Account != nil || again.Channel != done.Channel || again.ExpiresIn != done.ExpiresIn || !again.Sent {
		t.Errorf("answers differ: %+v and %+v", done, again)
	}
	if text := e.Mail(t, number, authcore.MailAccountExists); text.Code != "" || text.Channel != authcore.BySMS {
		t.Errorf("%+v", text)
	}
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Phone: number, OTP: "000000", Proof: again.Proof}), authcore.InvalidCode)
}

// Where numbers are saved, those of other countries are refused; where one is only asked for, nothing is said and nothing sent (O19).
func TestO19_NumbersOfOtherCountries(t *testing.T) {
	t.Parallel()
	const abroad = "+14155552671"
	e := texting(t, testflow.Options{})
	_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Phone: abroad, Password: testflow.Password, Client: testflow.Client()})
	if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got.At("phone")) != 1 {
		t.Errorf("fields %v", got)
	}
	if err := e.SignUp.Resend(t.Context(), signup.ResendInput{Phone: abroad, Client: testflow.Client()}); err != nil {
		t.Errorf("asked for: %v", err)
	}
	if n := len(e.Mails(t, abroad)); n != 0 {
		t.Errorf("%d messages went abroad", n)
	}
}

// A blocked number is refused as blocked, also where it is of a country or kind that is not taken, or something else is wrong.
func TestRegister_BlockedNumberThatIsNotTaken(t *testing.T) {
	t.Parallel()
	pattern, err := block.ParsePattern(block.Phone, "+1900")
	if err != nil {
		t.Fatal(err)
	}
	e := texting(t, testflow.Options{Blocks: block.Config{Rules: []block.Compiled{block.Configured(block.Phone, "+1900", block.DefaultActs(), pattern)}}})
	_, err = e.SignUp.Register(t.Context(), signup.RegisterInput{Phone: "+19002345678", Password: "short", Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.Blocked)
}

// A username that is somebody's number would sign in as it.
func TestI04_UsernameThatIsANumber(t *testing.T) {
	t.Parallel()
	e := texting(t, testflow.Options{})
	_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: bob, Username: "06641234567", Password: testflow.Password, Client: testflow.Client()})
	if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got.At("username")) != 1 {
		t.Errorf("fields %v", got)
	}
}

// Under `signup open` a stranger's account has the victim's number unverified: whoever proves it gets an account of their own.
func TestPrehijack_NumberOfAStrangersAccount(t *testing.T) {
	t.Parallel()
	e := texting(t, testflow.Options{Mode: signup.Open})
	theirs := e.Register(t, signup.RegisterInput{Phone: number, Username: "planted", Password: planted})
	code := e.Mail(t, number, authcore.MailVerify).Code
	tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Phone: number, OTP: code, NewPassword: testflow.OtherPassword, Request: testflow.Request()}))
	if err != nil || tokens.Account.ID == theirs.Account.ID || !tokens.Account.PhoneVerified() {
		t.Fatalf("%v, %+v", err, tokens.Account)
	}
	if kept, err := e.TrySignIn(t, "planted", planted); err != nil || kept.Account.Phone != "" {
		t.Errorf("the stranger's account: %v, %+v", err, kept.Account)
	}
}

// Recovery by a username goes to the verified address, else to the verified number; a code that came by SMS says nothing of the address.
func TestForgot_ByNumber(t *testing.T) {
	t.Parallel()
	e := texting(t, testflow.Options{})
	done := e.Register(t, signup.RegisterInput{Phone: number, Username: "bobby"})
	if err := verify(t, e, signup.VerifyInput{Phone: number, OTP: e.Mail(t, number, authcore.MailVerify).Code, Proof: done.Proof}); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(2 * time.Hour)
	for _, login := range []string{"bobby", "0664 1234567"} {
		if err := e.Password.Forgot(t.Context(), login, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		text := e.Mail(t, number, authcore.MailReset)
		if text.Channel != authcore.BySMS || text.Link != "" {
			t.Errorf("%+v", text)
		}
		in := password.ResetInput{Login: login, OTP: text.Code, NewPassword: testflow.OtherPassword, Client: testflow.Client()}
		if err := e.Password.Reset(t.Context(), in); err != nil {
			t.Errorf("%s: %v", login, err)
		}
		e.Clock.Advance(2 * time.Hour)
	}
	if _, err := e.TrySignIn(t, "bobby", testflow.OtherPassword); err != nil {
		t.Error(err)
	}
}
