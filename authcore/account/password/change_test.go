package password_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const address = "ada@example.com"

func change(e *testflow.Env, t *testing.T, id uuid.UUID, current, next string) error {
	t.Helper()
	return e.Password.Change(t.Context(), password.ChangeInput{AccountID: id, Current: current, New: next, Client: testflow.Client()})
}

func TestChange_EndsEverySession(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	mine := e.Person(t, signup.RegisterInput{Email: address})
	other, err := e.TrySignIn(t, address, testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Password.Forgot(t.Context(), address, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if err := change(e, t, mine.Account.ID, testflow.Password, testflow.OtherPassword); err != nil {
		t.Fatal(err)
	}
	for _, tokens := range []struct{ session, account uuid.UUID }{{mine.Session.ID, mine.Account.ID}, {other.Session.ID, mine.Account.ID}} {
		if v := e.Revoked.Check(tokens.session, tokens.account, mine.Account.Epoch, 0); v != authcore.Revoked {
			t.Errorf("an access token is still good: %v", v)
		}
	}
	_, err = e.Sessions.Refresh(t.Context(), other.Refresh, authcore.ModeBearer, testflow.Client())
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	_, err = e.TrySignIn(t, address, testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	if _, err := e.TrySignIn(t, address, testflow.OtherPassword); err != nil {
		t.Fatal(err)
	}
	if m := e.Mail(t, address, authcore.MailPasswordReset); m.Code != "" {
		t.Error("the notice carries a code")
	}
	// A link that was under way is dead.
	token := testflow.Token(t, e.Mail(t, address, authcore.MailReset))
	if _, err := e.Challenges.Prove(t.Context(), authcore.PurposeResetPassword, challenge.Credentials{Token: token}); authcore.CodeOf(err) != authcore.InvalidCode {
		t.Errorf("got %v", err)
	}
}

func TestChange_Refusals(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	id := e.Person(t, signup.RegisterInput{Email: address, FirstName: "Ada", LastName: "Lovelace"}).Account.ID
	testflow.WantCode(t, change(e, t, id, "wrong", testflow.OtherPassword), authcore.InvalidCredentials)
	for _, weak := range []string{"", "short", "ada lovelace", "password1234"} {
		refusal := testflow.WantCode(t, change(e, t, id, testflow.Password, weak), authcore.InvalidFields)
		if len(refusal.Fields.At("new_password")) == 0 {
			t.Errorf("%q: %v", weak, refusal.Fields)
		}
	}
	refusal := testflow.WantCode(t, change(e, t, id, "", testflow.OtherPassword), authcore.InvalidFields)
	if len(refusal.Fields.At("current_password")) == 0 {
		t.Errorf("got %v", refusal.Fields)
	}
	testflow.WantCode(t, change(e, t, uuid.New(), testflow.Password, testflow.OtherPassword), authcore.InvalidToken)
	if _, err := e.TrySignIn(t, address, testflow.Password); err != nil {
		t.Errorf("a refused change changed something: %v", err)
	}
	if _, err := password.New(password.Config{}); err == nil {
		t.Error("a flow without anything is made")
	}
}

// A stolen session must not be a way to guess the password: tries count with the sign-ins of the account.
func TestL08_TriesToChangeAreCountedAsSignIns(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Lockout: lockout.Policy{Failures: 3}})
	id := e.Person(t, signup.RegisterInput{Email: address}).Account.ID
	for range 2 {
		testflow.WantCode(t, change(e, t, id, "wrong", testflow.OtherPassword), authcore.InvalidCredentials)
	}
	_, err := e.TrySignIn(t, address, "wrong")
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	locked := testflow.WantCode(t, change(e, t, id, testflow.Password, testflow.OtherPassword), authcore.AccountLocked)
	if locked.RetryAfter <= 0 {
		t.Errorf("got %v", locked)
	}
	_, err = e.TrySignIn(t, address, testflow.Password)
	testflow.WantCode(t, err, authcore.AccountLocked)
	e.Clock.Advance(2 * time.Minute)
	if err := change(e, t, id, testflow.Password, testflow.OtherPassword); err != nil {
		t.Fatal(err)
	}
}

func TestChange_OneOfManyWins(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Lockout: lockout.Policy{Off: true}})
	id := e.Person(t, signup.RegisterInput{Email: address}).Account.ID
	results := make(chan error)
	for range 8 {
		go func() { results <- change(e, t, id, testflow.Password, testflow.OtherPassword) }()
	}
	won := 0
	for range 8 {
		if err := <-results; err == nil {
			won++
		} else if code := authcore.CodeOf(err); code != authcore.InvalidCredentials && code != authcore.Unavailable {
			t.Errorf("got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

func TestChange_StoreAway(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	id := e.Person(t, signup.RegisterInput{Email: address}).Account.ID
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := e.Password.Change(ctx, password.ChangeInput{AccountID: id, Current: testflow.Password, New: testflow.OtherPassword})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_ = e.Store.Close()
	if err := change(e, t, id, testflow.Password, testflow.OtherPassword); authcore.CodeOf(err) != authcore.Unavailable {
		t.Errorf("got %v", err)
	}
}
