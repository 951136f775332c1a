package operator_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

const purpose = "test mail"

// announced notes what is announced.
type announced struct{ list []authcore.Revocation }

func (a *announced) committed(_ context.Context, done sqlstore.Commit) {
	a.list = append(a.list, done.Revocations...)
}

func operate(t *testing.T, e *testflow.Env) (*operator.Operator, *announced) {
	t.Helper()
	told := &announced{}
	o, err := operator.New(operator.Config{Store: e.Store.AfterCommit(told.committed), Seeds: e.Store, Grants: e.Store, Keys: e.Ring, MailPurpose: purpose, LinkPurpose: notice.SealPurpose, SeedPurpose: factor.SealPurpose, GrantPurpose: federated.GrantPurpose, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return o, told
}

func secretOf(name string) secret.Value {
	return secret.FromString(name + " secret of more than thirty-two bytes")
}

// useOld makes "old" the secret, and gives up the keys of the environment's own.
func useOld(t *testing.T, e *testflow.Env) secret.Value {
	t.Helper()
	old := secretOf("old")
	if err := e.Sealer.Use(old); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Ring.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	return old
}

func sealMail(t *testing.T, e *testflow.Env, text string) uuid.UUID {
	t.Helper()
	sealed, err := e.Sealer.Seal(purpose, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m := authcore.Mail{ID: uuid.Must(uuid.NewV7()), Kind: authcore.MailVerify, Sealed: sealed, CreatedAt: e.Clock.Now()}
	if err := e.Store.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{m}}); err != nil {
		t.Fatal(err)
	}
	return m.ID
}

func TestRevokeUser_ByEveryName(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	o, told := operate(t, e)
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})
	id := ada.Account.ID
	for i, name := range []string{id.String(), " ADA@example.com ", "Ada"} {
		done, err := o.RevokeUser(t.Context(), name)
		if err != nil || done.Account == nil || *done.Account != id || len(told.list) != i+1 || told.list[i].AccountID != id {
			t.Errorf("by %q: %+v, announced %+v (error %v)", name, done, told.list, err)
		}
	}
	for _, name := range []string{"", "nobody", "nobody@example.com", uuid.NewString(), "a\xff"} {
		var refused *authcore.Error
		if _, err := o.RevokeUser(t.Context(), name); !errors.As(err, &refused) || refused.Code != authcore.NotFound {
			t.Errorf("%q: error %v", name, err)
		}
	}
}

// Another account's id without its hyphens is a legal username: it names who took it.
func TestRevokeUser_IDInOneFormOnly(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	o, told := operate(t, e)
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com"}).Account.ID.String()
	digits := strings.ReplaceAll(ada, "-", "")
	bob := e.Person(t, signup.RegisterInput{Email: "bob@example.com", Username: digits}).Account.ID
	for _, name := range []string{digits, strings.ToUpper(digits)} {
		done, err := o.RevokeUser(t.Context(), name)
		if err != nil || done.Account == nil || *done.Account != bob {
			t.Errorf("by %q: %+v (error %v)", name, done, err)
		}
	}
	told.list = nil
	for _, name := range []string{"urn:uuid:" + ada, "{" + ada + "}", strings.ToUpper(ada)} {
		var refused *authcore.Error
		if _, err := o.RevokeUser(t.Context(), name); !errors.As(err, &refused) || refused.Code != authcore.NotFound || len(told.list) != 0 {
			t.Errorf("%q: announced %+v (error %v)", name, told.list, err)
		}
	}
}

// Every session that ends is announced, and none twice; the next operation finds nothing.
func TestRevokeAll_Announces(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	o, told := operate(t, e)
	ada := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	bob := e.Person(t, signup.RegisterInput{Email: "bob@example.com"})
	done, err := o.RevokeAll(t.Context())
	if err != nil || done.Sessions != 2 || done.Keys != 4 || len(told.list) != 2 {
		t.Fatalf("%+v, announced %+v (error %v)", done, told.list, err)
	}
	for _, r := range told.list {
		if r.SessionID != ada.Session.ID && r.SessionID != bob.Session.ID {
			t.Errorf("announced %+v", r)
		}
	}
	if again, err := o.RevokeAll(t.Context()); err != nil || again.Sessions != 0 {
		t.Errorf("again: %+v (error %v)", again, err)
	}
}

