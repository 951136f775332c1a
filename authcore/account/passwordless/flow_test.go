package passwordless_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ada = "ada@example.com"

var both = passwordless.Ways{Code: true, Link: true}

// person is Ada, with codes and links on.
func person(t *testing.T, o testflow.Options) (*testflow.Env, uuid.UUID) {
	t.Helper()
	if o.Ways == (passwordless.Ways{}) {
		o.Ways = both
	}
	e := testflow.New(t, o)
	return e, e.Person(t, signup.RegisterInput{Email: ada, Username: "ada01"}).Account.ID
}

// ask asks for a code and returns the binding.
func ask(t *testing.T, e *testflow.Env, login, binding string) string {
	t.Helper()
	started, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Login: login}, Binding: binding, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if started.Binding == "" || started.ExpiresIn != 10*time.Minute {
		t.Errorf("%+v", started)
	}
	return started.Binding
}

func byCode(login, code, binding string) passwordless.Input {
	return passwordless.Input{Login: passwordless.Login{Login: login}, OTP: code, Binding: binding}
}

func byLink(token, binding string) passwordless.Input {
	return passwordless.Input{Token: token, Binding: binding}
}

func finish(t *testing.T, e *testflow.Env, in passwordless.Input) (session.Tokens, error) {
	t.Helper()
	in.Request = testflow.Request()
	return testflow.Tokens(e.Passwordless.Finish(t.Context(), in))
}

func refused(t *testing.T, e *testflow.Env, in passwordless.Input, want authcore.Code) {
	t.Helper()
	_, err := finish(t, e, in)
	testflow.WantCode(t, err, want)
}

func mail(t *testing.T, e *testflow.Env) authcore.Message {
	t.Helper()
	return e.Mail(t, ada, authcore.MailSignInCode)
}

func wrong(right string) string {
	if right == "000000" {
		return "000001"
	}
	return "000000"
}

func TestFinish_ByCodeAndByLink(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		login  string
		in     func(m authcore.Message, binding string) passwordless.Input
		method string
	}{
		"code, by address":  {ada, func(m authcore.Message, b string) passwordless.Input { return byCode(ada, m.Code, b) }, audit.ByCode},
		"code, by username": {"ada01", func(m authcore.Message, b string) passwordless.Input { return byCode("ADA01", m.Code, b) }, audit.ByCode},
		"code, elsewhere":   {ada, func(m authcore.Message, _ string) passwordless.Input { return byCode(ada, m.Code, "") }, audit.ByCode},
		"link":              {ada, func(m authcore.Message, b string) passwordless.Input { return byLink(tokenOf(m), b) }, audit.ByLink},
		"link elsewhere, and code": {ada, func(m authcore.Message, _ string) passwordless.Input {
			return passwordless.Input{Token: tokenOf(m), OTP: m.Code}
		}, audit.ByCode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, id := person(t, testflow.Options{})
			binding := ask(t, e, c.login, "")
			m := mail(t, e)
			in := c.in(m, binding)
			tokens, err := finish(t, e, in)
			if err != nil {
				t.Fatal(err)
			}
			if tokens.Account.ID != id || !slices.Equal(tokens.Session.AMR, []string{"email"}) || tokens.DeviceToken == "" {
				t.Errorf("%+v", tokens.Session)
			}
			events, err := e.Store.AccountEvents(t.Context(), history.Query{AccountID: id, Kinds: []authcore.EventKind{authcore.EventSignedIn}, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			if i := slices.IndexFunc(events, func(ev authcore.Event) bool { return ev.Kind == authcore.EventSignedIn }); i < 0 || events[i].Method != c.method {
				t.Errorf("%+v", events)
			}
			// Either spends both.
			refused(t, e, byCode(ada, m.Code, binding), authcore.InvalidCode)
			refused(t, e, byLink(tokenOf(m), binding), authcore.InvalidCode)
		})
	}
}

func tokenOf(m authcore.Message) string {
	_, token, _ := strings.Cut(m.Link, "token=")
	return token
}

// A link that somebody else has caused signs nobody's browser in, and nobody can have it approved by another (R02). It is not spent by that.
func TestR02_LinkElsewhere(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	binding := ask(t, e, ada, "")
	token := tokenOf(mail(t, e))
	other := ask(t, e, "bob@example.com", "")
	for _, b := range []string{"", other, binding + "x", "ghb_"} {
		refused(t, e, byLink(token, b), authcore.BindingRequired)
	}
	if _, err := finish(t, e, byLink(token, binding)); err != nil {
		t.Errorf("the link was spent: %v", err)
	}
}

