package signin_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const bob = "bob@example.com"

func TestPassword_SignsInByAddressAndUsername(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	want := e.Person(t, signup.RegisterInput{Email: bob, Username: "bobby"}).Account.ID
	for _, login := range []string{bob, " BOB@Example.com ", "bobby", "Bobby", "b\u200bobby"} {
		tokens, err := e.TrySignIn(t, login, testflow.Password)
		if err != nil || tokens.Account.ID != want || len(tokens.Session.AMR) != 1 || tokens.Session.AMR[0] != "pwd" {
			t.Errorf("login %q: %v, amr %v", login, err, tokens.Session.AMR)
		}
	}
	r := testflow.Request()
	r.DeviceName = "tv\x00"
	_, err := e.SignIn.Password(t.Context(), signin.Input{Login: bob, Password: testflow.Password, Request: r})
	testflow.WantCode(t, err, authcore.InvalidFields)
}

func TestL01_EqualAnswers(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob})
	disabled := withPassword(t, e, "disabled@example.com")
	disabled.DisabledAt = e.Clock.Now()
	create(t, e, disabled)
	e.Register(t, signup.RegisterInput{Email: "waiting@example.com"})
	create(t, e, authcore.Account{Email: "none@example.com", EmailVerifiedAt: e.Clock.Now()})

	var answers []authcore.Error
	for _, c := range []struct{ login, password string }{
		{"nobody@example.com", testflow.Password},
		{"nobody", testflow.Password},
		{bob, testflow.OtherPassword},
		{bob, ""},
		{"disabled@example.com", testflow.Password},
		{"disabled@example.com", testflow.OtherPassword},
		{"none@example.com", testflow.Password},
		{"none@example.com", ""},
		{"waiting@example.com", testflow.OtherPassword},
		{"", ""},
		{strings.Repeat("x", 1<<20), testflow.Password},
		{bob, strings.Repeat("x", 10<<20)},
		{bob, "\xff\xfe"},
	} {
		_, err := e.TrySignIn(t, c.login, c.password)
		got := testflow.WantCode(t, err, authcore.InvalidCredentials)
		answers = append(answers, *got)
	}
	for _, a := range answers[1:] {
		if a.Detail != answers[0].Detail || a.RetryAfter != 0 || len(a.Fields) != 0 {
			t.Errorf("answers differ: %+v and %+v", answers[0], a)
		}
	}
	_, err := e.TrySignIn(t, "waiting@example.com", testflow.Password)
	testflow.WantCode(t, err, authcore.AccountNotVerified)
}

func TestL01_RightPasswordOfADisabledAccountCountsAsWrong(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	disabled := withPassword(t, e, bob)
	disabled.DisabledAt = e.Clock.Now()
	create(t, e, disabled)
	for range 5 {
		_, err := e.TrySignIn(t, bob, testflow.Password)
		testflow.WantCode(t, err, authcore.InvalidCredentials)
	}
	_, err := e.TrySignIn(t, bob, testflow.Password)
	testflow.WantCode(t, err, authcore.AccountLocked)
}

func TestPassword_UnprovenAccount(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	unverified := withPassword(t, e, bob)
	unverified.EmailVerifiedAt = time.Time{}
	create(t, e, unverified)
	_, err := e.TrySignIn(t, bob, testflow.Password)
	testflow.WantCode(t, err, authcore.AccountNotVerified)
	_, err = e.TrySignIn(t, bob, testflow.OtherPassword)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
}

func TestPassword_OnlyListedKindsSignIn(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Identities: []authcore.IdentifierKind{authcore.KindEmail}})
	e.Person(t, signup.RegisterInput{Email: bob, Username: "bobby"})
	_, err := e.TrySignIn(t, "bobby", testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
		t.Error(err)
	}
}

func TestL07_EverySpellingSharesOneCounter(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob, Username: "bobby"})
	fail := func(logins ...string) {
		for _, login := range logins {
			_, err := e.TrySignIn(t, login, testflow.OtherPassword)
			testflow.WantCode(t, err, authcore.InvalidCredentials)
		}
	}
	fail("Bob@example.com", " bob@EXAMPLE.com", "bobby", "Bobby\u200b", "\uff42obby")
	for _, login := range []string{bob, "bobby", "BOBBY"} {
		_, err := e.TrySignIn(t, login, testflow.Password)
		if got := testflow.WantCode(t, err, authcore.AccountLocked); got.RetryAfter <= 0 || got.RetryAfter > time.Minute {
			t.Errorf("Retry-After %s, want at most the first lock of a minute", got.RetryAfter)
		}
	}
	fail("ghost@example.com", "Ghost@Example.com", " ghost@example.com ", "gh\u200bost@example.com", "\uff47host@example.com")
	_, err := e.TrySignIn(t, "ghost@example.com", testflow.Password)
	testflow.WantCode(t, err, authcore.AccountLocked) // counted, existing or not
	e.Clock.Advance(61 * time.Second)
	if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestL08_ParallelGuessesReachTheHasherFiveTimes(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob})
	for _, login := range []string{bob, "ghost@example.com"} {
		var mu sync.Mutex
		codes := map[authcore.Code]int{}
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				_, err := e.TrySignIn(t, login, testflow.OtherPassword)
				mu.Lock()
				defer mu.Unlock()
				codes[authcore.CodeOf(err)]++
			})
		}
		wg.Wait()
		if codes[authcore.InvalidCredentials] != 5 || codes[authcore.AccountLocked] != 195 {
			t.Errorf("%s: %v, want 5 hashed and 195 refused", login, codes)
		}
	}
}

