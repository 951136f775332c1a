package passwordless_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const bob = "bob@example.com"

// site has no passwords, and gives who is new an account by a code.
func site(t *testing.T, o testflow.Options) *testflow.Env {
	t.Helper()
	o.Ways, o.NoPassword, o.ByCode = both, true, true
	return testflow.New(t, o)
}

func exists(t *testing.T, e *testflow.Env, kind authcore.IdentifierKind, value string) bool {
	t.Helper()
	_, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: kind, Value: value})
	if err != nil && !errors.Is(err, authcore.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// An account is made when the code is right, and never when it is asked for.
func TestByCode(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]func(m authcore.Message, binding string) passwordless.Input{
		audit.ByCode: func(m authcore.Message, _ string) passwordless.Input { return byCode(bob, m.Code, "") },
		audit.ByLink: func(m authcore.Message, b string) passwordless.Input { return byLink(tokenOf(m), b) },
	} {
		e := site(t, testflow.Options{})
		binding := ask(t, e, bob, "")
		m := e.Mail(t, bob, authcore.MailSignInCode)
		if exists(t, e, authcore.KindEmail, bob) {
			t.Fatalf("%s: to ask makes an account", name)
		}
		refused(t, e, byCode(bob, wrong(m.Code), ""), authcore.InvalidCode)
		if exists(t, e, authcore.KindEmail, bob) {
			t.Fatalf("%s: a wrong code makes an account", name)
		}
		try := in(m, binding)
		try.New = signup.RegisterInput{FirstName: "Bob", Username: "bob01"}
		tokens, err := finish(t, e, try)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a := tokens.Account
		if !a.EmailVerified() || a.Email != bob || a.FirstName != "Bob" || a.Username != "bob01" || a.PasswordHash != "" || !slices.Equal(tokens.Session.AMR, []string{"email"}) {
			t.Errorf("%s: %+v", name, a)
		}
		refused(t, e, try, authcore.InvalidCode)
		// Next time it is a sign-in.
		ask(t, e, bob, "")
		again, err := finish(t, e, byCode(bob, e.Mail(t, bob, authcore.MailSignInCode).Code, ""))
		if err != nil || again.Account.ID != a.ID {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without the option an unknown address gets nothing and the same answer.
func TestByCode_Off(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Ways: both, NoPassword: true})
	ask(t, e, bob, "")
	if n := len(e.Mails(t, bob)); n != 0 {
		t.Errorf("%d mails", n)
	}
}

// Fifty right codes at once make one account and one session.
func TestByCode_OneAccount(t *testing.T) {
	t.Parallel()
	e := site(t, testflow.Options{})
	binding := ask(t, e, bob, "")
	m := e.Mail(t, bob, authcore.MailSignInCode)
	var mu sync.Mutex
	var all sync.WaitGroup
	won, codes := 0, map[authcore.Code]int{}
	for i := range 100 {
		all.Go(func() {
			in := byCode(bob, m.Code, binding)
			if i%2 == 1 {
				in = byLink(tokenOf(m), binding)
			}
			in.Request = testflow.Request()
			_, err := e.Passwordless.Finish(t.Context(), in)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				codes[authcore.CodeOf(err)]++
			}
		})
	}
	all.Wait()
	if won != 1 || codes[authcore.InvalidCode]+codes[authcore.TooManyAttempts] != 99 { // late tries are guesses at an account that asked for none
		t.Errorf("%d won, %v", won, codes)
	}
}

// Required fields are asked for once the code is right, which stays good.
func TestByCode_RequiredFields(t *testing.T) {
	t.Parallel()
	e := site(t, testflow.Options{UserFields: userfield.Set{{Name: "team", Type: userfield.Text, Max: 20, Required: true}}})
	ask(t, e, bob, "")
	in := byCode(bob, e.Mail(t, bob, authcore.MailSignInCode).Code, "")
	for range 7 { // more than wrong codes may be
		_, err := finish(t, e, in)
		if refusal := testflow.WantCode(t, err, authcore.InvalidFields); len(refusal.Fields.At("fields.team")) == 0 {
			t.Fatalf("%+v", refusal.Fields)
		}
	}
	bad := in
	bad.New = signup.RegisterInput{Username: "a b", Password: testflow.Password, Fields: map[string]any{"team": "red"}}
	_, err := finish(t, e, bad)
	if refusal := testflow.WantCode(t, err, authcore.InvalidFields); len(refusal.Fields.At("username")) == 0 || len(refusal.Fields.At("password")) == 0 {
		t.Errorf("%+v", refusal.Fields)
	}
	in.New.Fields = map[string]any{"team": "red"}
	tokens, err := finish(t, e, in)
	if err != nil || tokens.Account.Fields["team"] != "red" {
		t.Errorf("%+v (%v)", tokens.Account, err)
	}
}

