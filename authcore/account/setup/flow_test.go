package setup_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ops = "ops@example.com"

func link(t *testing.T, e *testflow.Env) string {
	t.Helper()
	l, err := setup.NewLink(t.Context(), e.Store, e.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return l.Token
}

func input(token string) setup.Input {
	return setup.Input{Token: token, Email: ops, Password: testflow.Password, Request: testflow.Request()}
}

// The administrator signs in with an address that is not verified yet, and verifies it by its mail.
func TestSetUp(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	_, err := e.Setup.SetUp(t.Context(), input("anything"))
	testflow.WantCode(t, err, authcore.NotFound)
	l, ok, err := setup.FirstLink(t.Context(), e.Store, e.Clock.Now)
	if err != nil || !ok {
		t.Fatalf("no link for a gateway without accounts: %v", err)
	}
	in := input(l.Token)
	in.Password = "short"
	_, err = e.Setup.SetUp(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidFields) // and the link is as good as before
	_, err = e.Setup.SetUp(t.Context(), input("wrong"))
	testflow.WantCode(t, err, authcore.InvalidCode)
	tokens, err := testflow.Tokens(e.Setup.SetUp(t.Context(), input(l.Token)))
	if err != nil {
		t.Fatal(err)
	}
	a := tokens.Account
	if !slices.Contains(a.Roles, authcore.RoleAdmin) || a.EmailVerified() || !a.MadeByOperator || a.Email != ops {
		t.Errorf("the account is %+v", a)
	}
	_, err = e.Setup.SetUp(t.Context(), input(l.Token))
	testflow.WantCode(t, err, authcore.NotFound)
	if _, err := e.TrySignIn(t, ops, testflow.Password); err != nil {
		t.Errorf("sign-in before the address is verified: %v", err)
	}
	mail := e.Mail(t, ops, authcore.MailConfirmEmail)
	if a, err = e.Contact.ConfirmEmail(t.Context(), contact.ConfirmInput{AccountID: a.ID, OTP: mail.Code, Client: testflow.Client()}); err != nil || !a.EmailVerified() {
		t.Errorf("confirmed: %+v (%v)", a, err)
	}
	if _, ok, err := setup.FirstLink(t.Context(), e.Store, e.Clock.Now); err != nil || ok {
		t.Errorf("a link although there is an account (%v)", err)
	}
}

func TestSetUp_ANewLinkKillsTheFormer(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	former, later := link(t, e), link(t, e)
	_, err := e.Setup.SetUp(t.Context(), input(former))
	testflow.WantCode(t, err, authcore.InvalidCode)
	e.Clock.Advance(24 * time.Hour)
	_, err = e.Setup.SetUp(t.Context(), input(later))
	testflow.WantCode(t, err, authcore.NotFound)
	e.Clock.Advance(-time.Second)
	if _, err := e.Setup.SetUp(t.Context(), input(later)); err != nil {
		t.Errorf("in its last second: %v", err)
	}
}

// TestL22_OneAdministrator: of 100 that use the link at once one makes an account.
func TestL22_OneAdministrator(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	token := link(t, e)
	var all sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		all.Go(func() {
			in := input(token)
			in.Email = "ops" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "@example.com"
			_, errs[i] = e.Setup.SetUp(t.Context(), in)
		})
	}
	all.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		testflow.WantCode(t, err, authcore.NotFound)
	}
	if made != 1 {
		t.Errorf("%d administrators", made)
	}
}

// TestL22_NobodyGetsItByTheAddress: whoever reads the mail of the address, which may have been mistyped, gets into the administrator's
// account by none of the ways that verify an address.
func TestL22_NobodyGetsItByTheAddress(t *testing.T) {
	t.Parallel()
	for _, mode := range []signup.Mode{signup.Verified, signup.Open} {
		e := testflow.New(t, testflow.Options{Mode: mode})
		tokens, err := testflow.Tokens(e.Setup.SetUp(t.Context(), input(link(t, e))))
		if err != nil {
			t.Fatal(err)
		}
		e.Clock.Advance(2 * time.Minute)
		_, _ = e.SignUp.Register(t.Context(), signup.RegisterInput{Email: ops, Password: "a stranger's lantern 7", Client: testflow.Client()})
		for _, m := range e.Mails(t, ops) {
			for _, proof := range []signup.VerifyInput{{NewPassword: "a stranger's lantern 7"}, {Password: "a stranger's lantern 7"}} {
				proof.Email, proof.OTP, proof.Request = ops, m.Code, testflow.Request()
				if _, err := e.SignUp.Verify(t.Context(), proof); err == nil {
					t.Errorf("%s: a code of a mail %s lets a stranger in", mode, m.Kind)
				}
			}
		}
		e.Clock.Advance(2 * time.Minute)
		before := len(e.Mails(t, ops))
		_ = e.Password.Forgot(t.Context(), ops, testflow.Client())
		for _, m := range e.Mails(t, ops)[before:] {
			reset := password.ResetInput{Login: ops, OTP: m.Code, NewPassword: "a stranger's lantern 7", Client: testflow.Client()}
			if err := e.Password.Reset(t.Context(), reset); err == nil {
				t.Errorf("%s: a reset lets a stranger in", mode)
			}
		}
		if a, err := e.Store.AccountByID(t.Context(), tokens.Account.ID); err != nil || a.EmailVerified() || a.Epoch != tokens.Account.Epoch || a.Email != ops {
			t.Errorf("%s: the account is %+v (%v)", mode, a, err)
		}
		if _, err := e.TrySignIn(t, ops, testflow.Password); err != nil {
			t.Errorf("%s: the administrator cannot sign in: %v", mode, err)
		}
	}
}