// Whoever asks again in a moment, in another browser, does not get the link that is on its way bound to theirs; who asked keeps it.
func TestR02_AskedAgainElsewhere(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	binding := ask(t, e, ada, "")
	token := tokenOf(mail(t, e))
	if again := ask(t, e, ada, binding); again != binding {
		t.Error("the browser that asked has lost its link")
	}
	refused(t, e, byLink(token, ask(t, e, ada, "")), authcore.BindingRequired)
	if n := len(e.Mails(t, ada)); n != 2 { // the first is of the sign-up
		t.Errorf("%d mails", n)
	}
	if _, err := finish(t, e, byLink(token, binding)); err != nil {
		t.Error(err)
	}
}

// Wrong codes close neither the code of who asked nor any link, and no resend refills (O01, O03).
func TestO03_BudgetsOfOwnerAndStranger(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	binding := ask(t, e, ada, "")
	m := mail(t, e)
	for range 5 {
		refused(t, e, byCode(ada, wrong(m.Code), ""), authcore.InvalidCode)
	}
	refused(t, e, byCode(ada, m.Code, ""), authcore.TooManyAttempts)
	for range 5 {
		refused(t, e, byCode(ada, wrong(m.Code), binding), authcore.InvalidCode)
	}
	refused(t, e, byCode(ada, m.Code, binding), authcore.TooManyAttempts)

	e.Clock.Advance(2 * time.Minute)
	binding = ask(t, e, ada, binding)
	again := mail(t, e)
	refused(t, e, byCode(ada, again.Code, binding), authcore.TooManyAttempts)
	refused(t, e, byCode(ada, again.Code, ""), authcore.TooManyAttempts)
	refused(t, e, byLink(tokenOf(m), binding), authcore.InvalidCode) // a new one kills the former
	if _, err := finish(t, e, byLink(tokenOf(again), binding)); err != nil {
		t.Errorf("the link of the resend: %v", err)
	}
}

// A stranger's guesses leave the owner's budget whole.
func TestO01_StrangersGuesses(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	binding := ask(t, e, ada, "")
	m := mail(t, e)
	for range 20 {
		_, err := finish(t, e, byCode(ada, wrong(m.Code), ""))
		if code := authcore.CodeOf(err); code != authcore.InvalidCode && code != authcore.TooManyAttempts {
			t.Fatal(err)
		}
	}
	if _, err := finish(t, e, byCode(ada, m.Code, binding)); err != nil {
		t.Errorf("the owner's code is closed: %v", err)
	}
}

