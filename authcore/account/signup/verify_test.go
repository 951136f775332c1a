package signup_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func verify(t *testing.T, e *testflow.Env, in signup.VerifyInput) error {
	t.Helper()
	in.Request = testflow.Request()
	_, err := e.SignUp.Verify(t.Context(), in)
	return err
}

// The attacker registers a victim's address, before or after the victim does. Whatever the victim proves with, nothing
// of the attacker's stays.
func TestVerify_NobodyCanPlantAPassword(t *testing.T) {
	t.Parallel()
	const planted = "attacker-Chosen-99-basin"
	attack := signup.RegisterInput{Email: bob, Username: "planted", FirstName: "Planted", Password: planted}
	own := signup.RegisterInput{Email: bob, Username: "bobby", FirstName: "Bob"}
	for name, c := range map[string]struct {
		attackFirst bool
		prove       func(proof string) signup.VerifyInput
		username    string
		password    string
	}{
		"attacker first, own secret":    {true, func(p string) signup.VerifyInput { return signup.VerifyInput{Proof: p} }, "bobby", testflow.Password},
		"attacker second, own secret":   {false, func(p string) signup.VerifyInput { return signup.VerifyInput{Proof: p} }, "bobby", testflow.Password},
		"attacker first, own password":  {true, func(string) signup.VerifyInput { return signup.VerifyInput{Password: testflow.Password} }, "bobby", testflow.Password},
		"attacker second, own password": {false, func(string) signup.VerifyInput { return signup.VerifyInput{Password: testflow.Password} }, "bobby", testflow.Password},
		"attacker second, new password": {false, func(string) signup.VerifyInput { return signup.VerifyInput{NewPassword: testflow.OtherPassword} }, "", testflow.OtherPassword},
		"new password wins over a proof": {true, func(p string) signup.VerifyInput {
			return signup.VerifyInput{Proof: p, NewPassword: testflow.OtherPassword}
		}, "", testflow.OtherPassword},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testflow.New(t, testflow.Options{})
			if c.attackFirst {
				e.Register(t, attack)
				e.Clock.Advance(2 * time.Minute)
			}
			proof := e.Register(t, own).Proof
			if !c.attackFirst {
				e.Clock.Advance(2 * time.Minute)
				e.Register(t, attack)
			}
			in := c.prove(proof)
			in.Token, in.Request = testflow.Token(t, e.Mail(t, bob, authcore.MailVerify)), testflow.Request()
			tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), in))
			if err != nil {
				t.Fatal(err)
			}
			if a := tokens.Account; a.Username != c.username || a.FirstName == "Planted" {
				t.Errorf("username %q, first name %q", a.Username, a.FirstName)
			}
			_, err = e.TrySignIn(t, bob, planted)
			testflow.WantCode(t, err, authcore.InvalidCredentials)
			if _, err := e.TrySignIn(t, bob, c.password); err != nil {
				t.Errorf("the victim's password: %v", err)
			}
			if left, _ := e.Store.Registrations(t.Context(), bob, e.Clock.Now()); len(left) != 0 {
				t.Errorf("%d registrations of the verified address are left", len(left))
			}
		})
	}
}

func TestVerify_CodeAloneIsNotEnough(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proof := e.Register(t, signup.RegisterInput{Email: bob}).Proof
	other := e.Register(t, signup.RegisterInput{Email: "eve@example.com"}).Proof
	code := e.Mail(t, bob, authcore.MailVerify).Code
	for range 8 { // more often than a code has attempts: neither attempts nor the code are spent
		for _, in := range []signup.VerifyInput{{}, {Proof: "guess"}, {Proof: other}, {Password: "wrong-password-of-mine"}} {
			in.Email, in.OTP = bob, code
			got := testflow.WantCode(t, verify(t, e, in), authcore.RegistrationProofRequired)
			if wrong := strings.HasPrefix(got.Detail, "That is not the password"); wrong != (in.Password != "") {
				t.Errorf("%+v is refused with %q", in, got.Detail)
			}
		}
	}
	if err := verify(t, e, signup.VerifyInput{Email: bob, OTP: code, Proof: proof}); err != nil {
		t.Errorf("with the proof: %v", err)
	}
}

func TestVerify_MethodsOfTheSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   func(proof string) signup.VerifyInput
		want []string
	}{
		"registration secret": {func(p string) signup.VerifyInput { return signup.VerifyInput{Proof: p} }, []string{"email"}},
		"password":            {func(string) signup.VerifyInput { return signup.VerifyInput{Password: testflow.Password} }, []string{"pwd", "email"}},
		"new password":        {func(string) signup.VerifyInput { return signup.VerifyInput{NewPassword: testflow.OtherPassword} }, []string{"email"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testflow.New(t, testflow.Options{})
			in := c.in(e.Register(t, signup.RegisterInput{Email: bob}).Proof)
			in.Token, in.Request = testflow.Token(t, e.Mail(t, bob, authcore.MailVerify)), testflow.Request()
			in.Request.DeviceName = "  Bob's laptop "
			tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), in))
			if err != nil || !slices.Equal(tokens.Session.AMR, c.want) || tokens.Session.DeviceName != "Bob's laptop" {
				t.Errorf("amr %v, device %q, %v; want amr %v", tokens.Session.AMR, tokens.Session.DeviceName, err, c.want)
			}
		})
	}
}

