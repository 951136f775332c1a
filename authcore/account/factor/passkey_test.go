package factor_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

const issuer = "https://auth.example.com"

// withKey adds a passkey or security key.
func withKey(t *testing.T, e *testflow.Env, a authcore.Account, kind authcore.FactorType, change ...func(*testwebauthn.Authenticator)) (*testwebauthn.Authenticator, authcore.Factor) {
	t.Helper()
	key := testwebauthn.New(issuer)
	key.Unverified = kind == authcore.FactorSecurityKey
	for _, f := range change {
		f(key)
	}
	added := add(t, e, factor.AddInput{AccountID: a.ID, Type: kind, Name: "Key"})
	done, err := e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: a.ID, FactorID: added.Factor.ID, Credential: key.Create(t, added.Options), Client: testflow.Client()})
	if err != nil {
		t.Fatalf("confirm: %v", err)
	}
	return key, done.Factor
}

// signIn gives a passkey without a name.
func signIn(t *testing.T, e *testflow.Env, key *testwebauthn.Authenticator) (authcore.Account, factor.Proved, error) {
	t.Helper()
	options, life, err := e.Factors.AskAnybody(t.Context(), testflow.Client())
	if err != nil || life != 5*time.Minute {
		t.Fatalf("options for %s: %v", life, err)
	}
	return e.Factors.Identify(t.Context(), key.Get(t, options), testflow.Client())
}

// second gives a key as second factor of a pending sign-in.
func second(t *testing.T, e *testflow.Env, a authcore.Account, key *testwebauthn.Authenticator, kind authcore.FactorType, asked, given string) (factor.Proved, error) {
	t.Helper()
	options, err := e.Factors.Ask(t.Context(), a, kind, asked, testflow.Client())
	if err != nil || options == nil {
		t.Fatalf("options %s: %v", options, err)
	}
	return verify(t, e, a, factor.Given{Type: kind, Credential: key.Get(t, options), Subject: given})
}

func TestPasskey_SignsInWithoutAName(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	key, x := withKey(t, e, a, authcore.FactorPasskey)
	if d := webauthn.Describe(x.Credential); d.RPID != "auth.example.com" || d.Synced || !x.Confirmed() {
		t.Errorf("%+v, %+v", d, x)
	}
	who, proved, err := signIn(t, e, key)
	if err != nil || who.ID != a.ID || proved.FactorID != x.ID || !slices.Equal(proved.AMR, []string{"hwk", "mfa"}) {
		t.Errorf("%s by %+v (%v)", who.ID, proved, err)
	}
	if e.Mail(t, address, authcore.MailFactorAdded).Link == "" {
		t.Error("the mail has no link")
	}
	got, err := e.Factors.Get(t.Context(), a.ID, x.ID)
	if err != nil || got.SignCount != key.Counter || got.LastUsedAt.IsZero() {
		t.Errorf("%+v (%v)", got, err)
	}
}

func TestPasskey_Synced(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	key := testwebauthn.New(issuer)
	key.Synced, key.Step = true, 0 // as the keys of phones are: without a counter
	added := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorPasskey})
	_, err := e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: a.ID, FactorID: added.Factor.ID, Credential: key.Create(t, added.Options), Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, proved, err := signIn(t, e, key); err != nil || !slices.Equal(proved.AMR, []string{"swk", "mfa"}) {
			t.Errorf("%+v (%v)", proved, err)
		}
	}
}

// A key of another origin, without user verification and so on: see package webauthn. Here is what only the store can know.
func TestO20_Replay(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	key, _ := withKey(t, e, a, authcore.FactorPasskey, func(k *testwebauthn.Authenticator) { k.Step = 0 }) // no counter helps
	options, _, err := e.Factors.AskAnybody(t.Context(), testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	shown := key.Get(t, options)
	var wins, refusals int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			_, _, err := e.Factors.Identify(t.Context(), shown, testflow.Client())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				wins++
			case authcore.CodeOf(err) == authcore.InvalidPasskey:
				refusals++
			}
		})
	}
	all.Wait()
	if wins != 1 || refusals != 99 {
		t.Errorf("%d of 100 got in, %d were refused", wins, refusals)
	}
	late, _, err := e.Factors.AskAnybody(t.Context(), testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(5*time.Minute + time.Second)
	_, _, err = e.Factors.Identify(t.Context(), key.Get(t, late), testflow.Client())
	refused(t, err, authcore.InvalidPasskey)
	_, _, err = e.Factors.Identify(t.Context(), []byte(`{"id":1}`), testflow.Client())
	refused(t, err, authcore.InvalidPasskey)
}

