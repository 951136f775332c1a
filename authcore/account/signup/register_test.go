package signup_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const bob = "bob@example.com"

func TestRegister_MakesTheAccountOnlyOnceTheAddressIsProven(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	done := e.Register(t, signup.RegisterInput{
		Email: " Bob@Example.com", Username: "Bobby", FirstName: "Bob", LastName: "Ross", Phone: "+43 1 2345678",
	})
	if done.Account != nil || done.Proof == "" || done.ExpiresIn != 10*time.Minute {
		t.Fatalf("got account %v, proof of %d bytes, expiry %s", done.Account, len(done.Proof), done.ExpiresIn)
	}
	_, err := e.TrySignIn(t, bob, testflow.Password)
	testflow.WantCode(t, err, authcore.AccountNotVerified)

	mail := e.Mail(t, bob, authcore.MailVerify)
	if !strings.HasPrefix(mail.Link, "https://auth.example.com/auth/verify?token=") || mail.Name != "" {
		t.Errorf("link %q, greeting %q: want the portal's verify page and no name a stranger could have chosen", mail.Link, mail.Name)
	}
	if mail.Device != "Firefox, Linux" || mail.Addr != "192.0.2.7" || mail.Expiry != 10*time.Minute {
		t.Errorf("mail tells device %q, address %q, expiry %s", mail.Device, mail.Addr, mail.Expiry)
	}
	tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Email: bob, OTP: mail.Code, Proof: done.Proof, Request: testflow.Request()}))
	if err != nil {
		t.Fatal(err)
	}
	a := tokens.Account
	if a.Email != bob || !a.EmailVerified() || a.Username != "bobby" || a.FirstName != "Bob" || a.LastName != "Ross" || a.Phone != "+4312345678" {
		t.Errorf("account %+v", a)
	}
	if a.ID.Version() != 4 {
		t.Errorf("account id has version %d; a time in it would tell when the account was made", a.ID.Version())
	}
	if _, err := e.TrySignIn(t, "bobby", testflow.Password); err != nil {
		t.Errorf("sign in by username: %v", err)
	}
}

func TestL21_RegistrationGivesNoRights(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	a := e.Person(t, signup.RegisterInput{Email: bob}).Account
	if len(a.Roles) != 0 || a.Disabled() || a.Epoch != 0 && a.Epoch != 1 {
		t.Errorf("a new account has roles %v, epoch %d", a.Roles, a.Epoch)
	}
}

func TestL04_KnownAddressLooksLikeAnUnknownOne(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob})
	e.Clock.Advance(time.Hour)

	known := e.Register(t, signup.RegisterInput{Email: bob, Password: testflow.OtherPassword})
	unknown := e.Register(t, signup.RegisterInput{Email: "new@example.com", Password: testflow.OtherPassword})
	if known.Account != nil || unknown.Account != nil || len(known.Proof) != len(unknown.Proof) || known.ExpiresIn != unknown.ExpiresIn {
		t.Errorf("answers differ: %+v and %+v", known, unknown)
	}
	mail := e.Mail(t, bob, authcore.MailAccountExists)
	if mail.Code != "" || strings.Contains(mail.Link, "token=") {
		t.Error("the mail to the owner of an account carries a code")
	}
	for _, address := range []string{bob, "new@example.com"} {
		_, err := e.SignUp.Verify(t.Context(), signup.VerifyInput{Email: address, OTP: "000000", Proof: known.Proof, Request: testflow.Request()})
		testflow.WantCode(t, err, authcore.InvalidCode)
	}
	if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
		t.Errorf("the owner's password: %v", err)
	}
}