func TestVerify_ShapeIsCheckedBeforeAnythingIsSpent(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proof := e.Register(t, signup.RegisterInput{Email: bob}).Proof
	mail := e.Mail(t, bob, authcore.MailVerify)
	token := testflow.Token(t, mail)
	for range 7 {
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{}), authcore.InvalidRequest)
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Token: token, OTP: mail.Code}), authcore.InvalidRequest)
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{OTP: mail.Code}), authcore.InvalidFields)
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob}), authcore.InvalidFields)
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: "000000", NewPassword: "short"}), authcore.InvalidFields)
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Token: token, NewPassword: bob}), authcore.InvalidFields)
	}
	if err := verify(t, e, signup.VerifyInput{Email: bob, OTP: mail.Code[:3] + " " + mail.Code[3:], Proof: proof}); err != nil {
		t.Errorf("the code, with a space as mail programs show it: %v", err)
	}
}

func TestO01_FiveWrongCodesEndTheCodeAndNotTheLink(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proof := e.Register(t, signup.RegisterInput{Email: bob}).Proof
	mail := e.Mail(t, bob, authcore.MailVerify)
	guess := func(address string) error {
		return verify(t, e, signup.VerifyInput{Email: address, OTP: wrong(mail.Code), Proof: proof})
	}
	for range 5 {
		testflow.WantCode(t, guess(bob), authcore.InvalidCode)
		testflow.WantCode(t, guess("nobody@example.com"), authcore.InvalidCode)
	}
	known := testflow.WantCode(t, guess(bob), authcore.TooManyAttempts)
	unknown := testflow.WantCode(t, guess("nobody@example.com"), authcore.TooManyAttempts)
	if known.RetryAfter != unknown.RetryAfter || known.RetryAfter <= 0 || known.Detail != unknown.Detail {
		t.Errorf("known and unknown differ: %v after %s, %v after %s", known, known.RetryAfter, unknown, unknown.RetryAfter)
	}
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: mail.Code, Proof: proof}), authcore.TooManyAttempts)
	if err := verify(t, e, signup.VerifyInput{Token: testflow.Token(t, mail), Proof: proof}); err != nil {
		t.Errorf("the link, which cannot be guessed: %v", err)
	}
}

func TestO03_ResendKeepsOneCodeAndItsBudget(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proof := e.Register(t, signup.RegisterInput{Email: bob}).Proof
	first := e.Mail(t, bob, authcore.MailVerify)
	for range 3 {
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: wrong(first.Code), Proof: proof}), authcore.InvalidCode)
	}
	for range 50 { // at once: all but the first mail are too soon
		if err := e.SignUp.Resend(t.Context(), signup.ResendInput{Email: bob, Client: testflow.Client()}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.Mails(t, bob)); n != 1 {
		t.Fatalf("%d mails, want 1", n)
	}
	e.Clock.Advance(61 * time.Second)
	if err := e.SignUp.Resend(t.Context(), signup.ResendInput{Email: bob, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	second := e.Mail(t, bob, authcore.MailVerify)
	if n := len(e.Mails(t, bob)); n != 2 || testflow.Token(t, first) == testflow.Token(t, second) {
		t.Fatalf("%d mails; want a second one with another link", n)
	}
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Token: testflow.Token(t, first), Proof: proof}), authcore.InvalidCode)
	for range 2 {
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: wrong(second.Code), Proof: proof}), authcore.InvalidCode)
	}
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: second.Code, Proof: proof}), authcore.TooManyAttempts)
}