// Codes and links of one purpose are worth nothing for another (O12).
func TestO12_CodeOfAnotherPurpose(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	binding := ask(t, e, ada, "")
	m := mail(t, e)
	if err := e.Password.Forgot(t.Context(), ada, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	reset := e.Mail(t, ada, authcore.MailReset)
	refused(t, e, byCode(ada, reset.Code, binding), authcore.InvalidCode)
	refused(t, e, byLink(tokenOf(reset), binding), authcore.InvalidCode)
	for _, in := range []password.ResetInput{{Login: ada, OTP: m.Code}, {Token: tokenOf(m)}} {
		in.NewPassword, in.Client = testflow.OtherPassword, testflow.Client()
		testflow.WantCode(t, e.Password.Reset(t.Context(), in), authcore.InvalidCode)
	}
	if _, err := finish(t, e, byLink(tokenOf(m), binding)); err != nil {
		t.Error(err)
	}
}

// One code, a hundred at once: one session (O04).
func TestO04_OneOfAHundred(t *testing.T) {
	t.Parallel()
	for _, link := range []bool{false, true} {
		e, _ := person(t, testflow.Options{})
		binding := ask(t, e, ada, "")
		m := mail(t, e)
		in := byCode(ada, m.Code, binding)
		if link {
			in = byLink(tokenOf(m), binding)
		}
		in.Request = testflow.Request()
		var wg sync.WaitGroup
		results := make([]error, 100)
		for i := range results {
			wg.Go(func() { _, results[i] = e.Passwordless.Finish(t.Context(), in) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if code := authcore.CodeOf(err); code != authcore.InvalidCode && code != authcore.TooManyAttempts { // those after it count as guesses
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d won", won)
		}
	}
}

// The state of the account is asked at the start and when code or link come back.
func TestFinish_StateOfTheAccount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, e *testflow.Env, id uuid.UUID)
		sent   bool // asked for afterwards, a code is sent
		good   bool // asked for before, code and link are good
	}{
		"disabled": {func(t *testing.T, e *testflow.Env, id uuid.UUID) { disable(t, e, id) }, false, false},
		"locked": {func(t *testing.T, e *testflow.Env, _ uuid.UUID) {
			for range 5 {
				_, err := e.TrySignIn(t, ada, "wrong")
				testflow.WantCode(t, err, authcore.InvalidCredentials)
			}
			_, err := e.TrySignIn(t, ada, testflow.Password)
			testflow.WantCode(t, err, authcore.AccountLocked)
		}, true, true},
		"another password": {func(t *testing.T, e *testflow.Env, id uuid.UUID) { reset(t, e) }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testflow.Options{Lockout: lockout.Policy{Failures: 5}, Rates: map[string]ratelimit.Rate{authcore.LimitResend: {}}}
			e, id := person(t, o)
			binding := ask(t, e, ada, "")
			m := mail(t, e)
			c.change(t, e, id)
			for _, in := range []passwordless.Input{byCode(ada, m.Code, binding), byLink(tokenOf(m), binding)} {
				if c.good {
					break
				}
				refused(t, e, in, authcore.InvalidCode)
			}
			if c.good {
				if _, err := finish(t, e, byLink(tokenOf(m), binding)); err != nil {
					t.Error(err)
				}
			}
			before := len(e.Mails(t, ada))
			ask(t, e, ada, "")
			if sent := len(e.Mails(t, ada)) > before; sent != c.sent {
				t.Errorf("a code was sent: %v", sent)
			}
		})
	}
}

func disable(t *testing.T, e *testflow.Env, id uuid.UUID) {
	t.Helper()
	if _, err := e.Store.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: id, Disable: true, Now: e.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
}

func reset(t *testing.T, e *testflow.Env) {
	t.Helper()
	if err := e.Password.Forgot(t.Context(), ada, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	in := password.ResetInput{Token: tokenOf(e.Mail(t, ada, authcore.MailReset)), NewPassword: testflow.OtherPassword, Client: testflow.Client()}
	if err := e.Password.Reset(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// An address that nobody has verified signs nobody in: it may be a stranger's.
func TestStart_UnverifiedAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open, Ways: both})
	e.Register(t, signup.RegisterInput{Email: ada, Username: "ada01"})
	for _, login := range []string{ada, "ada01"} {
		ask(t, e, login, "")
	}
	for _, m := range e.Mails(t, ada) {
		if m.Kind == authcore.MailSignInCode {
			t.Error("a code was sent")
		}
	}
}

// What is off is not there, and a code in place of a password is wrong.
func TestOff(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	_, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Login: ada}, Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.NotFound)
	refused(t, e, byCode(ada, "123456", ""), authcore.NotFound)
	_, err = e.Passwordless.InPlaceOfPassword(t.Context(), byCode(ada, "123456", ""))
	testflow.WantCode(t, err, authcore.InvalidCredentials)

	e, _ = person(t, testflow.Options{Ways: passwordless.Ways{Code: true}})
	ask(t, e, ada, "")
	if m := mail(t, e); m.Link != "" {
		t.Error("a link was sent")
	}
	_, err = e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Phone: "+491701234567"}, Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.NotFound)
}

// A second factor that is owed stays owed.
func TestFinish_SecondStep(t *testing.T) {
	t.Parallel()
	e, id := person(t, testflow.Options{})
	e.EmailFactor(t, id)
	binding := ask(t, e, ada, "")
	m := mail(t, e)
	in := byCode(ada, m.Code, binding)
	in.Request = testflow.Request()
	out, err := e.Passwordless.Finish(t.Context(), in)
	if err != nil || out.Pending == nil || len(out.Pending.Methods) != 1 || out.Pending.Methods[0].Method != "password" {
		t.Fatalf("%+v %v", out.Pending, err)
	}
	refused(t, e, in, authcore.InvalidCode) // it is spent
}
