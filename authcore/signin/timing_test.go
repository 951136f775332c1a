package signin_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/throttle"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Tries are interleaved so that a busy machine slows all kinds of login alike. The hash takes about 10 ms: less than its
// real cost, so that 5 ms are much of it, and far more than what the look-ups take. Chance can spoil a round, a leak
// spoils each. It does not run beside the other tests of the package.
func TestL02_EqualTime(t *testing.T) {
	e := testflow.New(t, testflow.Options{
		Hash:    passhash.Config{Params: passhash.Params{MemoryKiB: 12 << 10, Time: 1, Threads: 1}},
		Lockout: throttle.Policy{Off: true},
	})
	create(t, e, withPassword(t, e, bob))
	disabled := withPassword(t, e, "disabled@example.com")
	disabled.DisabledAt = e.Clock.Now()
	create(t, e, disabled)
	create(t, e, authcore.Account{Email: "none@example.com", EmailVerifiedAt: e.Clock.Now()})
	e.Register(t, enrol.Registering{Email: "waiting@example.com"})

	var leaks []string
	for range 3 {
		if leaks = measure(t, e); len(leaks) == 0 {
			return
		}
	}
	for _, leak := range leaks {
		t.Error(leak)
	}
}

// measure fails to sign in forty times by each kind of login and says which can be told from an unknown one.
func measure(t *testing.T, e *testflow.Env) (leaks []string) {
	t.Helper()
	logins := []string{"nobody@example.com", bob, "disabled@example.com", "none@example.com", "waiting@example.com"}
	took := make(map[string][]time.Duration)
	for i := range 40 {
		for n := range logins {
			login := logins[(i+n)%len(logins)]
			start := time.Now()
			_, err := e.TrySignIn(t, login, testflow.OtherPassword)
			took[login] = append(took[login], time.Since(start))
			testflow.WantCode(t, err, authcore.InvalidCredentials)
		}
	}
	base := took[logins[0]]
	for _, login := range logins[1:] {
		delta, auc := median(took[login])-median(base), auc(took[login], base)
		t.Logf("%s: median differs by %s, AUC %.3f", login, delta, auc)
		// Chance alone spreads the AUC of forty pairs by 0.065. On a machine busy with other things medians of equal work
		// differ by more than 5 ms: there a third of the whole counts, which is still far less than one hash.
		if delta.Abs() > max(5*time.Millisecond, median(base)/3) || auc < 0.3 || auc > 0.7 {
			leaks = append(leaks, fmt.Sprintf("%s: median differs by %s from an unknown login's, AUC %.3f", login, delta, auc))
		}
	}
	return leaks
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

// auc is the chance that a time of a is longer than one of b.
func auc(a, b []time.Duration) float64 {
	var longer float64
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				longer++
			case x == y:
				longer += 0.5
			}
		}
	}
	return longer / float64(len(a)*len(b))
}
