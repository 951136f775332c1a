package password_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

func remove(t *testing.T, e *testflow.Env, id uuid.UUID) error {
	t.Helper()
	_, err := e.Password.Remove(t.Context(), id, testflow.Client())
	return err
}

// passkey adds one to the account.
func passkey(t *testing.T, e *testflow.Env, id uuid.UUID, kind authcore.FactorType) authcore.Factor {
	t.Helper()
	key := testwebauthn.New("https://auth.example.com")
	key.Unverified = kind == authcore.FactorSecurityKey
	added, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: id, Type: kind, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: id, FactorID: added.Factor.ID, Credential: key.Create(t, added.Options), Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return added.Factor
}

// Recovery by mail is no way in.
func TestRemove_LastWayIn(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]testflow.Options{
		"passwords alone":   {},
		"no passkey":        {Ways: passwordless.Ways{}},
		"key is no passkey": {},
		"address finds nobody": {Ways: passwordless.Ways{Code: true}, Identities: []authcore.IdentifierKind{authcore.KindUsername},
			Mode: signup.Open},
	} {
		e := testflow.New(t, o)
		var id uuid.UUID
		if o.Mode == signup.Open { // by a username, with an address that was never verified
			id = e.Register(t, signup.RegisterInput{Email: address, Username: "ada01"}).Account.ID
		} else {
			id = e.Person(t, signup.RegisterInput{Email: address, Username: "ada01"}).Account.ID
		}
		if name == "key is no passkey" {
			passkey(t, e, id, authcore.FactorSecurityKey)
		}
		testflow.WantCode(t, remove(t, e, id), authcore.LastWayIn)
		testflow.WantCode(t, remove(t, e, uuid.New()), authcore.InvalidToken)
		if _, err := e.TrySignIn(t, "ada01", testflow.Password); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]testflow.Options{
		"code": {Ways: passwordless.Ways{Code: true}}, "link": {Ways: passwordless.Ways{Link: true}}, "passkey": {},
	} {
		e := testflow.New(t, o)
		mine := e.Person(t, signup.RegisterInput{Email: address})
		if name == "passkey" {
			passkey(t, e, mine.Account.ID, authcore.FactorPasskey)
		}
		if err := e.Password.Forgot(t.Context(), address, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		removed, err := e.Password.Remove(t.Context(), mine.Account.ID, testflow.Client())
		if !removed || err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if v := e.Revoked.Check(mine.Session.ID, mine.Account.ID, mine.Account.Epoch, 0); v != authcore.Revoked {
			t.Errorf("%s: an access token is still good", name)
		}
		_, err = e.TrySignIn(t, address, testflow.Password)
		testflow.WantCode(t, err, authcore.InvalidCredentials)
		_, err = e.TrySignIn(t, address, "")
		testflow.WantCode(t, err, authcore.InvalidCredentials)
		// A link that was under way would set one again.
		token := testflow.Token(t, e.Mail(t, address, authcore.MailReset))
		testflow.WantCode(t, reset(t, e, password.ResetInput{Token: token}), authcore.InvalidCode)
		if m := e.Mail(t, address, authcore.MailPasswordRemoved); m.Link == "" {
			t.Errorf("%s: the notice has no link", name)
		}
		// Once more changes nothing, and ends no session.
		if removed, err := e.Password.Remove(t.Context(), mine.Account.ID, testflow.Client()); removed || err != nil {
			t.Errorf("%s: again: %v %v", name, removed, err)
		}
	}
}

// A way in that leads to a second step which the account cannot give is none: by mail alone one gives one kind of proof.
func TestRemove_LeavesTwoKinds(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Ways: passwordless.Ways{Code: true}})
	id := e.Person(t, signup.RegisterInput{Email: address}).Account.ID
	e.EmailFactor(t, id)
	testflow.WantCode(t, remove(t, e, id), authcore.LastWayIn)
	passkey(t, e, id, authcore.FactorSecurityKey)
	if err := remove(t, e, id); err != nil {
		t.Error(err)
	}
}

// "This was not me" takes the removal back: the thief's session ends, and the owner sets a password.
func TestRemove_TakenBack(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Ways: passwordless.Ways{Code: true}})
	id := e.Person(t, signup.RegisterInput{Email: address}).Account.ID
	if err := remove(t, e, id); err != nil {
		t.Fatal(err)
	}
	done, err := e.Secure.Secure(t.Context(), testflow.Token(t, e.Mail(t, address, authcore.MailPasswordRemoved)), testflow.Client())
	if err != nil || len(done.Undone) != 1 || done.Undone[0] != "password" || done.ResetToken == "" {
		t.Fatalf("%+v (%v)", done, err)
	}
	if err := reset(t, e, password.ResetInput{Token: done.ResetToken}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.TrySignIn(t, address, testflow.OtherPassword); err != nil {
		t.Error(err)
	}
}

// The last passkey, address and username of who has no password stay.
func TestWayIn_OfAccountsWithoutAPassword(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Ways: passwordless.Ways{Code: true}})
	id := e.Person(t, signup.RegisterInput{Email: address, Username: "ada01"}).Account.ID
	if err := remove(t, e, id); err != nil {
		t.Fatal(err)
	}
	_, err := e.Contact.RemoveEmail(t.Context(), id, testflow.Client())
	testflow.WantCode(t, err, authcore.LastWayIn) // the username alone leads to no mailbox
	x := passkey(t, e, id, authcore.FactorPasskey)
	if _, err := e.Contact.RemoveEmail(t.Context(), id, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, e.Factors.Remove(t.Context(), id, x.ID, testflow.Client()), authcore.LastWayIn)
}
