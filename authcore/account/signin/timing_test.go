package signin_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// An unknown login costs what every other one does. Tries are interleaved; the hash takes about 10 ms: less than its real
// cost, so that what is allowed is much of it, and far more than what the look-ups take. The short form compares processor
// time, which holds on a busy machine as well; the long one 400 pairs by the clock, for which the machine must be quiet.
// Chance can spoil a round, a leak spoils each. It does not run beside the other tests of the package.
func TestL02_EqualTime(t *testing.T) {
	e := testflow.New(t, testflow.Options{
		Hash:    passhash.Config{Params: passhash.Params{MemoryKiB: 12 << 10, Time: 1, Threads: 1}},
		Lockout: lockout.Policy{Off: true},
	})
	create(t, e, withPassword(t, e, bob))
	disabled := withPassword(t, e, "disabled@example.com")
	disabled.DisabledAt = e.Clock.Now()
	create(t, e, disabled)
	create(t, e, authcore.Account{Email: "none@example.com", EmailVerifiedAt: e.Clock.Now()})
	e.Register(t, signup.RegisterInput{Email: "waiting@example.com"})

	var leaks []string
	for range 10 {
		if leaks = measure(t, e); len(leaks) == 0 {
			return
		}
	}
	for _, leak := range leaks {
		t.Error(leak)
	}
}

// measure fails to sign in by each kind of login and says which can be told from an unknown one.
func measure(t *testing.T, e *testflow.Env) (leaks []string) {
	t.Helper()
	logins := []string{"nobody@example.com", bob, "disabled@example.com", "none@example.com", "waiting@example.com"}
	clock, work := map[string][]time.Duration{}, map[string][]time.Duration{}
	for i := range soak.N(40, 400) {
		for n := range logins {
			login := logins[(i+n)%len(logins)]
			start, used := time.Now(), testflow.CPU(t)
			_, err := e.TrySignIn(t, login, testflow.OtherPassword)
			clock[login] = append(clock[login], time.Since(start))
			work[login] = append(work[login], testflow.CPU(t)-used)
			testflow.WantCode(t, err, authcore.InvalidCredentials)
		}
	}
	unknown := testflow.Median(work[logins[0]])
	for _, login := range logins[1:] {
		more, _ := testflow.Apart(work[login], work[logins[0]])
		later, auc := testflow.Apart(clock[login], clock[logins[0]])
		t.Logf("%s: %s more work than %s, %s later, AUC %.3f", login, more, unknown, later, auc)
		byClock := soak.Long() && testflow.Told(clock[login], clock[logins[0]])
		if more.Abs() > 3*time.Millisecond || byClock {
			leaks = append(leaks, fmt.Sprintf("%s: %s more work than the %s of an unknown login, %s later, AUC %.3f", login, more, unknown, later, auc))
		}
	}
	return leaks
}
