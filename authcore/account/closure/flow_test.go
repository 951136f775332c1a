package closure_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ada = "ada@example.com"

// An account that is deleted is good for nothing from then on: no token, no code, no link, no password.
func TestS08_DeletedAccountIsOut(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	tokens := e.Person(t, signup.RegisterInput{Email: ada, Username: "ada"})
	if err := e.Password.Forgot(t.Context(), ada, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	reset := e.Mail(t, ada, authcore.MailReset)
	if err := e.Closure.Delete(t.Context(), tokens.Account.ID, testflow.Client()); err != nil {
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
	testflow.WantCode(t, e.Closure.Delete(t.Context(), tokens.Account.ID, testflow.Client()), authcore.InvalidToken)
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
			former := uuid.Nil
			if mode == signup.Open {
				former = e.Register(t, signup.RegisterInput{Email: ada, Username: "ada"}).Account.ID
			} else {
				former = e.Person(t, signup.RegisterInput{Email: ada, Username: "ada"}).Account.ID
			}
			if err := e.Closure.Delete(t.Context(), former, testflow.Client()); err != nil {
				t.Fatal(err)
			}
			e.Clock.Advance(2 * time.Minute)
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
	if err := e.Closure.Delete(t.Context(), account.ID, testflow.Client()); err != nil {
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
	testflow.WantCode(t, e.Closure.Delete(t.Context(), admin.ID, testflow.Client()), authcore.LastAdmin)
}

func TestNew_NeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := closure.New(closure.Config{}); err == nil {
		t.Error("a flow of nothing is made")
	}
}
