package password_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const bob = "bob@example.com"

func person(t *testing.T, o testflow.Options) (*testflow.Env, session.Tokens) {
	t.Helper()
	e := testflow.New(t, o)
	return e, e.Person(t, signup.RegisterInput{Email: bob, Username: "bobby", FirstName: "Bob"})
}

func forgot(t *testing.T, e *testflow.Env, login string) {
	t.Helper()
	if err := e.Password.Forgot(t.Context(), login, testflow.Client()); err != nil {
		t.Fatalf("forgot: %v", err)
	}
}

func reset(t *testing.T, e *testflow.Env, in password.ResetInput) error {
	t.Helper()
	if in.NewPassword == "" {
		in.NewPassword = testflow.OtherPassword
	}
	in.Client = testflow.Client()
	return e.Password.Reset(t.Context(), in)
}

func TestReset_ByLinkAndByCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		login string
		in    func(t *testing.T, m authcore.Message) password.ResetInput
	}{
		"link": {bob, func(t *testing.T, m authcore.Message) password.ResetInput {
			return password.ResetInput{Token: testflow.Token(t, m)}
		}},
		"code": {" BOB@example.com", func(_ *testing.T, m authcore.Message) password.ResetInput {
			return password.ResetInput{Login: "Bob@example.com", OTP: m.Code}
		}},
		"username": {"bobby", func(_ *testing.T, m authcore.Message) password.ResetInput {
			return password.ResetInput{Login: "Bobby", OTP: m.Code}
		}},
		"either login": {"bobby", func(_ *testing.T, m authcore.Message) password.ResetInput {
			return password.ResetInput{Login: bob, OTP: m.Code}
		}},
		"spaced digits": {bob, func(_ *testing.T, m authcore.Message) password.ResetInput {
			return password.ResetInput{Login: bob, OTP: m.Code[:3] + "-" + m.Code[3:]}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := person(t, testflow.Options{})
			forgot(t, e, c.login)
			mail := e.Mail(t, bob, authcore.MailReset)
			if mail.Name != "Bob" || mail.Link[:len("https://auth.example.com/auth/reset?token=")] != "https://auth.example.com/auth/reset?token=" {
				t.Errorf("greeting %q, link %q", mail.Name, mail.Link)
			}
			if err := reset(t, e, c.in(t, mail)); err != nil {
				t.Fatal(err)
			}
			_, err := e.TrySignIn(t, bob, testflow.Password)
			testflow.WantCode(t, err, authcore.InvalidCredentials)
			if _, err := e.TrySignIn(t, bob, testflow.OtherPassword); err != nil {
				t.Errorf("the new password: %v", err)
			}
			if notice := e.Mail(t, bob, authcore.MailPasswordReset); notice.Code != "" {
				t.Error("the notice carries a code")
			}
			testflow.WantCode(t, reset(t, e, c.in(t, mail)), authcore.InvalidCode) // once
		})
	}
}