// Mails that wait are sealed anew, and can be sent under the new secret alone.
func TestReseal_Mails(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	o, _ := operate(t, e)
	old := useOld(t, e)
	sent := sealMail(t, e, "sent")
	if err := e.Store.MailSent(t.Context(), sent, e.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	const waiting = 250 // more than one page
	for range waiting {
		sealMail(t, e, "waits")
	}
	if err := e.Sealer.Use(secretOf("new"), old); err != nil {
		t.Fatal(err)
	}
	sealMail(t, e, "under the new one")
	done, err := o.Reseal(t.Context(), e.Sealer)
	if err != nil || done.Keys != 5 || done.Mails != waiting {
		t.Errorf("%+v (error %v)", done, err)
	}
	if err := e.Sealer.Use(secretOf("new")); err != nil {
		t.Fatal(err)
	}
	mails, err := e.Store.ClaimMail(t.Context(), e.Clock.Now(), time.Minute, 1000)
	if err != nil || len(mails) != waiting+1 {
		t.Fatalf("%d mails wait (error %v)", len(mails), err)
	}
	for _, m := range mails {
		if _, err := e.Sealer.Open(purpose, m.Sealed); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Sealer.Use(old); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Reseal(t.Context(), e.Sealer); !errors.Is(err, secret.ErrUnsealable) {
		t.Errorf("the old secret opens something: %v", err)
	}
}

// What cannot be opened is given up: keys and mails, and nobody is signed in. What can be opened stays.
func TestDiscard(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	o, told := operate(t, e)
	e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	var refused *authcore.Error
	if _, err := o.Discard(t.Context(), e.Sealer); !errors.As(err, &refused) || len(told.list) != 0 {
		t.Errorf("with nothing lost: error %v, announced %v", err, told.list)
	}
	sealMail(t, e, "lost")
	if err := e.Sealer.Use(secretOf("new")); err != nil {
		t.Fatal(err)
	}
	kept := sealMail(t, e, "kept")
	done, err := o.Discard(t.Context(), e.Sealer)
	if err != nil || done.Keys != 5 || done.Mails != 1 || done.Sessions != 1 || len(told.list) != 1 {
		t.Errorf("%+v, announced %v (error %v)", done, told.list, err)
	}
	mails, err := e.Store.ClaimMail(t.Context(), e.Clock.Now(), time.Minute, 10)
	if err != nil || len(mails) != 1 || mails[0].ID != kept {
		t.Errorf("%+v wait (error %v)", mails, err)
	}
	if _, err := e.TrySignIn(t, "ada@example.com", testflow.Password); err != nil {
		t.Errorf("sign-in after it: %v", err)
	}
}

// TestO14_SeedsAreSealedAnew: after a rotation of the secret the new one alone opens the seeds of authenticator apps, also those that a
// link gives back; and what no secret opens goes.
func TestO14_SeedsAreSealedAnew(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	o, _ := operate(t, e)
	old := useOld(t, e)
	a := e.Person(t, signup.RegisterInput{Email: "ada@example.com"}).Account
	app := func() (factor.Added, string) {
		e.Clock.Advance(time.Minute)
		added, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: a.ID, Type: authcore.FactorTOTP, Client: testflow.Client()})
		if err != nil {
			t.Fatal(err)
		}
		in := factor.ConfirmInput{AccountID: a.ID, FactorID: added.Factor.ID, Code: testotp.Code(t, added.Seed, e.Clock.Now()), Client: testflow.Client()}
		if _, err := e.Factors.Confirm(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		return added, testflow.Token(t, e.Mail(t, "ada@example.com", authcore.MailFactorAdded))
	}
	stays, _ := app()
	removed, _ := app()
	e.Clock.Advance(time.Minute)
	if err := e.Factors.Remove(t.Context(), a.ID, removed.Factor.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	back := testflow.Token(t, e.Mail(t, "ada@example.com", authcore.MailFactorRemoved))
	if err := e.Sealer.Use(secretOf("new"), old); err != nil {
		t.Fatal(err)
	}
	if done, err := o.Reseal(t.Context(), e.Sealer); err != nil || done.Seeds != 1 {
		t.Errorf("%+v (error %v)", done, err)
	}
	if err := e.Sealer.Use(secretOf("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Secure.Secure(t.Context(), back, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Minute)
	for _, seed := range []string{stays.Seed, removed.Seed} {
		g := factor.Given{Type: authcore.FactorTOTP, Code: testotp.Code(t, seed, e.Clock.Now()), Client: testflow.Client()}
		if _, err := e.Factors.Verify(t.Context(), a, g); err != nil {
			t.Errorf("under the new secret: %v", err)
		}
	}
	if err := e.Sealer.Use(secretOf("third")); err != nil {
		t.Fatal(err)
	}
	if done, err := o.Discard(t.Context(), e.Sealer); err != nil || done.Seeds != 2 {
		t.Errorf("%+v (error %v)", done, err)
	}
	if all, err := e.Factors.List(t.Context(), a.ID); err != nil || len(all) != 0 {
		t.Errorf("%+v (error %v)", all, err)
	}
}