func TestI05_RegisterNamesEveryBrokenRule(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob, Username: "bobby"})
	_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{
		Email: "no address", Password: "password1234", Username: "b\x00b", FirstName: "a\r\nBcc: x", LastName: "\xff", Phone: "123",
		Client: testflow.Client(),
	})
	got := testflow.WantCode(t, err, authcore.InvalidFields).Fields
	for _, field := range []string{"email", "password", "username", "first_name", "last_name", "phone"} {
		if len(got.At(field)) == 0 {
			t.Errorf("nothing said of %s", field)
		}
	}
	_, err = e.SignUp.Register(t.Context(), signup.RegisterInput{
		Email: "new@example.com", Password: testflow.Password, Username: "BOBBY", Client: testflow.Client(),
	})
	if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got) != 1 || got[0].Rule != authcore.UsernameTaken || got[0].Field != "username" {
		t.Errorf("a taken username gave %v", got)
	}
}

func TestL16_PasswordOfRegistrationIsNotTheAddressOrName(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	for _, password := range []string{"", "short", "bartholomew.simpson", "password1234", "a\xffbcdefghijkl"} {
		_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{
			Email: "bartholomew.simpson@example.com", Password: password, Client: testflow.Client(),
		})
		if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got) == 0 || len(got.At("password")) != len(got) {
			t.Errorf("password %q gave %v", password, got)
		}
	}
}

// Refused by its length alone: normalising it would write megabytes, as hashing does. It does not run beside the other
// tests of the package.
func TestD03_GiantPasswordIsRefusedUnhashed(t *testing.T) {
	e := testflow.New(t, testflow.Options{Hash: passhash.Config{Params: passhash.Params{MemoryKiB: 1 << 10, Time: 1, Threads: 1}}})
	giant := strings.Repeat("e\u0301", 3<<20) // not in normal form
	for _, f := range []func() error{
		func() error {
			_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: bob, Password: giant, Client: testflow.Client()})
			return err
		},
		func() error {
			_, err := e.SignUp.Verify(t.Context(), signup.VerifyInput{Email: bob, OTP: "123456", NewPassword: giant, Request: testflow.Request()})
			return err
		},
	} {
		var before, after runtime.MemStats
		used := testflow.CPU(t)
		runtime.ReadMemStats(&before)
		err := f()
		runtime.ReadMemStats(&after)
		used = testflow.CPU(t) - used
		testflow.WantCode(t, err, authcore.InvalidFields)
		if wrote := after.TotalAlloc - before.TotalAlloc; wrote > 256<<10 || used > 20*time.Millisecond {
			t.Errorf("refusing %d bytes took %d bytes of memory and %s of work", len(giant), wrote, used)
		}
	}
}

func TestRegister_ModesOfSignup(t *testing.T) {
	t.Parallel()
	closed := testflow.New(t, testflow.Options{Mode: signup.Closed})
	_, err := closed.SignUp.Register(t.Context(), signup.RegisterInput{Email: bob, Password: testflow.Password, Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.SignupClosed)

	open := testflow.New(t, testflow.Options{Mode: signup.Open})
	done := open.Register(t, signup.RegisterInput{Email: bob, Username: "bobby"})
	if done.Account == nil || done.Account.EmailVerified() || done.Proof == "" || !done.Sent {
		t.Fatalf("signup open gave %+v", done)
	}
	if tokens, err := open.TrySignIn(t, "bobby", testflow.Password); err != nil || tokens.Principal.Email != "" {
		t.Errorf("sign in: %v, e-mail in the token %q; an unverified one must not be there", err, tokens.Principal.Email)
	}
	for _, in := range []signup.RegisterInput{{Email: bob}, {Email: "x@example.com", Username: "Bobby"}} {
		in.Password, in.Client = testflow.Password, testflow.Client()
		_, err := open.SignUp.Register(t.Context(), in)
		if got := testflow.WantCode(t, err, authcore.Conflict); len(got.Fields) != 1 {
			t.Errorf("conflict names %v", got.Fields)
		}
	}
	code := open.Mail(t, bob, authcore.MailVerify).Code
	tokens, err := testflow.Tokens(open.SignUp.Verify(t.Context(), signup.VerifyInput{
		Email: bob, OTP: code, Password: testflow.Password, Request: testflow.Request(),
	}))
	if err != nil || tokens.Account.ID != done.Account.ID || !tokens.Account.EmailVerified() || tokens.Account.Username != "bobby" {
		t.Errorf("verify own account: %v, %+v", err, tokens.Account)
	}
}

func TestRegister_MailsAreLimitedAndTheLiveCodeStays(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Register(t, signup.RegisterInput{Email: bob})
	for range 30 {
		e.Register(t, signup.RegisterInput{Email: bob, Password: testflow.OtherPassword})
	}
	if n := len(e.Mails(t, bob)); n != 1 {
		t.Fatalf("31 registrations at once sent %d mails, want 1", n)
	}
	waiting, err := e.Store.Registrations(t.Context(), bob, e.Clock.Now())
	if err != nil || len(waiting) != 10 {
		t.Fatalf("%d registrations wait (%v), want the newest 10", len(waiting), err)
	}
	token := testflow.Token(t, e.Mail(t, bob, authcore.MailVerify))
	_, err = e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: token, Proof: first.Proof, Request: testflow.Request()})
	testflow.WantCode(t, err, authcore.RegistrationProofRequired) // pushed out by newer ones
	last := e.Register(t, signup.RegisterInput{Email: bob})
	if _, err := e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: token, Proof: last.Proof, Request: testflow.Request()}); err != nil {
		t.Errorf("the first mail's link with the latest registration: %v", err)
	}
}