// What is wrong spends its challenge too: nobody tries again with the same.
func TestO20_WrongSpends(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	key, _ := withKey(t, e, a, authcore.FactorPasskey)
	options, _, err := e.Factors.AskAnybody(t.Context(), testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	key.Origin = "https://evil.example"
	_, _, err = e.Factors.Identify(t.Context(), key.Get(t, options), testflow.Client())
	refused(t, err, authcore.InvalidPasskey)
	key.Origin = issuer
	_, _, err = e.Factors.Identify(t.Context(), key.Get(t, options), testflow.Client())
	refused(t, err, authcore.InvalidPasskey)
}

// TestO20_FallingCounter: a right signature with a counter that was seen before is refused and mailed, and the passkey stays good with a
// higher one.
func TestO20_FallingCounter(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	key, _ := withKey(t, e, a, authcore.FactorPasskey)
	key.Counter = 10
	if _, _, err := signIn(t, e, key); err != nil {
		t.Fatal(err)
	}
	for _, count := range []uint32{11, 5, 0} {
		key.Counter = count - 1
		_, _, err := signIn(t, e, key)
		refused(t, err, authcore.InvalidPasskey)
		if e.Mail(t, address, authcore.MailCloneSuspected).Link == "" {
			t.Error("the mail has no link")
		}
		e.Clock.Advance(time.Second)
	}
	key.Counter = 20
	if _, _, err := signIn(t, e, key); err != nil {
		t.Errorf("with a higher counter: %v", err)
	}
}

func TestO20_RemovedKey(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	key, x := withKey(t, e, a, authcore.FactorPasskey)
	if err := e.Factors.Remove(t.Context(), a.ID, x.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	_, _, err := signIn(t, e, key)
	refused(t, err, authcore.UnknownPasskey)
}

// TestO13_KeyOfAnother: options for one account, flow, type or purpose are worth nothing for another.
func TestO13_KeyOfAnother(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	key, _ := withKey(t, e, a, authcore.FactorPasskey)
	bob := person(t, e, "bob@example.com")
	bobs, _ := withKey(t, e, bob, authcore.FactorPasskey)
	_, err := second(t, e, a, key, authcore.FactorPasskey, "flow 1", "flow 2")
	refused(t, err, authcore.InvalidPasskey)
	_, err = second(t, e, a, bobs, authcore.FactorPasskey, "flow 1", "flow 1")
	refused(t, err, authcore.InvalidPasskey)
	options, err := e.Factors.Ask(t.Context(), bob, authcore.FactorPasskey, "flow 1", testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify(t, e, a, factor.Given{Type: authcore.FactorPasskey, Credential: key.Get(t, options), Subject: "flow 1"})
	refused(t, err, authcore.InvalidPasskey)
	anybody, _, err := e.Factors.AskAnybody(t.Context(), testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify(t, e, a, factor.Given{Type: authcore.FactorPasskey, Credential: key.Get(t, anybody), Subject: "flow 1"})
	refused(t, err, authcore.InvalidPasskey)
	bobs.Handle = factor.Handle(a.ID)
	_, _, err = signIn(t, e, bobs)
	refused(t, err, authcore.InvalidPasskey)
	if proved, err := second(t, e, a, key, authcore.FactorPasskey, "flow 1", "flow 1"); err != nil || !slices.Equal(proved.AMR, []string{"hwk", "mfa"}) {
		t.Errorf("%+v (%v)", proved, err)
	}
}

// TestO13_RegisterForAnother: options to add a key are of one factor, and a credential is of one account.
func TestO13_RegisterForAnother(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	bob := person(t, e, "bob@example.com")
	mine, bobs := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorPasskey}), add(t, e, factor.AddInput{AccountID: bob.ID, Type: authcore.FactorPasskey})
	key := testwebauthn.New(issuer)
	in := factor.ConfirmInput{AccountID: bob.ID, FactorID: bobs.Factor.ID, Credential: key.Create(t, mine.Options), Client: testflow.Client()}
	_, err := e.Factors.Confirm(t.Context(), in)
	refused(t, err, authcore.InvalidPasskey)
	in.FactorID = mine.Factor.ID
	_, err = e.Factors.Confirm(t.Context(), in)
	refused(t, err, authcore.NotFound)
	in.FactorID, in.Credential = bobs.Factor.ID, nil
	_, err = e.Factors.Confirm(t.Context(), in)
	refused(t, err, authcore.InvalidPasskey)
}

// A security key is a second factor only, and one kind of proof.
func TestSecurityKey_SecondOnly(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	key, _ := withKey(t, e, a, authcore.FactorSecurityKey)
	proved, err := second(t, e, a, key, authcore.FactorSecurityKey, "p", "p")
	if err != nil || !slices.Equal(proved.AMR, []string{"hwk"}) {
		t.Errorf("%+v (%v)", proved, err)
	}
	key.Unverified = false
	_, _, err = signIn(t, e, key)
	refused(t, err, authcore.InvalidPasskey)
}

func TestPasskey_NotOffered(t *testing.T) {
	e, a := ada(t, testflow.Options{Factors: []authcore.FactorType{authcore.FactorTOTP}})
	_, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: a.ID, Type: authcore.FactorPasskey, Client: testflow.Client()})
	refused(t, err, authcore.InvalidFields)
	_, _, err = e.Factors.AskAnybody(t.Context(), testflow.Client())
	refused(t, err, authcore.NotFound)
	_, _, err = e.Factors.Identify(t.Context(), nil, testflow.Client())
	refused(t, err, authcore.NotFound)
}

// A host that is an address has no passkeys: browsers know them for names alone.
func TestPasskey_HostIsAnAddress(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	c := testflow.Client()
	c.Issuer = "https://192.0.2.1"
	_, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: a.ID, Type: authcore.FactorPasskey, Client: c})
	refused(t, err, authcore.InvalidFields)
	_, _, err = e.Factors.AskAnybody(t.Context(), c)
	refused(t, err, authcore.NotFound)
}
