package federated_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/apple"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

const relay = "x1@privaterelay.appleid.com"

// orchard is an environment with Apple.
type orchard struct {
	*testflow.Env
	apple *testidp.Apple
}

func newOrchard(t *testing.T) *orchard {
	t.Helper()
	w := &orchard{}
	now := func() time.Time { return w.Clock.Now() }
	w.apple = testidp.StartApple(t, now)
	w.apple.User = map[string]any{"sub": "001.ab.2", "email": relay, "email_verified": "true", "is_private_email": "true",
		"name": map[string]any{"firstName": "Ada", "lastName": "Lovelace"}}
	w.Env = testflow.New(t, testflow.Options{Ways: passwordless.Ways{Code: true}, Providers: []federated.Settings{w.apple.Settings(t)}})
	return w
}

// signIn goes to Apple and back, with what it posts.
func (w *orchard) signIn(t *testing.T) federated.Result {
	t.Helper()
	begun, err := w.Federated.Start(t.Context(), federated.StartInput{Provider: "apple", Slot: "1", Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	form := w.apple.Form(begun.URL)
	in := federated.CallbackInput{Provider: "apple", Browser: begun.Browser, State: form.Get("state"), Code: form.Get("code"), Request: testflow.Request()}
	if user := form.Get("user"); user != "" {
		if in.Posted, err = w.Federated.SealPosted(in.State, user); err != nil || in.Posted == "" || strings.Contains(in.Posted, "Ada") {
			t.Fatalf("%q %v", in.Posted, err)
		}
	}
	res, err := w.Federated.Callback(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func (w *orchard) sick(yes bool) {
	w.apple.Lock()
	defer w.apple.Unlock()
	w.apple.Fault = func(step string, rw http.ResponseWriter, _ *http.Request) bool {
		if yes && step == "revoke" {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		return yes && step == "revoke"
	}
}

func (w *orchard) next(t *testing.T, more, good bool) {
	t.Helper()
	got, err := w.Consents.Next(t.Context())
	if got != more || (err == nil) != good {
		t.Fatalf("more: %v, %v; want %v, good %v", got, err, more, good)
	}
}

// The name that Apple posts once is the account's. It is kept sealed on its way, and good with its own state alone.
func TestApple_PostedName(t *testing.T) {
	t.Parallel()
	w := newOrchard(t)
	res := w.signIn(t)
	a := signedIn(t, res, nil)
	if a.FirstName != "Ada" || a.LastName != "Lovelace" || a.Email != relay {
		t.Errorf("%+v", a)
	}
	if again := signedIn(t, w.signIn(t), nil); again.ID != a.ID {
		t.Error("another account")
	}
	long, err := w.Federated.SealPosted("1.x", strings.Repeat("x", 1025))
	if err != nil || long != "" {
		t.Errorf("%q %v", long, err)
	}
}

func TestApple_PostedOfAnotherState(t *testing.T) {
	t.Parallel()
	w := newOrchard(t)
	begun, err := w.Federated.Start(t.Context(), federated.StartInput{Provider: "apple", Slot: "1", Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	form := w.apple.Form(begun.URL)
	posted, err := w.Federated.SealPosted("1.another", `{"name":{"firstName":"Eve"}}`)
	if err != nil {
		t.Fatal(err)
	}
	res, err := w.Federated.Callback(t.Context(), federated.CallbackInput{Provider: "apple", Browser: begun.Browser, State: form.Get("state"), Code: form.Get("code"),
		Posted: posted, Request: testflow.Request()})
	if a := signedIn(t, res, err); a.FirstName != "" {
		t.Errorf("the name is %s", a.FirstName)
	}
}

// Consent is taken back once the connection or the account has ended, and not before. Where Apple is sick it is tried again, by another node as well.
func TestApple_Revocation(t *testing.T) {
	t.Parallel()
	w := newOrchard(t)
	a := signedIn(t, w.signIn(t), nil)
	w.signIn(t)
	w.next(t, false, true)
	if w.apple.Good() != 2 {
		t.Fatal(w.apple.Good())
	}
	connected, err := w.Store.AccountConnections(t.Context(), a.ID)
	if err != nil || len(connected) != 1 {
		t.Fatal(connected, err)
	}
	if err := w.Federated.Disconnect(t.Context(), a.ID, connected[0].ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	w.sick(true)
	w.next(t, true, false)
	w.next(t, false, true) // it waits
	w.sick(false)
	w.Clock.Advance(2 * time.Minute)
	w.next(t, true, true)
	w.Clock.Advance(2 * time.Minute)
	w.next(t, false, true)
	if w.apple.LastGood() { // the latest one stands for the consent
		t.Error("it is good still")
	}
}

// A node that dies with a consent in hand leaves it to another one.
func TestApple_RevocationSurvivesACrash(t *testing.T) {
	t.Parallel()
	w := newOrchard(t)
	a := signedIn(t, w.signIn(t), nil)
	if err := w.Store.DeleteAccount(t.Context(), authcore.Deletion{AccountID: a.ID, Now: w.Clock.Now(),
		Effects: func(authcore.Account) (authcore.Effects, error) { return authcore.Effects{}, nil }}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Store.ClaimGrant(t.Context(), w.Clock.Now(), w.Clock.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	w.next(t, false, true)
	w.Clock.Advance(2 * time.Minute)
	w.next(t, true, true)
	if w.apple.Good() != 0 {
		t.Errorf("%d tokens are good", w.apple.Good())
	}
}

// What Apple never takes back is given up after a month.
func TestApple_RevocationGivenUp(t *testing.T) {
	t.Parallel()
	w := newOrchard(t)
	a := signedIn(t, w.signIn(t), nil)
	if err := w.Store.DeleteAccount(t.Context(), authcore.Deletion{AccountID: a.ID, Now: w.Clock.Now(),
		Effects: func(authcore.Account) (authcore.Effects, error) { return authcore.Effects{}, nil }}); err != nil {
		t.Fatal(err)
	}
	w.sick(true)
	began, tries := w.Clock.Now(), 0
	for ; tries < 200; tries++ {
		more, _ := w.Consents.Next(t.Context())
		if !more {
			if all, err := w.Store.SealedGrants(t.Context(), uuid.Nil, 1); err == nil && len(all) == 0 {
				break
			}
		}
		w.Clock.Advance(8*time.Hour + time.Minute)
	}
	if took := w.Clock.Now().Sub(began); took < 20*24*time.Hour || tries > 110 {
		t.Errorf("given up after %s and %d tries", took, tries)
	}
}

func event(kind, subject string) string { return `{"type":"` + kind + `","sub":"` + subject + `"}` }

// Where Apple says that consent is gone, or the account, the connection ends and the sessions that it opened, and no other one. Once.
func TestApple_Notifications(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"consent-revoked", "account-delete"} {
		w := newOrchard(t)
		a := signedIn(t, w.signIn(t), nil)
		notify := func(payload string) error {
			_, err := w.Consents.Notify(t.Context(), "apple", payload, testflow.Client())
			return err
		}
		for _, harmless := range []string{event("email-disabled", "001.ab.2"), event("email-enabled", "001.ab.2"), event("new", "001.ab.2"), event(kind, "another")} {
			if err := notify(w.apple.Notification(harmless, nil)); err != nil {
				t.Error(err)
			}
		}
		if left := w.left(t, a); left != [2]int{1, 1} {
			t.Fatalf("%s: %v", kind, left)
		}
		testflow.WantCode(t, notify("x.y.z"), authcore.InvalidProviderAnswer)
		payload := w.apple.Notification(event(kind, "001.ab.2"), nil)
		if err := notify(payload); err != nil {
			t.Fatal(err)
		}
		if left := w.left(t, a); left != [2]int{0, 0} {
			t.Errorf("%s: %v are left", kind, left)
		}
		w.Mail(t, relay, authcore.MailConnectionRemoved)
		testflow.WantCode(t, notify(payload), authcore.InvalidProviderAnswer)
		w.next(t, true, true)
		_, err := w.Consents.Notify(t.Context(), "acme", payload, testflow.Client())
		testflow.WantCode(t, err, authcore.NotFound)
	}
}

// left counts connections and sessions.
func (w *orchard) left(t *testing.T, a authcore.Account) [2]int {
	t.Helper()
	connected, err := w.Store.AccountConnections(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := w.Store.Sessions(t.Context(), a.ID, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return [2]int{len(connected), len(sessions)}
}

// A hundred at once of one notification: one is taken.
func TestApple_NotificationOnce(t *testing.T) {
	t.Parallel()
	w := newOrchard(t)
	signedIn(t, w.signIn(t), nil)
	payload := w.apple.Notification(event("account-delete", "001.ab.2"), nil)
	var all sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		all.Go(func() { _, errs[i] = w.Consents.Notify(t.Context(), "apple", payload, testflow.Client()) })
	}
	all.Wait()
	if n := len(slices.DeleteFunc(errs, func(err error) bool { return err != nil })); n != 1 {
		t.Errorf("%d were taken", n)
	}
}

// Apple is what the protocol takes it for.
var (
	_ idp.Revoker       = (*apple.Provider)(nil)
	_ idp.Notifications = (*apple.Provider)(nil)
	_ idp.Logouts       = (*apple.Provider)(nil)
)

// Nobody looks for consents where no provider takes any back.
func TestConsents_RunWithoutRevoker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	w.Consents.Run(t.Context(), slog.New(slog.DiscardHandler)) // returns at once
	if _, err := w.Consents.Next(t.Context()); err != nil {
		t.Error(err)
	}
}
