package secondstep_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ada = "ada@example.com"

// protected is Ada with an e-mail factor, and second factors on.
func protected(t *testing.T, o testflow.Options) (*testflow.Env, uuid.UUID) {
	t.Helper()
	e := testflow.New(t, o)
	id := e.Person(t, signup.RegisterInput{Email: ada}).Account.ID
	e.EmailFactor(t, id)
	return e, id
}

func signIn(t *testing.T, e *testflow.Env, change func(*session.Request)) secondstep.Outcome {
	t.Helper()
	r := testflow.Request()
	if change != nil {
		change(&r)
	}
	out, err := e.SignIn.Password(t.Context(), signin.Input{Login: ada, Password: testflow.Password, Request: r})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func waiting(t *testing.T, out secondstep.Outcome) *secondstep.Pending {
	t.Helper()
	if out.Pending == nil {
		t.Fatal("nothing more is asked for")
	}
	return out.Pending
}

func code(t *testing.T, e *testflow.Env) string {
	t.Helper()
	return e.Mail(t, ada, authcore.MailSecondFactorCode).Code
}

func proof(p *secondstep.Pending, code string) secondstep.Input {
	return secondstep.Input{Token: p.Token, Code: code, Request: testflow.Request()}
}

// wrong is a code that is not the right one.
func wrong(right string) string {
	if right == "000000" {
		return "000001"
	}
	return "000000"
}

func TestProceed_MailedCode(t *testing.T) {
	t.Parallel()
	e, id := protected(t, testflow.Options{})
	p := waiting(t, signIn(t, e, func(r *session.Request) { r.DeviceName = "desk" }))
	if len(p.Methods) != 1 || p.Methods[0].Method != "email" || !p.Methods[0].Sent || p.Methods[0].To() != "a***@example.com" || p.ExpiresIn != 10*time.Minute {
		t.Errorf("%+v", p)
	}
	if list, err := e.Store.Sessions(t.Context(), id, e.Clock.Now()); err != nil || len(list) != 1 { // that of the sign-up
		t.Errorf("%d sessions (%v)", len(list), err)
	}
	tokens, err := testflow.Tokens(e.Steps.Proceed(t.Context(), proof(p, code(t, e))))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tokens.Session.AMR, []string{"pwd", "email", "mfa"}) || authcore.ACR(tokens.Session.AMR) != "mfa" || tokens.Session.DeviceName != "desk" || tokens.DeviceToken == "" {
		t.Errorf("%+v", tokens.Session)
	}
	_, err = e.Steps.Proceed(t.Context(), proof(p, code(t, e)))
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
	_, err = e.Steps.Show(t.Context(), p.Token, testflow.Request())
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
}

// The token is good at the calls of second steps alone: nowhere else it means anything (L19).
func TestL19_PendingTokenElsewhere(t *testing.T) {
	t.Parallel()
	e, _ := protected(t, testflow.Options{})
	p := waiting(t, signIn(t, e, nil))
	if _, err := e.Sessions.Refresh(t.Context(), p.Token, authcore.ModeBearer, testflow.Client()); authcore.CodeOf(err) != authcore.InvalidRefreshToken {
		t.Errorf("refresh: %v", err)
	}
	if _, ours := e.Sessions.DeviceDigest(p.Token); ours || e.Sessions.Issued(p.Token) {
		t.Error("it is taken for another token of ours")
	}
	// What a browser keeps in a cookie is no token of a program, and the reverse.
	r := testflow.Request()
	r.Mode = authcore.ModeCookie
	_, err := e.Steps.Show(t.Context(), p.Token, r)
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
	for _, junk := range []string{"", "ghm_", p.Token + "x", strings.Replace(p.Token, "ghm_", "ghr_", 1), strings.Replace(p.Token, "ghm_", "ghm_A", 1)} {
		_, err := e.Steps.Show(t.Context(), junk, testflow.Request())
		testflow.WantCode(t, err, authcore.InvalidMFAToken)
	}
}

// O01: five wrong codes end the sign-in; the right one comes too late, and a new code does not help.
func TestO01_FiveWrongCodes(t *testing.T) {
	t.Parallel()
	e, _ := protected(t, testflow.Options{})
	p := waiting(t, signIn(t, e, nil))
	right := code(t, e)
	for range 5 {
		_, err := e.Steps.Proceed(t.Context(), proof(p, wrong(right)))
		testflow.WantCode(t, err, authcore.InvalidCode)
	}
	_, err := e.Steps.Proceed(t.Context(), proof(p, right))
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
	_, err = e.Steps.Send(t.Context(), p.Token, "", uuid.Nil, testflow.Request())
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
}

