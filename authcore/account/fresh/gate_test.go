package fresh_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const address = "ada@example.com"

// who is what the access token of a session says.
func who(s authcore.Session) *authcore.Principal {
	return &authcore.Principal{AccountID: s.AccountID, SessionID: s.ID, AMR: s.AMR, AuthTime: s.AuthTime}
}

// env is a node where nobody is locked out at sign-in, but for tests that say otherwise.
func env(t *testing.T, o testflow.Options) (*testflow.Env, session.Tokens) {
	t.Helper()
	e := testflow.New(t, o)
	return e, e.Person(t, signup.RegisterInput{Email: address})
}

func prove(t *testing.T, e *testflow.Env, p *authcore.Principal, password string) error {
	t.Helper()
	return e.Fresh.Check(t.Context(), p, fresh.Proof{Password: password}, testflow.Client())
}

func TestCheck_RecentSignIn(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{})
	e.Clock.Advance(10 * time.Minute)
	if err := prove(t, e, who(mine.Session), ""); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Second)
	refusal := testflow.WantCode(t, prove(t, e, who(mine.Session), ""), authcore.ReauthenticationRequired)
	if refusal.MaxAge != 10*time.Minute {
		t.Errorf("max age %v", refusal.MaxAge)
	}
	// Renewing a session is no sign-in.
	renewed, err := e.Sessions.Refresh(t.Context(), mine.Refresh, authcore.ModeBearer, testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, prove(t, e, who(renewed.Session), ""), authcore.ReauthenticationRequired)
	if err := prove(t, e, who(mine.Session), testflow.Password); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, prove(t, e, who(mine.Session), ""), authcore.ReauthenticationRequired) // it was good for that call alone
}

// A wrong proof is refused in a fresh session as well; a code without two-factor authentication is no matter.
func TestCheck_ProofIsAlwaysChecked(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{})
	testflow.WantCode(t, prove(t, e, who(mine.Session), "wrong"), authcore.InvalidCredentials)
	if err := e.Fresh.Check(t.Context(), who(mine.Session), fresh.Proof{OTP: "000000"}, testflow.Client()); err != nil {
		t.Error(err)
	}
	testflow.WantCode(t, prove(t, e, &authcore.Principal{AccountID: uuid.New(), SessionID: mine.Session.ID}, testflow.Password), authcore.InvalidToken)
	testflow.WantCode(t, prove(t, e, &authcore.Principal{AccountID: mine.Account.ID, SessionID: uuid.New()}, testflow.Password), authcore.InvalidToken)
}

// A stolen session is closed to guesses after five, for as long as it lives and whether they come at once or not; the owner's
// next sign-in is not.
func TestCheck_StolenSessionGuesses(t *testing.T) {
	t.Parallel()
	e, stolen := env(t, testflow.Options{Lockout: lockout.Policy{Failures: 100}})
	var wrong, closed atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			switch authcore.CodeOf(prove(t, e, who(stolen.Session), "wrong")) {
			case authcore.InvalidCredentials:
				wrong.Add(1)
			case authcore.ReauthenticationRequired:
				closed.Add(1)
			}
		})
	}
	all.Wait()
	if wrong.Load() != 5 || closed.Load() != 95 {
		t.Errorf("%d guesses were tried, %d refused unchecked", wrong.Load(), closed.Load())
	}
	for _, later := range []time.Duration{0, 16 * time.Minute, 80 * 24 * time.Hour} {
		e.Clock.Advance(later)
		testflow.WantCode(t, prove(t, e, who(stolen.Session), testflow.Password), authcore.ReauthenticationRequired)
	}
	again, err := e.TrySignIn(t, address, testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	if err := prove(t, e, who(again.Session), testflow.Password); err != nil {
		t.Error(err)
	}
}

// Child sessions share the guesses of their parent: else every hand-over would give five more.
func TestCheck_ChildSessionsShareGuesses(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{Lockout: lockout.Policy{Failures: 100}})
	child := child(t, e, mine)
	for i := range 5 {
		of := []authcore.Session{mine.Session, child}[i%2]
		testflow.WantCode(t, prove(t, e, who(of), "wrong"), authcore.InvalidCredentials)
	}
	testflow.WantCode(t, prove(t, e, who(child), testflow.Password), authcore.ReauthenticationRequired)
	testflow.WantCode(t, prove(t, e, who(mine.Session), testflow.Password), authcore.ReauthenticationRequired)
}

// Wrong proofs lock the password at sign-in; a lock, whoever caused it, does not keep the owner from proving themselves (L09).
func TestCheck_Lockout(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{})
	other, err := e.TrySignIn(t, address, testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		testflow.WantCode(t, prove(t, e, who(mine.Session), "wrong"), authcore.InvalidCredentials)
	}
	_, err = e.TrySignIn(t, address, testflow.Password)
	testflow.WantCode(t, err, authcore.AccountLocked)
	if err := prove(t, e, who(other.Session), testflow.Password); err != nil {
		t.Error(err)
	}
}

// broken counts nothing.
type broken struct{ attempt.Lockouts }

func (broken) Begin(context.Context, string) (attempt.Attempt, time.Duration, error) {
	return nil, 0, authcore.ErrUnavailable
}

func (broken) Fail(context.Context, string) (bool, error) { return false, authcore.ErrUnavailable }

// Guesses that cannot be counted are not taken.
func TestCheck_FailsClosed(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{})
	for name, cfg := range map[string]fresh.Config{
		"session": {Lockouts: e.Lockouts, Sessions: broken{}}, "account": {Lockouts: broken{}, Sessions: e.Proofs},
	} {
		cfg.Store, cfg.Hasher, cfg.Policy, cfg.Steps, cfg.Owners, cfg.Now = e.Store, e.Hasher, e.Policy, e.Steps, e.Notices, e.Clock.Now
		gate, err := fresh.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = gate.Check(t.Context(), who(mine.Session), fresh.Proof{Password: "wrong"}, testflow.Client())
		if !errors.Is(err, authcore.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// child hands the browser of mine over to another host.
func child(t *testing.T, e *testflow.Env, mine session.Tokens) authcore.Session {
	t.Helper()
	const app = "https://app.example.com"
	verifier := handover.NewVerifier()
	code, err := e.Handover.Issue(t.Context(), &mine.Principal, app, e.Handover.Ask(handover.AskInput{Origin: app, Challenge: handover.Challenge(verifier)}))
	if err != nil {
		t.Fatal(err)
	}
	c := testflow.Client()
	c.Origin = app
	got, err := e.Handover.Redeem(t.Context(), handover.RedeemInput{Code: code, Verifier: verifier, Origin: app}, c)
	if err != nil {
		t.Fatal(err)
	}
	return got.Session
}
