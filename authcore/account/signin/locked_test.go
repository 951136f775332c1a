package signin_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// recorder notes what tries have recorded.
type recorder struct {
	*sqlstore.Store
	mu      sync.Mutex
	got     []authcore.Effects
	devices int // that were looked for
}

func (r *recorder) DeviceByToken(ctx context.Context, account uuid.UUID, token secret.Digest) (uuid.UUID, error) {
	r.mu.Lock()
	r.devices++
	r.mu.Unlock()
	return r.Store.DeviceByToken(ctx, account, token)
}

func (r *recorder) Record(ctx context.Context, fx authcore.Effects) error {
	r.mu.Lock()
	r.got = append(r.got, fx)
	r.mu.Unlock()
	return r.Store.Record(ctx, fx)
}

// Who types wrong passwords until the account takes none is told of, once for a lock, with a link that takes everything back.
func TestLocked_TellsTheOwner(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	kind := authcore.MailAccountLocked
	told := func() (n int) {
		for _, m := range e.Mails(t, "ada@example.com") {
			if m.Kind == kind {
				n++
			}
		}
		return n
	}
	lock := func() {
		for range 7 { // two of them find it locked
			_, _ = e.TrySignIn(t, "ada@example.com", "wrong")
		}
	}
	lock()
	if told() != 1 {
		t.Fatalf("%d mails of one lock", told())
	}
	m := e.Mail(t, "ada@example.com", kind)
	if !strings.Contains(m.Link, "/secure?token=") || m.Addr == "" {
		t.Errorf("the mail is %+v", m)
	}
	e.Clock.Advance(time.Hour)
	lock()
	if told() != 2 {
		t.Errorf("%d mails of two locks", told())
	}
	if _, err := e.Secure.Secure(t.Context(), testflow.Token(t, m), testflow.Client()); err != nil {
		t.Error(err)
	}
	if _, _, err := e.Store.SessionByRefresh(t.Context(), ada.Session.ID, ada.Session.RefreshDigest, e.Clock.Now()); err == nil {
		t.Error("a session lives on after the link")
	}
}

// The try that locks writes the same for a login that nobody has, and for an owner who has switched the mail off; and a device token that is
// shown is looked for as often.
func TestL02_LockOfAnUnknownLoginDoesTheSameWork(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	shown := testflow.Request()
	shown.DeviceToken = e.Person(t, signup.RegisterInput{Email: "eve@example.com"}).DeviceToken
	muted := authcore.Account{ID: uuid.New(), Email: "bob@example.com", EmailVerifiedAt: e.Clock.Now(), Muted: []string{string(authcore.MailAccountLocked)},
		CreatedAt: e.Clock.Now(), UpdatedAt: e.Clock.Now()}
	if err := e.Store.CreateAccount(t.Context(), muted, []authcore.Identifier{{Kind: authcore.KindEmail, Value: muted.Email}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	for login, dummy := range map[string]bool{"ada@example.com": false, muted.Email: true, "nobody@example.com": true, "no name": true} {
		r := &recorder{Store: e.Store}
		f, err := signin.New(signin.Config{Store: r, Hasher: e.Hasher, Policy: e.Policy, Lockouts: e.Lockouts, Owners: e.Notices, Steps: e.Steps, ReadDevice: e.Sessions.DeviceDigest,
			Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}, Now: e.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_, err := f.Password(t.Context(), signin.Input{Login: login, Password: "wrong", Request: shown})
			testflow.WantCode(t, err, authcore.InvalidCredentials)
		}
		last := r.got[len(r.got)-1]
		if len(r.got) != 5 || r.devices != 5 || len(last.Events) != 2 || len(last.Mails) != 1 || len(last.SecurityLinks) != 1 || last.Mails[0].Dummy != dummy {
			t.Errorf("%s: %d records, the last is %+v", login, len(r.got), last)
		}
	}
	if mails := e.Mails(t, muted.Email); len(mails) != 0 {
		t.Errorf("who has switched it off is told: %+v", mails)
	}
}
