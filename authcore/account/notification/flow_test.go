package notification_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notification"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ada = "ada@example.com"

var stale = authcore.Refuse(authcore.ReauthenticationRequired, "stale")

func open(t *testing.T) (*testflow.Env, uuid.UUID) {
	t.Helper()
	e := testflow.New(t, testflow.Options{})
	return e, e.Person(t, signup.RegisterInput{Email: ada}).Account.ID
}

func change(t *testing.T, e *testflow.Env, account uuid.UUID, kind authcore.MailKind, on bool, notFresh error) (notification.Choices, error) {
	t.Helper()
	return e.Notifications.Change(t.Context(), notification.Input{AccountID: account, On: map[authcore.MailKind]bool{kind: on},
		NotFresh: notFresh, Client: testflow.Client()})
}

func told(t *testing.T, e *testflow.Env) (n int) {
	t.Helper()
	for _, m := range e.Mails(t, ada) {
		if m.Kind == authcore.MailNotifications {
			n++
		}
	}
	return n
}

// What is switched off is not sent, what is switched on again is.
func TestChange_IsHeeded(t *testing.T) {
	t.Parallel()
	e, account := open(t)
	before, err := e.Notifications.Get(t.Context(), account)
	if err != nil || !before.On[authcore.MailNewDevice] || !slices.Contains(before.Always, authcore.MailNotifications) {
		t.Fatalf("%+v (%v)", before, err)
	}
	news := func() (n int) {
		if _, err := e.TrySignIn(t, ada, testflow.Password); err != nil {
			t.Fatal(err)
		}
		for _, m := range e.Mails(t, ada) {
			if m.Kind == authcore.MailNewDevice {
				n++
			}
		}
		return n
	}
	for step, c := range []struct {
		on   bool
		sent int
	}{{false, 0}, {true, 1}, {true, 2}, {false, 2}} {
		after, err := change(t, e, account, authcore.MailNewDevice, c.on, nil)
		if err != nil || after.On[authcore.MailNewDevice] != c.on {
			t.Fatalf("step %d: %+v (%v)", step, after, err)
		}
		if got := news(); got != c.sent {
			t.Errorf("step %d: %d mails, want %d", step, got, c.sent)
		}
	}
	if got := told(t, e); got != 3 {
		t.Errorf("told of %d changes, want 3: the same once more is none", got)
	}
}

// A thief with a session that was left open would silence what tells the owner of them.
func TestR12_StaleSessionSwitchesNothingOff(t *testing.T) {
	t.Parallel()
	e, account := open(t)
	if _, err := change(t, e, account, authcore.MailNewDevice, false, stale); !errors.Is(err, stale) {
		t.Errorf("a stale session switches a mail off: %v", err)
	}
	both := map[authcore.MailKind]bool{authcore.MailNewDevice: false}
	for _, kind := range notice.Optional() {
		if kind != authcore.MailNewDevice {
			both[kind] = true
		}
	}
	if _, err := e.Notifications.Change(t.Context(), notification.Input{AccountID: account, On: both, NotFresh: stale, Client: testflow.Client()}); !errors.Is(err, stale) {
		t.Errorf("among others it does: %v", err)
	}
	if c, err := e.Notifications.Get(t.Context(), account); err != nil || !c.On[authcore.MailNewDevice] || told(t, e) != 0 {
		t.Errorf("%+v (%v)", c, err)
	}
	if _, err := change(t, e, account, authcore.MailNewDevice, false, nil); err != nil {
		t.Fatal(err)
	}
	if c, err := change(t, e, account, authcore.MailNewDevice, true, stale); err != nil || !c.On[authcore.MailNewDevice] {
		t.Errorf("a stale session cannot switch it on again: %+v (%v)", c, err)
	}
}

// No request silences what is always sent, and none leaves a word in the account that means nothing.
func TestR12_WhatIsAlwaysSentIsNeverSwitchedOff(t *testing.T) {
	t.Parallel()
	e, account := open(t)
	for _, kind := range append(notice.Always(), authcore.MailReset, authcore.MailVerify, "smile", "") {
		for _, on := range []bool{false, true} {
			_, err := change(t, e, account, kind, on, nil)
			if authcore.CodeOf(err) != authcore.InvalidFields {
				t.Errorf("%q, %t: %v", kind, on, err)
			}
		}
	}
	a, err := e.Store.AccountByID(t.Context(), account)
	if err != nil || len(a.Muted) != 0 {
		t.Errorf("switched off are %q (%v)", a.Muted, err)
	}
}

// The mail goes to the owner whatever they have switched off, and its link takes the choice back.
func TestS08_NotificationsAreTakenBack(t *testing.T) {
	t.Parallel()
	e, account := open(t)
	if _, err := change(t, e, account, authcore.MailNewDevice, false, nil); err != nil {
		t.Fatal(err)
	}
	link := testflow.Token(t, e.Mail(t, ada, authcore.MailNotifications))
	done, err := e.Secure.Secure(t.Context(), link, testflow.Client())
	if err != nil || !slices.Contains(done.Undone, secure.Kind("notifications")) {
		t.Errorf("undone %q (%v)", done.Undone, err)
	}
	if c, err := e.Notifications.Get(t.Context(), account); err != nil || !c.On[authcore.MailNewDevice] {
		t.Errorf("%+v (%v)", c, err)
	}
	events, err := e.Store.ExportAccount(t.Context(), account)
	if err != nil || !slices.ContainsFunc(events["events"], func(e map[string]any) bool { return e["kind"] == "account.notifications_changed" }) {
		t.Errorf("the history does not have it (%v)", err)
	}
}

// Each change sends a mail that no limit on mails holds up.
func TestChange_NotAnyNumberOfTimes(t *testing.T) {
	t.Parallel()
	e, account := open(t)
	var errs []error
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			_, err := change(t, e, account, authcore.MailNewDevice, i%2 == 0, nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	for i := range 20 {
		if _, err := change(t, e, account, authcore.MailNewDevice, i%2 == 0, nil); err != nil {
			errs = append(errs, err)
		}
	}
	for _, err := range errs {
		if refusal := testflow.WantCode(t, err, authcore.RateLimited); refusal.RetryAfter == 0 {
			t.Errorf("%v does not say when to try again", err)
		}
	}
	if n := told(t, e); n != 10 || len(errs) == 0 {
		t.Errorf("%d changes, %d refused", n, len(errs))
	}
}

func TestChange_OfAnAccountThatIsGone(t *testing.T) {
	t.Parallel()
	e, _ := open(t)
	_, err := e.Notifications.Get(t.Context(), uuid.New())
	testflow.WantCode(t, err, authcore.InvalidToken)
	_, err = change(t, e, uuid.New(), authcore.MailNewDevice, false, nil)
	testflow.WantCode(t, err, authcore.InvalidToken)
	if _, err := notification.New(notification.Config{}); err == nil {
		t.Error("a flow without anything is made")
	}
}
