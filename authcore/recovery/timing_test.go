package recovery_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/recovery"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/throttle"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Asking is to take as long for a login without account as for one with: the mail is composed, sealed and stored for both.
// Known and unknown are asked for in turn, so that a busy machine slows both alike. Chance can spoil a round, a leak spoils
// each. It does not run beside the other tests of the package.
func TestL02_ForgotTakesEqualTime(t *testing.T) {
	e, _ := person(t, testflow.Options{Rates: map[string]throttle.Rate{authcore.LimitResend: {}, authcore.LimitMail: {}}})
	e.Person(t, enrol.Registering{Email: "amy@example.com", Username: "amy01"})
	f := mailing(t, e)
	const rounds, pairs = 3, 100
	var leak string
	for range rounds {
		took := map[bool][]time.Duration{}
		for i := range pairs {
			for n := range 2 {
				known := (i+n)%2 == 0
				login := []string{"joe@example.com", "joe01"}[i/2%2]
				if known {
					login = []string{"amy@example.com", "amy01"}[i/2%2]
				}
				start := time.Now()
				if err := f.Forgot(t.Context(), login, testflow.Client()); err != nil {
					t.Fatal(err)
				}
				took[known] = append(took[known], time.Since(start))
			}
		}
		delta, auc := median(took[true])-median(took[false]), auc(took[true], took[false])
		t.Logf("median %s, differs by %s, AUC %.3f", median(took[true]), delta, auc)
		if auc >= 0.3 && auc <= 0.7 && delta.Abs() <= max(time.Millisecond, median(took[false])/4) {
			return
		}
		leak = fmt.Sprintf("median for a known login differs by %s from an unknown one's, AUC %.3f", delta, auc)
	}
	t.Error(leak)
}

// mailing is the flow with the mailer of the product, whose work is what could be told.
func mailing(t *testing.T, e *testflow.Env) *recovery.Flow {
	t.Helper()
	mailer, err := notify.New(notify.Config{Store: e.Store, Sealer: e.Sealer, Sender: unsent{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	desk, err := challenge.New(challenge.Config{
		Store: e.Store, Limiter: e.Limiter, Mailer: mailer, Now: e.Clock.Now, Key: func() secret.MACKey { return e.Ring.MACKey("codes") },
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := recovery.New(recovery.Config{
		Store: e.Store, Hasher: e.Hasher, Policy: e.Policy, Challenges: desk, Lockouts: e.Lockouts, Revoker: nobodyHears{},
		Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}, Now: e.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// unsent is where mails would go if a worker ran.
type unsent struct{}

func (unsent) Send(context.Context, notify.Letter) error { return notify.ErrAway }

// nobodyHears of revocations: asking for a mail makes none.
type nobodyHears struct{}

func (nobodyHears) Announce(context.Context, ...authcore.Revocation) {}

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
