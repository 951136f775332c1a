package secondstep_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// withApp is Ada with an authenticator app and second factors on, and the seed of the app. Its next code is of the step that comes.
func withApp(t *testing.T) (e *testflow.Env, ada authcore.Account, next func() string) {
	t.Helper()
	e = testflow.New(t, testflow.Options{})
	ada = e.Person(t, signup.RegisterInput{Email: "ada@example.com"}).Account
	added, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: ada.ID, Type: authcore.FactorTOTP, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: ada.ID, FactorID: added.Factor.ID, Code: testotp.Code(t, added.Seed, e.Clock.Now()),
		Enable: true, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return e, ada, func() string {
		e.Clock.Advance(30 * time.Second)
		return testotp.Code(t, added.Seed, e.Clock.Now())
	}
}

// O04: a hundred clients with one right code are one sign-in, and no guess of the other ninety-nine is counted: the next right code is
// taken. Wrong codes count, whatever is used at the same time: no more than ten are looked at.
func TestO04_OneRightCodeIsNoGuess(t *testing.T) {
	t.Parallel()
	e, ada, next := withApp(t)
	atOnce := func(codes ...string) (got map[authcore.Code]int) {
		got = map[authcore.Code]int{}
		var all sync.WaitGroup
		var mu sync.Mutex
		for i := range 100 {
			all.Go(func() {
				_, err := e.Steps.ProveOTP(t.Context(), ada, codes[i%len(codes)], testflow.Client())
				outcome := authcore.Code("")
				if err != nil {
					outcome = authcore.CodeOf(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got[outcome]++
			})
		}
		all.Wait()
		return got
	}
	for range 2 {
		if got := atOnce(next()); got[""] != 1 || got[""]+got[authcore.InvalidCode]+got[authcore.TooManyAttempts] != 100 {
			t.Errorf("one right code: %v", got)
		}
	}
	if _, err := e.Steps.ProveOTP(t.Context(), ada, next(), testflow.Client()); err != nil {
		t.Errorf("after two hundred right codes: %v", err)
	}
	right := next()
	if got := atOnce(right, wrong(right)); got[""] > 1 || got[authcore.TooManyAttempts] < 40 {
		t.Errorf("fifty wrong codes among fifty right ones: %v", got)
	}
	_, err := e.Steps.ProveOTP(t.Context(), ada, next(), testflow.Client())
	testflow.WantCode(t, err, authcore.TooManyAttempts)
}

// A recovery code may have digits alone. It is tried as one, and not as a code of the app: it costs no guess there.
func TestProveOTP_RecoveryCodeOfDigits(t *testing.T) {
	t.Parallel()
	e, ada, next := withApp(t)
	was, err := e.Store.FactorState(t.Context(), ada.ID, e.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	former := was.Factors[slices.IndexFunc(was.Factors, func(x authcore.Factor) bool { return x.Type == authcore.FactorRecovery })]
	now := e.Clock.Now()
	set := authcore.Factor{ID: uuid.Must(uuid.NewV7()), AccountID: ada.ID, Type: authcore.FactorRecovery, CreatedAt: now, ConfirmedAt: now}
	err = e.Store.ChangeFactors(t.Context(), factor.Change{Was: was, Remove: []uuid.UUID{former.ID}, Add: []authcore.Factor{set},
		Codes: []secret.Digest{gateway.RecoveryKey(e.Ring)().MAC(ada.ID[:], []byte("0123456789"))}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		_, err := e.Steps.ProveOTP(t.Context(), ada, "98765-43210", testflow.Client())
		testflow.WantCode(t, err, authcore.InvalidCode)
	}
	if proved, err := e.Steps.ProveOTP(t.Context(), ada, "o1234 56789", testflow.Client()); err != nil || proved.Type != authcore.FactorRecovery {
		t.Errorf("the recovery code is %+v (%v)", proved, err)
	}
	if proved, err := e.Steps.ProveOTP(t.Context(), ada, next(), testflow.Client()); err != nil || proved.Type != authcore.FactorTOTP {
		t.Errorf("the code of the app is %+v (%v)", proved, err)
	}
}