func TestL12_ParallelRightSignInsAllPass(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
				t.Errorf("a right password: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestL17_PasswordsAreNotCut(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Lockout: lockout.Policy{Off: true}})
	long := strings.Repeat("quartz-ledger-", 6)[:72]
	for address, password := range map[string]string{"a@example.com": long + "x", "b@example.com": "tundra-Ledger\x00-51-quartz"} {
		e.Person(t, signup.RegisterInput{Email: address, Password: password})
		if _, err := e.TrySignIn(t, address, password); err != nil {
			t.Fatalf("%s: %v", address, err)
		}
	}
	for _, c := range []struct{ login, password string }{
		{"a@example.com", long}, {"a@example.com", long + "y"}, {"b@example.com", "tundra-Ledger"},
		{"b@example.com", "tundra-Ledger\x00"}, {"b@example.com", "tundra-Ledger\x00-51-quartx"},
	} {
		_, err := e.TrySignIn(t, c.login, c.password)
		testflow.WantCode(t, err, authcore.InvalidCredentials)
	}
}

func TestL18_PasswordsHaveOneNormalForm(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob, Password: "tundra-Ledg\u00e9r-51 "})
	if _, err := e.TrySignIn(t, bob, "tundra-Ledge\u0301r-51 "); err != nil {
		t.Errorf("the decomposed form: %v", err)
	}
	_, err := e.TrySignIn(t, bob, "tundra-Ledg\u00e9r-51")
	testflow.WantCode(t, err, authcore.InvalidCredentials) // the space counts

	e.Person(t, signup.RegisterInput{Email: "eve@example.com", Password: "tundra-Ledge\u0301r-51 "})
	if _, err := e.TrySignIn(t, "eve@example.com", "tundra-Ledg\u00e9r-51 "); err != nil {
		t.Errorf("the composed form of a password chosen decomposed: %v", err)
	}
}

func TestPassword_RaisesTheCostOfAnOldHash(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	old, err := passhash.New(passhash.Config{Params: passhash.Params{MemoryKiB: 32, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := old.Hash(t.Context(), testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	id := create(t, e, authcore.Account{Email: bob, EmailVerifiedAt: e.Clock.Now(), PasswordHash: hash})
	_, err = e.TrySignIn(t, bob, testflow.OtherPassword)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	if a, _ := e.Store.AccountByID(t.Context(), id); a.PasswordHash != hash {
		t.Fatal("a wrong password replaced the hash")
	}
	for range 2 {
		if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
			t.Fatal(err)
		}
		if a, _ := e.Store.AccountByID(t.Context(), id); a.PasswordHash == hash || e.Hasher.NeedsRehash(a.PasswordHash) {
			t.Fatal("the hash still has its old cost")
		}
	}
}

func TestPassword_BusyHasherSpendsNoTry(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Hash: passhash.Config{
		Params: testflow.CheapHash.Params, Workers: 1, MaxQueue: 1, QueueWait: time.Millisecond,
	}})
	e.Person(t, signup.RegisterInput{Email: bob})
	release := occupy(t, e.Hasher)
	for range 6 { // one more than lock
		_, err := e.TrySignIn(t, bob, testflow.OtherPassword)
		got := testflow.WantCode(t, err, authcore.Unavailable)
		if !errors.Is(err, authcore.ErrUnavailable) || got.RetryAfter <= 0 {
			t.Errorf("%v, Retry-After %s", err, got.RetryAfter)
		}
	}
	release()
	if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
		t.Errorf("once it is free again: %v", err)
	}
}

func TestPassword_CancelledTryIsGivenBack(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 8 {
		_, err := e.SignIn.Password(ctx, signin.Input{Login: bob, Password: testflow.OtherPassword, Request: testflow.Request()})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestNew_NamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := signin.New(signin.Config{}); err == nil {
		t.Error("a flow without collaborators was made")
	}
}