// What signup says holds: closed gives nobody an account, invite who has an invitation, of theirs alone.
func TestByCode_SignupRules(t *testing.T) {
	t.Parallel()
	closed := site(t, testflow.Options{Mode: signup.Closed})
	ask(t, closed, bob, "")
	if n := len(closed.Mails(t, bob)); n != 0 {
		t.Errorf("closed: %d mails", n)
	}
	e := site(t, testflow.Options{Mode: signup.Invite, Inviters: authcore.Inviters{Everybody: true}})
	ask(t, e, bob, "")
	ask(t, e, "carla@example.com", "")
	for _, to := range []string{bob, "carla@example.com"} {
		if n := len(e.Mails(t, to)); n != 0 {
			t.Errorf("%d mails to %s", n, to)
		}
	}
}

// The invitation that a code is asked for with is used by the account, and gives what it gives.
func TestByCode_Invitation(t *testing.T) {
	t.Parallel()
	e := site(t, testflow.Options{Mode: signup.Invite, Inviters: authcore.Inviters{Everybody: true}})
	now := e.Clock.Now()
	inviter := authcore.Account{ID: uuid.New(), Email: ada, EmailVerifiedAt: now, CreatedAt: now, UpdatedAt: now}
	if err := e.Store.CreateAccount(t.Context(), inviter, []authcore.Identifier{{Kind: authcore.KindEmail, Value: ada}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	made, err := e.Invite.Create(t.Context(), inviter.ID, invite.Input{Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	start := func(to, token string) {
		t.Helper()
		_, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Email: to}, Invitation: token, Client: testflow.Client()})
		if err != nil {
			t.Fatal(err)
		}
	}
	start("carla@example.com", made.Token+"x")
	if n := len(e.Mails(t, "carla@example.com")); n != 0 {
		t.Errorf("%d mails by a wrong invitation", n)
	}
	start(bob, made.Token)
	tokens, err := finish(t, e, byCode(bob, e.Mail(t, bob, authcore.MailSignInCode).Code, ""))
	if err != nil || tokens.Account.InvitedBy != inviter.ID {
		t.Fatalf("%+v (%v)", tokens.Account, err)
	}
	start("dora@example.com", made.Token)
	if n := len(e.Mails(t, "dora@example.com")); n != 0 {
		t.Errorf("%d mails by a used invitation", n)
	}
}

// An account that has only claimed the address is not its prover's: they get a new one, and it loses the address (contract §7).
func TestByCode_ClaimedByAnother(t *testing.T) {
	t.Parallel()
	e := site(t, testflow.Options{Mode: signup.Open})
	made, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: bob, Username: "mallory", Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, e, bob, "")
	tokens, err := finish(t, e, byCode(bob, e.Mail(t, bob, authcore.MailSignInCode).Code, ""))
	if err != nil || tokens.Account.ID == made.Account.ID {
		t.Fatalf("%+v (%v)", tokens.Account, err)
	}
	if former, err := e.Store.AccountByID(t.Context(), made.Account.ID); err != nil || former.Email != "" || former.Username != "mallory" {
		t.Errorf("%+v (%v)", former, err)
	}
}

// By SMS: a number that signs in makes an account; one that SMS do not go to gets nothing.
func TestByCode_SMS(t *testing.T) {
	t.Parallel()
	numbers := identifier.Numbers{Region: "DE", Countries: []string{"DE"}, Texts: true}
	e := site(t, testflow.Options{Identities: []authcore.IdentifierKind{authcore.KindPhone, authcore.KindUsername}, Numbers: numbers})
	ask(t, e, "0170 1234567", "")
	tokens, err := finish(t, e, byCode("+491701234567", e.Mail(t, "+491701234567", authcore.MailSignInCode).Code, ""))
	if err != nil || !tokens.Account.PhoneVerified() || !slices.Equal(tokens.Session.AMR, []string{"sms"}) {
		t.Fatalf("%+v (%v)", tokens.Account, err)
	}
	ask(t, e, "+41791234567", "")
	if n := len(e.Mails(t, "+41791234567")); n != 0 {
		t.Errorf("%d SMS", n)
	}
}

// An address that whoever runs the gateway has typed, and one of a disabled account, become nobody's by a code (L22).
func TestL22_ByCodeTakesNoOperatorsAddress(t *testing.T) {
	t.Parallel()
	e := site(t, testflow.Options{})
	now := e.Clock.Now()
	for address, a := range map[string]authcore.Account{
		"root@example.com": {MadeByOperator: true}, "gone@example.com": {EmailVerifiedAt: now, DisabledAt: now},
	} {
		a.ID, a.Email, a.CreatedAt, a.UpdatedAt = uuid.New(), address, now, now
		if err := e.Store.CreateAccount(t.Context(), a, []authcore.Identifier{{Kind: authcore.KindEmail, Value: address}}, authcore.Effects{}); err != nil {
			t.Fatal(err)
		}
		ask(t, e, address, "")
		if n := len(e.Mails(t, address)); n != 0 {
			t.Errorf("%d mails to %s", n, address)
		}
	}
}