// O02: whoever has the password begins sign-in after sign-in and tries four codes in each. Ten in all are looked at within an hour, the
// owner is told once, and a new password clears it.
func TestO02_GuessesAcrossSignIns(t *testing.T) {
	t.Parallel()
	e, id := protected(t, testflow.Options{})
	guess := func() (taken int) {
		p := waiting(t, signIn(t, e, nil))
		for range 4 {
			_, err := e.Steps.Proceed(t.Context(), proof(p, "000000"))
			switch authcore.CodeOf(err) {
			case authcore.InvalidCode:
				taken++
			case authcore.TooManyAttempts:
			default:
				t.Fatal(err)
			}
		}
		return taken
	}
	taken := 0
	for range 5 {
		taken += guess()
	}
	if taken != 10 {
		t.Errorf("%d guesses were looked at, want 10", taken)
	}
	told := func() (n int) {
		for _, m := range e.Mails(t, ada) {
			if m.Kind == authcore.MailCodesGuessed && strings.Contains(m.Link, "/secure?token=") {
				n++
			}
		}
		return n
	}
	if n := told(); n != 1 {
		t.Errorf("the owner is told %d times, want once", n)
	}
	// The right code is refused as well, and costs nothing of the sign-in.
	e.Clock.Advance(30 * time.Minute)
	p := waiting(t, signIn(t, e, nil))
	_, err := e.Steps.Proceed(t.Context(), proof(p, "000000"))
	if refused := testflow.WantCode(t, err, authcore.TooManyAttempts); refused.RetryAfter < 29*time.Minute {
		t.Errorf("retry after %v", refused.RetryAfter)
	}
	err = e.Password.Change(t.Context(), password.ChangeInput{AccountID: id, Current: testflow.Password, New: testflow.OtherPassword, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Steps.Proceed(t.Context(), proof(p, "000000"))
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
	e.Clock.Advance(time.Hour) // for mails
	out, err := e.SignIn.Password(t.Context(), signin.Input{Login: ada, Password: testflow.OtherPassword, Request: testflow.Request()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := testflow.Tokens(e.Steps.Proceed(t.Context(), proof(waiting(t, out), code(t, e)))); err != nil {
		t.Errorf("after a new password: %v", err)
	}
}

// O04 and O12: of a hundred who send one right code at once exactly one is signed in, and the code of one sign-in is worth nothing in
// another.
func TestO04_OneCodeAtOnce(t *testing.T) {
	t.Parallel()
	e, id := protected(t, testflow.Options{})
	first := waiting(t, signIn(t, e, nil))
	right := code(t, e)
	e.Clock.Advance(time.Second)
	second := waiting(t, signIn(t, e, nil))
	_, err := e.Steps.Proceed(t.Context(), proof(second, right))
	testflow.WantCode(t, err, authcore.InvalidCode)
	var all sync.WaitGroup
	wins := make(chan struct{}, 100)
	for range 100 {
		all.Go(func() {
			if out, err := e.Steps.Proceed(t.Context(), proof(first, right)); err == nil && out.Pending == nil {
				wins <- struct{}{}
			}
		})
	}
	all.Wait()
	if len(wins) != 1 {
		t.Errorf("%d of 100 are signed in, want 1", len(wins))
	}
	if list, err := e.Store.Sessions(t.Context(), id, e.Clock.Now()); err != nil || len(list) != 2 {
		t.Errorf("%d sessions (%v), want that of the sign-up and one", len(list), err)
	}
}

// A trusted device skips the second factor of its own account, and is none: the session is of one kind. It ends with a new password.
func TestTrustedDevice(t *testing.T) {
	t.Parallel()
	e, id := protected(t, testflow.Options{TrustFor: 30 * 24 * time.Hour})
	p := waiting(t, signIn(t, e, nil))
	in := proof(p, code(t, e))
	in.TrustDevice = true
	tokens, err := testflow.Tokens(e.Steps.Proceed(t.Context(), in))
	if err != nil {
		t.Fatal(err)
	}
	device := tokens.DeviceToken
	again := func(device string) secondstep.Outcome {
		e.Clock.Advance(15 * time.Minute)
		return signIn(t, e, func(r *session.Request) { r.DeviceToken = device })
	}
	if out := again(device); out.Pending != nil || authcore.ACR(out.Tokens.Session.AMR) != "1fa" {
		t.Errorf("on a trusted device: %+v", out)
	}
	waiting(t, again("")) // another device
	err = e.Password.Change(t.Context(), password.ChangeInput{AccountID: id, Current: testflow.Password, New: testflow.OtherPassword, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	r := testflow.Request()
	r.DeviceToken = device
	out, err := e.SignIn.Password(t.Context(), signin.Input{Login: ada, Password: testflow.OtherPassword, Request: r})
	if err != nil || out.Pending == nil {
		t.Errorf("a device is trusted after a change of the password: %+v (%v)", out, err)
	}
}

// Without the option no device is trusted, whatever is asked for; one that was trusted before is not any more.
func TestTrustedDevice_Off(t *testing.T) {
	t.Parallel()
	e, _ := protected(t, testflow.Options{})
	in := proof(waiting(t, signIn(t, e, nil)), code(t, e))
	in.TrustDevice = true
	tokens, err := testflow.Tokens(e.Steps.Proceed(t.Context(), in))
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(15 * time.Minute)
	waiting(t, signIn(t, e, func(r *session.Request) { r.DeviceToken = tokens.DeviceToken }))
}

// R04: a reset signs nobody in, and the mailbox that carried it is no second factor beside the password: whoever reads it has both.
func TestR04_ResetBySecondFactorsMailbox(t *testing.T) {
	t.Parallel()
	e, _ := protected(t, testflow.Options{})
	if err := e.Password.Forgot(t.Context(), ada, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	token := testflow.Token(t, e.Mail(t, ada, authcore.MailReset))
	if err := e.Password.Reset(t.Context(), password.ResetInput{Token: token, NewPassword: testflow.OtherPassword, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	out, err := e.SignIn.Password(t.Context(), signin.Input{Login: ada, Password: testflow.OtherPassword, Request: testflow.Request()})
	if err != nil {
		t.Fatal(err)
	}
	if p := waiting(t, out); len(p.Methods) != 0 || len(p.Enrol) != 0 {
		t.Errorf("the mailbox of the reset gets on by %+v", p)
	}
	for _, m := range e.Mails(t, ada) {
		if m.Kind == authcore.MailSecondFactorCode {
			t.Error("a code went to the mailbox of the reset")
		}
	}
}

// Where a second factor is required, a sign-up asks for it at its first sign-in: the account is made, and no session.
func TestVerify_Required(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{MFA: secondstep.Requirement{Everybody: true}})
	done := e.Register(t, signup.RegisterInput{Email: ada})
	token := testflow.Token(t, e.Mail(t, ada, authcore.MailVerify))
	out, err := e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: token, Proof: done.Proof, Request: testflow.Request()})
	if err != nil {
		t.Fatal(err)
	}
	p := waiting(t, out)
	if len(p.Methods) != 1 || p.Methods[0].Method != secondstep.MethodPassword {
		t.Fatalf("%+v", p)
	}
	in := proof(p, "")
	in.Password = testflow.OtherPassword
	_, err = e.Steps.Proceed(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	in.Password = testflow.Password
	tokens, err := testflow.Tokens(e.Steps.Proceed(t.Context(), in))
	if err != nil || !slices.Equal(tokens.Session.AMR, []string{"email", "pwd", "mfa"}) {
		t.Fatalf("amr %v (%v)", tokens.Session.AMR, err)
	}
	// The password in the same request is the second kind at once.
	e.Register(t, signup.RegisterInput{Email: "bob@example.com"})
	token = testflow.Token(t, e.Mail(t, "bob@example.com", authcore.MailVerify))
	tokens, err = testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: token, Password: testflow.Password, Request: testflow.Request()}))
	if err != nil || authcore.ACR(tokens.Session.AMR) != "mfa" {
		t.Errorf("amr %v (%v)", tokens.Session.AMR, err)
	}
	// At the next sign-in the mailbox is the second kind, though it is no factor that was added.
	e.Clock.Advance(15 * time.Minute)
	p = waiting(t, signIn(t, e, nil))
	if tokens, err = testflow.Tokens(e.Steps.Proceed(t.Context(), proof(p, code(t, e)))); err != nil || authcore.ACR(tokens.Session.AMR) != "mfa" {
		t.Errorf("amr %v (%v)", tokens.Session.AMR, err)
	}
}

// Whoever is not asked for a second factor signs in as ever.
func TestRequired_ByRoleAlone(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{MFA: secondstep.Requirement{Roles: []string{"ops"}}})
	e.Person(t, signup.RegisterInput{Email: ada})
	if out := signIn(t, e, nil); out.Pending != nil || !slices.Equal(out.Tokens.Session.AMR, []string{"pwd"}) {
		t.Errorf("%+v", out)
	}
}
