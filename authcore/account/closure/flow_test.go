package closure_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ada = "ada@example.com"

func leave(t *testing.T, e *testflow.Env, account uuid.UUID) error {
	t.Helper()
	_, err := e.Closure.Delete(t.Context(), account, testflow.Client())
	return err
}

// An account that is deleted is good for nothing from then on: no token, no code, no link, no password.
func TestS08_DeletedAccountIsOut(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	tokens := e.Person(t, signup.RegisterInput{Email: ada, Username: "ada"})
	if err := e.Password.Forgot(t.Context(), ada, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	reset := e.Mail(t, ada, authcore.MailReset)
	if _, err := e.Closure.Delete(t.Context(), tokens.Account.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	p := tokens.Principal
	if v := e.Revoked.Check(p.SessionID, p.AccountID, p.Epoch, p.RolesVersion); v != authcore.Revoked {
		t.Error("the access token passes on this node")
	}
	_, err := e.Sessions.Refresh(t.Context(), tokens.Refresh, authcore.ModeBearer, testflow.Client())
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	for _, login := range []string{ada, "ada"} {
		_, err = e.TrySignIn(t, login, testflow.Password)
		testflow.WantCode(t, err, authcore.InvalidCredentials)
	}
	testflow.WantCode(t, e.Password.Reset(t.Context(), password.ResetInput{Token: testflow.Token(t, reset), NewPassword: testflow.OtherPassword, Client: testflow.Client()}), authcore.InvalidCode)
	testflow.WantCode(t, leave(t, e, tokens.Account.ID), authcore.InvalidToken)
	farewell := e.Mail(t, ada, authcore.MailAccountDeleted)
	if farewell.Link != "" || farewell.Addr != "192.0.2.7" {
		t.Errorf("the farewell is %+v", farewell)
	}
}

// Who comes back is somebody new: another id, and another username.
func TestDelete_TheAddressIsFreeAndTheUsernameIsNot(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]signup.Mode{"verified": signup.Verified, "open": signup.Open} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testflow.New(t, testflow.Options{Mode: mode})
			var former uuid.UUID
			if mode == signup.Open {
				former = e.Register(t, signup.RegisterInput{Email: ada, Username: "ada"}).Account.ID
			} else {
				former = e.Person(t, signup.RegisterInput{Email: ada, Username: "ada"}).Account.ID
			}
			if _, err := e.Closure.Delete(t.Context(), former, testflow.Client()); err != nil {
				t.Fatal(err)
			}
			_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: ada, Username: "ADA", Password: testflow.Password, Client: testflow.Client()})
			if mode == signup.Open {
				testflow.WantCode(t, err, authcore.Conflict)
				if again := e.Register(t, signup.RegisterInput{Email: ada}).Account; again.ID == former {
					t.Error("the id is the former owner's")
				}
				return
			}
			testflow.WantCode(t, err, authcore.InvalidFields)
			again := e.Person(t, signup.RegisterInput{Email: ada})
			if again.Account.ID == former || !again.Account.EmailReused {
				t.Errorf("the account is %+v, was %s", again.Account, former)
			}
		})
	}
}

// A farewell to an address that was only claimed would be a mail from a stranger, by our hand.
func TestDelete_NoFarewellToAClaimedAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	account := e.Register(t, signup.RegisterInput{Email: ada}).Account
	if _, err := e.Closure.Delete(t.Context(), account.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	for _, m := range e.Mails(t, ada) {
		if m.Kind == authcore.MailAccountDeleted {
			t.Error("a farewell went to an address that nobody has verified")
		}
	}
}

func TestDelete_TheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	admin := authcore.Account{ID: uuid.New(), Email: ada, EmailVerifiedAt: e.Clock.Now(), Roles: []string{"admin"}, CreatedAt: e.Clock.Now(), UpdatedAt: e.Clock.Now()}
	if err := e.Store.CreateAccount(t.Context(), admin, nil, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, leave(t, e, admin.ID), authcore.LastAdmin)
}

const grace = 30 * 24 * time.Hour

