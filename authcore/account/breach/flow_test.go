package breach_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/breach"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ada = "ada@example.com"

// breached is an environment with a person whose password becomes known after it was chosen.
type breached struct {
	*testflow.Env
	account uuid.UUID
	mu      sync.Mutex
	known   map[string]bool
	at      breach.AtLogin
}

func newBreached(t *testing.T, at breach.AtLogin) *breached {
	t.Helper()
	b := &breached{known: map[string]bool{}, at: at}
	b.Env = testflow.New(t, testflow.Options{
		Breached: func(p string) bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.known[p]
		},
		BreachedAtLogin: func() breach.AtLogin {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.at
		},
	})
	b.account = b.Person(t, signup.RegisterInput{Email: ada, Username: "ada"}).Account.ID
	b.set(func() { b.known[testflow.Password] = true })
	return b
}

func (b *breached) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *breached) mails(t *testing.T, kind authcore.MailKind) (n int) {
	t.Helper()
	for _, m := range b.Mails(t, ada) {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

// events are how many password.breached of the account ended with a result.
func (b *breached) events(t *testing.T, result string) (n int) {
	t.Helper()
	page, err := b.History.Events(t.Context(), b.account, history.Events{Page: history.Page{Limit: 100}, Kind: authcore.EventPasswordBreached})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		if e.Result == result {
			n++
		}
	}
	return n
}

// TestL16_BreachedAtSignIn_Notify: the owner is told once for a password, however often and wherever it signs in, and gets in.
func TestL16_BreachedAtSignIn_Notify(t *testing.T) {
	t.Parallel()
	b := newBreached(t, breach.Off)
	sign := func(password string) {
		t.Helper()
		if _, err := b.TrySignIn(t, ada, password); err != nil {
			t.Fatal(err)
		}
	}
	sign(testflow.Password)
	if n := b.mails(t, authcore.MailPasswordBreached); n != 0 {
		t.Errorf("off: %d mails", n)
	}
	b.set(func() { b.at = breach.Notify }) // while it runs
	if _, err := b.TrySignIn(t, ada, "wrong"); err == nil || b.mails(t, authcore.MailPasswordBreached) != 0 {
		t.Errorf("a wrong password: %v", err)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { sign(testflow.Password) })
	}
	all.Wait()
	if n, events := b.mails(t, authcore.MailPasswordBreached), b.events(t, "success"); n != 1 || events != 1 {
		t.Errorf("%d mails and %d events, want one each", n, events)
	}

	const second = "seven wet owls guard 9 violins"
	if err := b.Password.Change(t.Context(), password.ChangeInput{AccountID: b.account, Current: testflow.Password, New: second, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	sign(second)
	if n := b.mails(t, authcore.MailPasswordBreached); n != 1 {
		t.Errorf("%d mails after a good password was set", n)
	}
	b.set(func() { b.known[second] = true })
	sign(second)
	if n := b.mails(t, authcore.MailPasswordBreached); n != 2 {
		t.Errorf("%d mails after another one is known, want 2", n)
	}
}

// TestL16_BreachedAtSignIn_Reset: whoever knows only what a breach has told does not get in; the owner gets a reset, no more often than a
// forgotten password would, and its code works.
func TestL16_BreachedAtSignIn_Reset(t *testing.T) {
	t.Parallel()
	b := newBreached(t, breach.Reset)
	testflow.WantCode(t, wrong(b.TrySignIn(t, ada, "wrong")), authcore.InvalidCredentials)
	b.Clock.Advance(2 * time.Minute)
	for range 3 {
		testflow.WantCode(t, wrong(b.TrySignIn(t, "ada", testflow.Password)), authcore.PasswordResetRequired)
	}
	if resets, told, events := b.mails(t, authcore.MailReset), b.mails(t, authcore.MailPasswordBreached), b.events(t, string(authcore.PasswordResetRequired)); resets != 1 ||
		told != 0 || events != 3 {
		t.Errorf("%d resets, %d other mails, %d events, want 1, 0, 3", resets, told, events)
	}
	const fresh = "seven wet owls guard 9 violins"
	reset := password.ResetInput{Login: ada, OTP: b.Mail(t, ada, authcore.MailReset).Code, NewPassword: testflow.Password, Client: testflow.Client()}
	testflow.WantCode(t, b.Password.Reset(t.Context(), reset), authcore.InvalidFields)
	reset.NewPassword = fresh
	if err := b.Password.Reset(t.Context(), reset); err != nil {
		t.Fatal(err)
	}
	if _, err := b.TrySignIn(t, ada, fresh); err != nil {
		t.Error(err)
	}
}

// An account that no reset can reach would be locked out for ever.
func TestReset_LetsInWhomNoResetReaches(t *testing.T) {
	t.Parallel()
	b := newBreached(t, breach.Reset)
	a, err := b.Store.AccountByID(t.Context(), b.account)
	if err != nil {
		t.Fatal(err)
	}
	a.Email, a.EmailVerifiedAt = "", time.Time{}
	for range 2 {
		if err := b.Breach.SignIn(t.Context(), a, testflow.Password, testflow.Client()); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.events(t, "success"); n != 1 || b.mails(t, authcore.MailReset) != 0 {
		t.Errorf("%d events", n)
	}
}

func wrong[T any](_ T, err error) error { return err }
