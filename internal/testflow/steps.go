package testflow

import (
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

// Password is one that the policy takes.
const Password = "tundra-Ledger-51-quartz"

// OtherPassword is another one.
const OtherPassword = "willow-Anchor-83-basalt"

// Register signs up and ends the test on an error.
func (e *Env) Register(t testing.TB, in signup.RegisterInput) signup.Registered {
	t.Helper()
	if in.Client.Portal == "" {
		in.Client = Client()
	}
	if in.Password == "" {
		in.Password = Password
	}
	out, err := e.SignUp.Register(t.Context(), in)
	if err != nil {
		t.Fatalf("register: %v", err)
	}
	return out
}

// Person registers and verifies by the link and the registration secret.
func (e *Env) Person(t testing.TB, in signup.RegisterInput) session.Tokens {
	t.Helper()
	done := e.Register(t, in)
	token := Token(t, e.Mail(t, in.Email, authcore.MailVerify))
	tokens, err := Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: token, Proof: done.Proof, Request: Request()}))
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return tokens
}

// TrySignIn signs in.
func (e *Env) TrySignIn(t testing.TB, login, password string) (session.Tokens, error) {
	t.Helper()
	return Tokens(e.SignIn.Password(t.Context(), signin.Input{Login: login, Password: password, Request: Request()}))
}

// WantCode ends the test unless err has the code; it returns the refusal.
func WantCode(t testing.TB, err error, want authcore.Code) *authcore.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("succeeded, want %s", want)
	}
	var e *authcore.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	return e
}

// Tokens returns the tokens of a way in, where nothing more was asked for.
func Tokens(out secondstep.Outcome, err error) (session.Tokens, error) {
	if err == nil && out.Pending != nil {
		err = errors.New("the sign-in waits for a second step")
	}
	return out.Tokens, err
}
