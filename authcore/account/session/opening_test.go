package session_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func signIn(t *testing.T, e *testflow.Env, change func(*session.Request)) session.Tokens {
	t.Helper()
	r := testflow.Request()
	change(&r)
	tokens, err := testflow.Tokens(e.SignIn.Password(t.Context(), signin.Input{Login: ada, Password: testflow.Password, Request: r}))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func newDevices(t *testing.T, e *testflow.Env) (n int) {
	t.Helper()
	for _, m := range e.Mails(t, ada) {
		if m.Kind == authcore.MailNewDevice {
			n++
			if !strings.Contains(m.Link, "/auth/secure?token=") || m.Device != "Firefox, Linux" || m.AccountID == [16]byte{} {
				t.Errorf("the mail says %+v", m)
			}
		}
	}
	return n
}

// A sign-in with a password that somebody has stolen comes from a device that the account does not know, and its owner hears of it:
// also of one that leaves nothing behind, or that brings what is no token of ours, or another account's.
func TestNewDevice_TheOwnerIsTold(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	if first.DeviceToken == "" || first.DeviceBrought || newDevices(t, e) != 0 {
		t.Fatalf("the first sign-in: %q, %d mails", first.DeviceToken, newDevices(t, e))
	}
	again := signIn(t, e, func(r *session.Request) { r.DeviceToken = first.DeviceToken })
	if again.Session.DeviceID != first.Session.DeviceID || !again.DeviceBrought || newDevices(t, e) != 0 {
		t.Errorf("the same device: %s, was %s; %d mails", again.Session.DeviceID, first.Session.DeviceID, newDevices(t, e))
	}
	bob := e.Person(t, signup.RegisterInput{Email: "bob@example.com"})
	for i, change := range []func(*session.Request){
		func(*session.Request) {},
		func(r *session.Request) { r.ShortLived = true },
		func(r *session.Request) { r.DeviceToken = "ghd_" + strings.Repeat("A", 86) },
		func(r *session.Request) { r.DeviceToken = first.Refresh },
		func(r *session.Request) { r.DeviceToken = bob.DeviceToken },
	} {
		got := signIn(t, e, change)
		if n := newDevices(t, e); n != i+1 {
			t.Fatalf("sign-in %d: %d mails", i, n)
		}
		if got.Session.ShortLived != (got.DeviceToken == "") || got.Session.DeviceID == first.Session.DeviceID {
			t.Errorf("sign-in %d: %+v", i, got)
		}
	}
	// What one account knows of the browser tells another one nothing.
	if shared := signIn(t, e, func(r *session.Request) { r.DeviceToken = bob.DeviceToken }); shared.Session.DeviceID == bob.Session.DeviceID || newDevices(t, e) != 5 {
		t.Errorf("bob's browser, known now: %s", shared.Session.DeviceID)
	}
}

// A session that is not to be remembered ends early, however often it is renewed; so do those of the hosts it is handed over to.
func TestShortLived(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: ada})
	tokens := signIn(t, e, func(r *session.Request) { r.ShortLived = true })
	if life := tokens.Session.ExpiresAt.Sub(e.Clock.Now()); life > 12*time.Hour || life < 12*time.Hour-time.Second {
		t.Errorf("it lives for %s", life)
	}
	if tokens.RefreshExpiresIn != 12*time.Hour {
		t.Errorf("its client is told of %s", tokens.RefreshExpiresIn)
	}
	e.Clock.Advance(11 * time.Hour)
	next, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
	if err != nil || !next.Session.ShortLived || next.DeviceToken != "" {
		t.Fatalf("renewed: %+v (%v)", next.Session, err)
	}
	e.Clock.Advance(time.Hour)
	_, err = refresh(t, e, next.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
}

// A cap of sessions is no way to lock anybody out: 50 sign-ins at once all succeed, five live, and none counts as a failure.
func TestS12_SessionCapRace(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{MaxSessions: 5})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			r := testflow.Request()
			r.DeviceName = fmt.Sprint(i)
			code := authcore.RateLimited
			var err error
			for tries := 0; tries < 20 && (code == authcore.RateLimited || code == authcore.Unavailable); tries++ { // a busy machine lets only so many wait
				_, err = e.SignIn.Password(t.Context(), signin.Input{Login: ada, Password: testflow.Password, Request: r})
				code = authcore.CodeOf(err)
			}
			if err != nil {
				t.Errorf("a sign-in: %v", err)
			}
		})
	}
	all.Wait()
	list, err := e.Sessions.List(t.Context(), first.Account.ID)
	if err != nil || len(list) != 5 {
		t.Errorf("%d sessions live (%v), want 5", len(list), err)
	}
	if !revoked(e, first.Session) {
		t.Error("the session used longest ago is still good for requests")
	}
}