func TestO04_OneCodeMakesOneAccount(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proof := e.Register(t, signup.RegisterInput{Email: bob}).Proof
	code := e.Mail(t, bob, authcore.MailVerify).Code
	var won, lost int
	var mu sync.Mutex
	var wg sync.WaitGroup
	parallel := soak.N(100, 1000)
	for range parallel {
		wg.Go(func() {
			in := signup.VerifyInput{Email: bob, OTP: code, Proof: proof}
			err := verify(t, e, in)
			for authcore.CodeOf(err) == authcore.Unavailable && t.Context().Err() == nil {
				err = verify(t, e, in) // a busy store changed nothing: clients are told to repeat
			}
			var refused *authcore.Error
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.As(err, &refused) && (refused.Code == authcore.InvalidCode || refused.Code == authcore.TooManyAttempts):
				lost++
			default:
				t.Errorf("neither won nor refused: %v", err)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != parallel-1 {
		t.Errorf("of %d at once %d won and %d lost, want 1 winner", parallel, won, lost)
	}
}

func TestR02_CodeAndLinkExpireAndWorkOnce(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proof := e.Register(t, signup.RegisterInput{Email: bob}).Proof
	mail := e.Mail(t, bob, authcore.MailVerify)
	e.Clock.Advance(10*time.Minute + time.Second)
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Token: testflow.Token(t, mail), Proof: proof}), authcore.InvalidCode)
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: mail.Code, Proof: proof}), authcore.InvalidCode)
	if err := e.SignUp.Resend(t.Context(), signup.ResendInput{Email: bob, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	token := testflow.Token(t, e.Mail(t, bob, authcore.MailVerify))
	if err := verify(t, e, signup.VerifyInput{Token: token, Proof: proof}); err != nil {
		t.Fatalf("the registration outlives its codes: %v", err)
	}
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Token: token, Proof: proof}), authcore.InvalidCode)
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Token: token, NewPassword: testflow.OtherPassword}), authcore.InvalidCode)
}

func TestVerify_UsernameTakenMeanwhileIsLeftOut(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proof := e.Register(t, signup.RegisterInput{Email: bob, Username: "bobby", FirstName: "Bob"}).Proof
	e.Person(t, signup.RegisterInput{Email: "eve@example.com", Username: "bobby"})
	token := testflow.Token(t, e.Mail(t, bob, authcore.MailVerify))
	tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: token, Proof: proof, Request: testflow.Request()}))
	if err != nil || tokens.Account.Username != "" || tokens.Account.FirstName != "Bob" {
		t.Errorf("%v, account %+v", err, tokens.Account)
	}
}

func TestT10_CodesAndSecretsAreNoTokens(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	proof := e.Register(t, signup.RegisterInput{Email: bob}).Proof
	mail := e.Mail(t, bob, authcore.MailVerify)
	for _, s := range []string{proof, mail.Code, testflow.Token(t, mail)} {
		for _, mode := range []authcore.Mode{authcore.ModeBearer, authcore.ModeCookie} {
			_, err := e.Sessions.Refresh(t.Context(), s, mode, testflow.Client())
			testflow.WantCode(t, err, authcore.InvalidRefreshToken)
		}
	}
	tokens := e.Person(t, signup.RegisterInput{Email: "eve@example.com"})
	for _, s := range []string{tokens.Access, tokens.Refresh, proof} {
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Token: s, Proof: proof}), authcore.InvalidCode)
	}
}

func TestO12_LinkOfAResetVerifiesNothing(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	e.Register(t, signup.RegisterInput{Email: bob})
	e.Clock.Advance(2 * time.Minute)
	if err := e.Password.Forgot(t.Context(), bob, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	mail := e.Mail(t, bob, authcore.MailReset)
	testflow.WantCode(t, verify(t, e, signup.VerifyInput{Token: testflow.Token(t, mail), Password: testflow.Password}), authcore.InvalidCode)
	verifyCode := e.Mail(t, bob, authcore.MailVerify).Code
	if mail.Code != verifyCode {
		testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: mail.Code, Password: testflow.Password}), authcore.InvalidCode)
	}
}

// wrong returns a code that is not code.
func wrong(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

// TestVerify_NoSession: an account is made, and nobody is signed in, neither by a session nor in the history.
func TestVerify_NoSession(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Register(t, signup.RegisterInput{Email: bob, Username: "bob"})
	in := signup.VerifyInput{Token: testflow.Token(t, e.Mail(t, bob, authcore.MailVerify)), Password: testflow.Password, NoSession: true, Request: testflow.Request()}
	out, err := e.SignUp.Verify(t.Context(), in)
	if err != nil || out.Tokens.Access != "" || out.Pending != nil {
		t.Fatalf("answered %+v, %v", out, err)
	}
	a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindUsername, Value: "bob"})
	if err != nil || !a.EmailVerified() {
		t.Fatalf("the account is %+v, %v", a, err)
	}
	if all, err := e.Sessions.List(t.Context(), a.ID); err != nil || len(all) > 0 {
		t.Errorf("the sessions are %v, %v", all, err)
	}
	var kinds []authcore.EventKind
	for _, ev := range e.Events() {
		kinds = append(kinds, ev.Kind)
	}
	if !slices.Contains(kinds, authcore.EventVerified) || slices.Contains(kinds, authcore.EventSignedIn) {
		t.Errorf("the history is %v", kinds)
	}
	_, err = e.SignUp.Verify(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidCode)
	if _, err := e.TrySignIn(t, "bob", testflow.Password); err != nil {
		t.Error(err)
	}
}