func TestR04_ResetSignsNobodyIn(t *testing.T) {
	t.Parallel()
	e, tokens := person(t, testflow.Options{})
	forgot(t, e, bob)
	if err := reset(t, e, password.ResetInput{Token: testflow.Token(t, e.Mail(t, bob, authcore.MailReset))}); err != nil {
		t.Fatal(err)
	}
	live, err := e.Sessions.List(t.Context(), tokens.Account.ID)
	if err != nil || len(live) != 0 {
		t.Errorf("%d sessions are live after the reset (%v)", len(live), err)
	}
	// Each of what ends the earlier sessions does so alone: the account's epoch, the session's own row, this node's memory.
	if now, err := e.Store.AccountByID(t.Context(), tokens.Account.ID); err != nil || now.Epoch != tokens.Account.Epoch+1 {
		t.Errorf("the epoch is %d (%v), before it was %d", now.Epoch, err, tokens.Account.Epoch)
	}
	if rows, err := e.Store.LiveRevocations(t.Context(), 0, e.Clock.Now()); err != nil || len(rows) != 1 || rows[0].AccountID != tokens.Account.ID {
		t.Errorf("revocations %+v (%v), want one of the account", rows, err)
	}
	if e.Revoked.Check(tokens.Session.ID, tokens.Account.ID, tokens.Session.AccountEpoch, 0) != authcore.Revoked {
		t.Error("access tokens from before are still accepted")
	}
	// And what signed in before signs nobody in.
	_, err = e.TrySignIn(t, bob, testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
}

func TestR05_ResetEndsEverything(t *testing.T) {
	t.Parallel()
	e, first := person(t, testflow.Options{})
	second, err := e.TrySignIn(t, bob, testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	forgot(t, e, bob)
	stale := e.Mail(t, bob, authcore.MailReset)
	e.Clock.Advance(61 * time.Second)
	forgot(t, e, bob)
	used := e.Mail(t, bob, authcore.MailReset)
	testflow.WantCode(t, reset(t, e, password.ResetInput{Token: testflow.Token(t, stale)}), authcore.InvalidCode)
	if err := reset(t, e, password.ResetInput{Token: testflow.Token(t, used)}); err != nil {
		t.Fatal(err)
	}
	for _, tokens := range []session.Tokens{first, second} {
		p := tokens.Principal
		if v := e.Revoked.Check(p.SessionID, p.AccountID, p.Epoch, p.RolesVersion); v != authcore.Revoked {
			t.Errorf("an access token of before has the verdict %v on this node", v)
		}
		_, err := e.Sessions.Refresh(t.Context(), tokens.Refresh, authcore.ModeBearer, testflow.Client())
		testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	}
	for _, in := range []password.ResetInput{
		{Token: testflow.Token(t, stale)}, {Token: testflow.Token(t, used)}, {Login: bob, OTP: used.Code},
	} {
		testflow.WantCode(t, reset(t, e, in), authcore.InvalidCode)
	}
}

func TestReset_LiftsTheLock(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	for range 5 {
		_, err := e.TrySignIn(t, "bobby", "wrong-password-of-mine")
		testflow.WantCode(t, err, authcore.InvalidCredentials)
	}
	_, err := e.TrySignIn(t, bob, testflow.Password)
	testflow.WantCode(t, err, authcore.AccountLocked)
	forgot(t, e, bob)
	if err := reset(t, e, password.ResetInput{Token: testflow.Token(t, e.Mail(t, bob, authcore.MailReset))}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.TrySignIn(t, bob, testflow.OtherPassword); err != nil {
		t.Errorf("after the reset: %v", err)
	}
}

func TestReset_PasswordIsCheckedBeforeAnythingIsSpent(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	forgot(t, e, bob)
	mail := e.Mail(t, bob, authcore.MailReset)
	for range 7 {
		for _, in := range []password.ResetInput{
			{Login: bob, OTP: mail.Code, NewPassword: "short"},
			{Token: testflow.Token(t, mail), NewPassword: "password1234"},
			{Token: testflow.Token(t, mail), NewPassword: bob}, // known to be the address only once the link is verified
		} {
			got := testflow.WantCode(t, reset(t, e, in), authcore.InvalidFields)
			if len(got.Fields.At("new_password")) == 0 {
				t.Errorf("fields %v", got.Fields)
			}
		}
		testflow.WantCode(t, reset(t, e, password.ResetInput{}), authcore.InvalidRequest)
		testflow.WantCode(t, reset(t, e, password.ResetInput{Token: "x", Login: bob, OTP: "1"}), authcore.InvalidRequest)
		testflow.WantCode(t, reset(t, e, password.ResetInput{OTP: mail.Code}), authcore.InvalidFields)
		testflow.WantCode(t, reset(t, e, password.ResetInput{Login: bob}), authcore.InvalidFields)
	}
	if err := reset(t, e, password.ResetInput{Login: bob, OTP: mail.Code}); err != nil {
		t.Errorf("the code after all that: %v", err)
	}
}

// By link and code one hears of every rule at once, as at sign-up, and not of the address only when the rest is right.
func TestL16_ProofNamesEveryRule(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	forgot(t, e, bob)
	mail := e.Mail(t, bob, authcore.MailReset)
	token := testflow.Token(t, mail)
	for _, bad := range []string{"bob", "bobby", "bob@example", bob} {
		_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: bob, Username: "bobby", FirstName: "Bob", Password: bad, Client: testflow.Client()})
		want := testflow.WantCode(t, err, authcore.InvalidFields).Fields.At("password")
		for what, in := range map[string]password.ResetInput{
			"the link": {Token: token, NewPassword: bad}, "the code": {Login: bob, OTP: mail.Code, NewPassword: bad}, "the code of a username": {Login: "bobby", OTP: mail.Code, NewPassword: bad},
		} {
			got := testflow.WantCode(t, reset(t, e, in), authcore.InvalidFields).Fields.At("new_password")
			if !slices.Equal(rulesOf(got), rulesOf(want)) {
				t.Errorf("%q: %s names %q, signing up %q", bad, what, got, want)
			}
		}
	}
	// What breaks a rule by the login beside the link alone is told, too.
	odd := password.ResetInput{Token: token, Login: "zebra stripes mount", NewPassword: "zebra stripes mount"}
	if got := testflow.WantCode(t, reset(t, e, odd), authcore.InvalidFields).Fields.At("new_password"); len(got) == 0 {
		t.Error("refused without a reason")
	}
	for what, in := range map[string]password.ResetInput{
		"a link that is none": {Token: "no link", NewPassword: "bob"}, "a wrong code": {Login: "bobby", OTP: "no code", NewPassword: "bob"},
	} {
		got := testflow.WantCode(t, reset(t, e, in), authcore.InvalidFields)
		if slices.ContainsFunc(got.Fields.At("new_password"), func(e authcore.FieldError) bool { return e.Rule == authcore.PasswordContext }) {
			t.Errorf("%s names %q", what, got.Fields)
		}
	}
	if err := reset(t, e, password.ResetInput{Token: token}); err != nil {
		t.Errorf("the link after all that: %v", err)
	}
}

// Else a bad password would let anybody try codes without end, and see by the rules that are named which is right.
func TestO01_WrongCodesBesideABadPasswordCount(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	for _, login := range []string{bob, "nobody@example.com"} {
		forgot(t, e, login)
		for range 5 {
			testflow.WantCode(t, reset(t, e, password.ResetInput{Login: login, OTP: "no code", NewPassword: "bob"}), authcore.InvalidFields)
		}
		testflow.WantCode(t, reset(t, e, password.ResetInput{Login: login, OTP: "no code"}), authcore.TooManyAttempts)
	}
}

func TestForgot_AnswersAlikeForEveryLogin(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	for range 9 { // R13: five mails an hour, the same answer
		for _, login := range []string{bob, "nobody@example.com", "nobody", "\xff", "a b c"} {
			forgot(t, e, login)
		}
		e.Clock.Advance(61 * time.Second)
	}
	var resets int
	for _, m := range e.Mails(t, bob) {
		if m.Kind == authcore.MailReset {
			resets++
		}
	}
	if resets != 4 { // the registration's mail was the first
		t.Errorf("%d mails, want 4", resets)
	}
	if n := len(e.Mails(t, "nobody@example.com")); n != 0 {
		t.Errorf("%d mails to an address without account", n)
	}
	testflow.WantCode(t, e.Password.Forgot(t.Context(), "  ", testflow.Client()), authcore.InvalidFields)
}

func TestO01_WrongResetCodesEndForKnownAndUnknownAlike(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	forgot(t, e, bob)
	forgot(t, e, "nobody@example.com")
	mail := e.Mail(t, bob, authcore.MailReset)
	wrong := "000000"
	if mail.Code == wrong {
		wrong = "000001"
	}
	for _, login := range []string{bob, "nobody@example.com", "never-asked@example.com"} {
		for range 5 {
			testflow.WantCode(t, reset(t, e, password.ResetInput{Login: login, OTP: wrong}), authcore.InvalidCode)
		}
		got := testflow.WantCode(t, reset(t, e, password.ResetInput{Login: login, OTP: wrong}), authcore.TooManyAttempts)
		if got.RetryAfter != time.Hour {
			t.Errorf("%s: Retry-After %s", login, got.RetryAfter)
		}
	}
	testflow.WantCode(t, reset(t, e, password.ResetInput{Login: "bobby", OTP: mail.Code}), authcore.TooManyAttempts)
	// Anybody can send wrong codes. That takes the link from nobody, neither this one nor the next.
	e.Clock.Advance(61 * time.Second)
	forgot(t, e, bob)
	next := e.Mail(t, bob, authcore.MailReset)
	testflow.WantCode(t, reset(t, e, password.ResetInput{Login: bob, OTP: next.Code}), authcore.TooManyAttempts)
	if err := reset(t, e, password.ResetInput{Token: testflow.Token(t, next)}); err != nil {
		t.Errorf("the link mailed after the wrong codes: %v", err)
	}
}

func TestO01_LinkOutlivesWrongCodes(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	forgot(t, e, bob)
	mail := e.Mail(t, bob, authcore.MailReset)
	for i := range 6 {
		code := "000000"
		if mail.Code == code {
			code = "000001"
		}
		err := reset(t, e, password.ResetInput{Login: bob, OTP: code})
		testflow.WantCode(t, err, []authcore.Code{authcore.InvalidCode, authcore.TooManyAttempts}[i/5])
	}
	if err := reset(t, e, password.ResetInput{Token: testflow.Token(t, mail)}); err != nil {
		t.Errorf("the link after the wrong codes: %v", err)
	}
}

func TestO12_CodesOfVerificationResetNothing(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	e.Register(t, signup.RegisterInput{Email: bob})
	verification := e.Mail(t, bob, authcore.MailVerify)
	testflow.WantCode(t, reset(t, e, password.ResetInput{Token: testflow.Token(t, verification)}), authcore.InvalidCode)
	testflow.WantCode(t, reset(t, e, password.ResetInput{Login: bob, OTP: verification.Code}), authcore.InvalidCode)
}

func TestO13_CodeOfOneAccountResetsNoOther(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: "eve@example.com"})
	forgot(t, e, bob)
	forgot(t, e, "eve@example.com")
	code := e.Mail(t, "eve@example.com", authcore.MailReset).Code
	for code == e.Mail(t, bob, authcore.MailReset).Code { // one time in a million
		e.Clock.Advance(61 * time.Second)
		forgot(t, e, bob)
	}
	testflow.WantCode(t, reset(t, e, password.ResetInput{Login: bob, OTP: code}), authcore.InvalidCode)
}

