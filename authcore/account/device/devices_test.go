package device_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const (
	ada = "ada@example.com"
	bob = "bob@example.com"
)

func signIn(t *testing.T, e *testflow.Env, login, deviceToken string) session.Tokens {
	t.Helper()
	r := testflow.Request()
	r.DeviceToken = deviceToken
	tokens, err := testflow.Tokens(e.SignIn.Password(t.Context(), signin.Input{Login: login, Password: testflow.Password, Request: r}))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// events are those of the account of a kind.
func events(t *testing.T, e *testflow.Env, p *authcore.Principal, kind authcore.EventKind) []authcore.Event {
	t.Helper()
	listed, err := e.History.Events(t.Context(), p.AccountID, history.Events{Kind: kind, Page: history.Page{Limit: 200}})
	if err != nil {
		t.Fatal(err)
	}
	return listed.Events
}

// Whoever forgets a device can see later that it was done, and when it had become known.
func TestForget_IsAnEvent(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	own, stranger := e.Person(t, signup.RegisterInput{Email: ada}), signIn(t, e, ada, "")
	if seen := events(t, e, &own.Principal, authcore.EventDeviceSeen); len(seen) != 2 || seen[0].DeviceID != stranger.Session.DeviceID {
		t.Errorf("seen: %+v", seen)
	}
	gone, err := e.Devices.ForgetOne(t.Context(), &own.Principal, stranger.Session.DeviceID, testflow.Client())
	if err != nil || gone != (device.Gone{Devices: 1}) {
		t.Fatalf("got %+v (%v)", gone, err)
	}
	if _, err := e.Devices.ForgetOne(t.Context(), &own.Principal, uuid.New(), testflow.Client()); authcore.CodeOf(err) != authcore.NotFound {
		t.Errorf("one that is none: %v", err)
	}
	forgotten := events(t, e, &own.Principal, authcore.EventDeviceForgotten)
	if len(forgotten) != 1 || forgotten[0].DeviceID != stranger.Session.DeviceID || forgotten[0].Addr == "" || forgotten[0].Result != "success" {
		t.Errorf("forgotten: %+v", forgotten)
	}
	if gone, err = e.Devices.Forget(t.Context(), &own.Principal, device.Which{All: true}, testflow.Client()); err != nil || !gone.SignedOut {
		t.Errorf("all: %+v (%v)", gone, err)
	}
}

// A browser keeps one token. What an account does with it shows the next account that signs in there nothing, and takes nothing from it.
func TestS06_OneTokenTellsAccountsNothingOfEachOther(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	e.Person(t, signup.RegisterInput{Email: bob})
	told := func(address string) (n int) {
		for _, m := range e.Mails(t, address) {
			if m.Kind == authcore.MailNewDevice {
				n++
			}
		}
		return n
	}
	mine := signIn(t, e, bob, first.DeviceToken) // which ada's account knows
	if mine.Session.DeviceID == first.Session.DeviceID || !mine.DeviceBrought || mine.DeviceToken != first.DeviceToken || told(bob) != 1 {
		t.Errorf("with ada's token: %+v, %d mails", mine, told(bob))
	}
	list, err := e.Devices.List(t.Context(), &mine.Principal)
	if err != nil || len(list) != 2 {
		t.Errorf("bob sees %+v (%v)", list, err)
	}
	for _, d := range list {
		if d.ID == first.Session.DeviceID || d.AccountID != mine.Account.ID || d.Sessions != 1 {
			t.Errorf("bob sees %+v", d)
		}
	}
	if _, err := e.Devices.Forget(t.Context(), &mine.Principal, device.Which{All: true}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if list, err := e.Devices.List(t.Context(), &first.Principal); err != nil || len(list) != 1 || list[0].Sessions != 1 {
		t.Fatalf("ada's devices: %+v (%v)", list, err)
	}
	if _, err := e.Devices.ForgetOne(t.Context(), &first.Principal, first.Session.DeviceID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if again := signIn(t, e, bob, first.DeviceToken); again.Session.DeviceID == mine.Session.DeviceID || told(bob) != 2 {
		t.Errorf("after both have forgotten it: %+v, %d mails", again.Session, told(bob))
	}
	if told(ada) != 0 {
		t.Error("ada hears of bob's sign-ins")
	}
}

// Whoever knows the password cannot fill the database with devices: an account knows so many at most, and the owner's stays.
func TestMaxDevices_Flood(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{MaxSessions: 3})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	for range authcore.MaxDevices + 20 {
		signIn(t, e, ada, "")
		signIn(t, e, ada, first.DeviceToken)
	}
	own := signIn(t, e, ada, first.DeviceToken)
	list, err := e.Devices.List(t.Context(), &own.Principal)
	if err != nil || len(list) != authcore.MaxDevices {
		t.Fatalf("%d devices (%v), want %d", len(list), err, authcore.MaxDevices)
	}
	if own.Session.DeviceID != first.Session.DeviceID {
		t.Error("the owner's device is forgotten")
	}
	if forgotten := events(t, e, &own.Principal, authcore.EventDeviceForgotten); len(forgotten) != 21 || forgotten[0].DeviceID == uuid.Nil {
		t.Errorf("%d events tell of it", len(forgotten))
	}
}
