package signin_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// signInOn signs in, or tries to, by a client that shows a device token.
func signInOn(t *testing.T, e *testflow.Env, login, typed, deviceToken string) (session.Tokens, error) {
	t.Helper()
	r := testflow.Request()
	r.DeviceToken = deviceToken
	return testflow.Tokens(e.SignIn.Password(t.Context(), signin.Input{Login: login, Password: typed, Request: r}))
}

func lockedBy(t *testing.T, e *testflow.Env, login string, failures int) {
	t.Helper()
	for range failures {
		if _, err := signInOn(t, e, login, "wrong", ""); err == nil {
			t.Fatal("a wrong password signs in")
		}
	}
}

// TestL09_AStrangersLockDoesNotHoldUpAKnownDevice: a stranger's guesses keep out whoever shows nothing, not the owner on their own device.
func TestL09_AStrangersLockDoesNotHoldUpAKnownDevice(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	lockedBy(t, e, "ada@example.com", 1000)
	if _, err := signInOn(t, e, "ada@example.com", testflow.Password, ada.DeviceToken); err != nil {
		t.Fatalf("the owner on a known device: %v", err)
	}
	_, err := signInOn(t, e, "ada@example.com", testflow.Password, "")
	testflow.WantCode(t, err, authcore.AccountLocked)
	for range 10 {
		_, err = signInOn(t, e, "ada@example.com", "wrong", ada.DeviceToken)
		testflow.WantCode(t, err, authcore.InvalidCredentials)
	}
	_, err = signInOn(t, e, "ada@example.com", testflow.Password, ada.DeviceToken)
	testflow.WantCode(t, err, authcore.AccountLocked) // it has a budget, too
	e.Clock.Advance(2 * time.Hour)
	if _, err := signInOn(t, e, "ada@example.com", testflow.Password, ""); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

// TestL09_OnlyADeviceOfTheAccount: what is no token of a device that this account knows shows nothing.
func TestL09_OnlyADeviceOfTheAccount(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	ada, bob := e.Person(t, signup.RegisterInput{Email: "ada@example.com"}), e.Person(t, signup.RegisterInput{Email: "bob@example.com"})
	other, err := signInOn(t, e, "ada@example.com", testflow.Password, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Devices.Forget(t.Context(), &ada.Principal, device.Which{IDs: []uuid.UUID{other.Session.DeviceID}}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	lockedBy(t, e, "ada@example.com", 5)
	for name, token := range map[string]string{
		"another account's": bob.DeviceToken, "of a forgotten device": other.DeviceToken, "made up": ada.DeviceToken[:len(ada.DeviceToken)-1] + "x", "text": "ghd_",
	} {
		if _, err := signInOn(t, e, "ada@example.com", testflow.Password, token); authcore.CodeOf(err) != authcore.AccountLocked {
			t.Errorf("a token that is %s: %v", name, err)
		}
	}
	if _, err := signInOn(t, e, "ada@example.com", testflow.Password, ada.DeviceToken); err != nil {
		t.Errorf("the owner's: %v", err)
	}
}

// TestR05_AResetEndsTheLocksOfDevicesToo: whoever proves the mailbox signs in, also where a thief has used up their device's tries.
func TestR05_AResetEndsTheLocksOfDevicesToo(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	for range 10 {
		_, _ = signInOn(t, e, "ada@example.com", "wrong", ada.DeviceToken)
	}
	_, err := signInOn(t, e, "ada@example.com", testflow.Password, ada.DeviceToken)
	testflow.WantCode(t, err, authcore.AccountLocked)
	if err := e.Password.Forgot(t.Context(), "ada@example.com", testflow.Client()); err != nil {
		t.Fatal(err)
	}
	link := testflow.Token(t, e.Mail(t, "ada@example.com", authcore.MailReset))
	if err := e.Password.Reset(t.Context(), password.ResetInput{Token: link, NewPassword: testflow.OtherPassword, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	if _, err := signInOn(t, e, "ada@example.com", testflow.OtherPassword, ada.DeviceToken); err != nil {
		t.Errorf("after the reset: %v", err)
	}
}