// scheduled is an account whose deletion waits, and the mail about it.
func scheduled(t *testing.T) (*testflow.Env, session.Tokens, authcore.Message) {
	t.Helper()
	e := testflow.New(t, testflow.Options{DeletionGrace: grace})
	tokens := e.Person(t, signup.RegisterInput{Email: ada, Username: "ada"})
	at, err := e.Closure.Delete(t.Context(), tokens.Account.ID, testflow.Client())
	if err != nil || !at.Equal(e.Clock.Now().Add(grace)) {
		t.Fatalf("it is deleted at %v (%v)", at, err)
	}
	return e, tokens, e.Mail(t, ada, authcore.MailDeletionScheduled)
}

func due(t *testing.T, e *testflow.Env, want int) {
	t.Helper()
	if n, err := e.Closure.DeleteDue(t.Context()); err != nil || n != want {
		t.Errorf("%d accounts were deleted (%v), want %d", n, err, want)
	}
}

// While a deletion waits the account is as disabled; then it is gone.
func TestS08_AccountThatWaitsForItsDeletionIsOut(t *testing.T) {
	t.Parallel()
	e, tokens, mail := scheduled(t)
	p := tokens.Principal
	if v := e.Revoked.Check(p.SessionID, p.AccountID, p.Epoch, p.RolesVersion); v != authcore.Revoked {
		t.Error("the access token passes on this node")
	}
	_, err := e.Sessions.Refresh(t.Context(), tokens.Refresh, authcore.ModeBearer, testflow.Client())
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	_, err = e.TrySignIn(t, ada, testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	testflow.WantCode(t, leave(t, e, p.AccountID), authcore.InvalidToken)
	e.Clock.Advance(grace - time.Second)
	due(t, e, 0)
	e.Clock.Advance(time.Second)
	due(t, e, 1)
	due(t, e, 0)
	e.Mail(t, ada, authcore.MailAccountDeleted)
	testflow.WantCode(t, e.Closure.Restore(t.Context(), testflow.Token(t, mail), testflow.Client()), authcore.InvalidCode)
}

func TestRestore(t *testing.T) {
	t.Parallel()
	e, tokens, mail := scheduled(t)
	if !strings.HasPrefix(mail.Link, "https://auth.example.com/auth/restore?token=") || mail.LinkExpiry != grace ||
		!strings.HasPrefix(mail.NotMe, "https://auth.example.com/auth/secure?token=") {
		t.Errorf("the mail is %+v", mail)
	}
	token := testflow.Token(t, mail)
	for _, wrong := range []string{"", "x", token + "x", tokens.Refresh} {
		testflow.WantCode(t, e.Closure.Restore(t.Context(), wrong, testflow.Client()), authcore.InvalidCode)
	}
	e.Clock.Advance(grace - time.Second)
	if err := e.Closure.Restore(t.Context(), token, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, e.Closure.Restore(t.Context(), token, testflow.Client()), authcore.InvalidCode)
	e.Mail(t, ada, authcore.MailAccountRestored)
	e.Clock.Advance(time.Hour)
	due(t, e, 0)
	again, err := e.TrySignIn(t, "ada", testflow.Password)
	if err != nil || again.Account.ID != tokens.Account.ID {
		t.Errorf("the account that stays: %v", err)
	}
	_, err = e.Sessions.Refresh(t.Context(), tokens.Refresh, authcore.ModeBearer, testflow.Client())
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
}

// A thief who asks for the deletion is undone by the other link of the same mail.
func TestDelete_ThisWasNotMeKeepsTheAccount(t *testing.T) {
	t.Parallel()
	e, tokens, mail := scheduled(t)
	mail.Link = mail.NotMe
	done, err := e.Secure.Secure(t.Context(), testflow.Token(t, mail), testflow.Client())
	if err != nil || !slices.Contains(done.Undone, secure.Kind("deletion")) {
		t.Fatalf("undone is %q (%v)", done.Undone, err)
	}
	e.Clock.Advance(grace)
	due(t, e, 0)
	a, err := e.Store.AccountByID(t.Context(), tokens.Account.ID)
	if err != nil || a.Disabled() || !a.DeletesAt.IsZero() {
		t.Errorf("the account is %+v (%v)", a, err)
	}
}

func TestNew_NeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := closure.New(closure.Config{}); err == nil {
		t.Error("a flow of nothing is made")
	}
}