func TestO04_OneCodeResetsOnce(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	forgot(t, e, bob)
	token := testflow.Token(t, e.Mail(t, bob, authcore.MailReset))
	var won, lost int
	var mu sync.Mutex
	var wg sync.WaitGroup
	parallel := soak.N(100, 1000)
	for range parallel {
		wg.Go(func() {
			err := reset(t, e, password.ResetInput{Token: token})
			for authcore.CodeOf(err) == authcore.Unavailable && t.Context().Err() == nil {
				err = reset(t, e, password.ResetInput{Token: token}) // a busy store changed nothing: clients are told to repeat
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case authcore.CodeOf(err) == authcore.InvalidCode:
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

func TestReset_ProvesAnOpenAccountsAddressAndDropsWhatWasPlanted(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	e.Register(t, signup.RegisterInput{Email: bob, Username: "planted", FirstName: "Planted"})
	e.Clock.Advance(2 * time.Minute)
	forgot(t, e, bob)
	mail := e.Mail(t, bob, authcore.MailReset)
	if mail.Name != "" {
		t.Errorf("the mail greets with %q, which a stranger chose", mail.Name)
	}
	if err := reset(t, e, password.ResetInput{Token: testflow.Token(t, mail)}); err != nil {
		t.Fatal(err)
	}
	tokens, err := e.TrySignIn(t, bob, testflow.OtherPassword)
	if a := tokens.Account; err != nil || !a.EmailVerified() || a.Username != "" || a.FirstName != "" {
		t.Errorf("%v, account %+v", err, a)
	}
}

func TestForgot_OnlyListedKindsRecover(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{Identities: []authcore.IdentifierKind{authcore.KindEmail}})
	forgot(t, e, "bobby")
	for _, m := range e.Mails(t, bob) {
		if m.Kind == authcore.MailReset {
			t.Error("a username that does not sign in recovers")
		}
	}
}

// What is not written cannot take time: the effects that are committed are as many and as large for every login.
func TestL02_ForgotLeavesAsMuchBehindForEveryLogin(t *testing.T) {
	t.Parallel()
	e, tokens := person(t, testflow.Options{})
	e.Clock.Advance(2 * time.Hour)
	seen := &effects{Store: e.Store}
	f := flow(t, e, seen)
	for login, account := range map[string]uuid.UUID{bob: tokens.Account.ID, "nobody@example.com": {}, "nobody": {}, "\xff": {}} {
		if err := f.Forgot(t.Context(), login, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		fx := seen.last
		if len(fx.Events) != 1 || fx.Events[0].Kind != authcore.EventResetRequested || fx.Events[0].AccountID != account {
			t.Errorf("%q: events %+v, want one of account %s", login, fx.Events, account)
		}
		if len(fx.Mails) != 1 || fx.Mails[0].Kind != authcore.MailReset || fx.Mails[0].Dummy != (account == uuid.Nil) || len(fx.Mails[0].Sealed) < 300 {
			t.Errorf("%q: %d mails, want one in full, a dummy where there is no account", login, len(fx.Mails))
		}
	}
}

// effects is a store that remembers what was last committed with a challenge.
type effects struct {
	password.Store
	last authcore.Effects
}

func (s *effects) IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error {
	s.last = fx
	return s.Store.IssueChallenge(ctx, ch, fx)
}

func rulesOf(broken authcore.FieldErrors) (rules []authcore.Rule) {
	for _, e := range broken {
		rules = append(rules, e.Rule)
	}
	return rules
}