func TestRegister_AtMostFiveMailsAnHour(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitMail: {Count: 5, Window: time.Hour}}})
	for range 9 {
		e.Register(t, signup.RegisterInput{Email: bob})
		e.Clock.Advance(61 * time.Second)
	}
	if n := len(e.Mails(t, bob)); n != 5 {
		t.Errorf("%d mails within the hour, want 5", n)
	}
}

// Who is told to try again gets a mail then: what could not be written has cost nothing of the budget of mails.
func TestRegister_FailedWriteCostsNoMail(t *testing.T) {
	t.Parallel()
	for mode, address := range map[signup.Mode]string{signup.Verified: bob, signup.Open: "open@example.com"} {
		e := testflow.New(t, testflow.Options{Mode: mode, Rates: map[string]ratelimit.Rate{authcore.LimitMail: {Count: 1, Window: time.Hour}}})
		if mode == signup.Open {
			e.Register(t, signup.RegisterInput{Email: address})
			e.Clock.Advance(2 * time.Hour)
		}
		before := len(e.Mails(t, address))
		store := &failing{Store: e.Store, down: true}
		f, err := signup.New(signup.Config{Invitations: e.Invite, Notices: e.Notices,
			Store: store, Hasher: e.Hasher, Policy: e.Policy, Challenges: e.Challenges, Steps: e.Steps,
			Settings: signup.Settings{Mode: tuning.Always(mode), Identities: []authcore.IdentifierKind{authcore.KindEmail}},
			Salt:     func(string) []byte { return make([]byte, 16) }, Now: e.Clock.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		ask := func() error {
			if mode == signup.Open {
				return f.Resend(t.Context(), signup.ResendInput{Email: address, Client: testflow.Client()})
			}
			_, err := f.Register(t.Context(), signup.RegisterInput{Email: address, Password: testflow.Password, Client: testflow.Client()})
			return err
		}
		for range 3 {
			if err := ask(); !errors.Is(err, authcore.ErrUnavailable) {
				t.Fatalf("signup %s, a store that is away: %v", mode, err)
			}
		}
		store.down = false
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		if got := len(e.Mails(t, address)) - before; got != 1 {
			t.Errorf("signup %s: %d mails went out once the store was back, want 1", mode, got)
		}
	}
}

// failing is a store that cannot write while it is down.
type failing struct {
	signup.Store
	down bool
}

func (s *failing) SaveRegistration(ctx context.Context, r authcore.Registration, keep int, ch *authcore.Challenge, fx authcore.Effects) error {
	if s.down {
		return authcore.ErrUnavailable
	}
	return s.Store.SaveRegistration(ctx, r, keep, ch, fx)
}

func (s *failing) IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error {
	if s.down {
		return authcore.ErrUnavailable
	}
	return s.Store.IssueChallenge(ctx, ch, fx)
}
