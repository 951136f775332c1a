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
	f := flow(t, e, e.Store)
	var leak string
	for range 3 {
		took := map[string][]time.Duration{}
		for i := range 40 {
			logins := [][]string{{"amy@example.com", "joe@example.com"}, {"amy01", "joe01"}}[i%2]
			if i/2%2 == 1 {
				slices.Reverse(logins)
			}
			for login, d := range quickest(t, f, logins) {
				who := login[:3]
				took[who] = append(took[who], d)
			}
		}
		known, unknown := took["amy"], took["joe"]
		delta, auc := median(known)-median(unknown), auc(known, unknown)
		t.Logf("median %s, differs by %s, AUC %.3f", median(known), delta, auc)
		// On an idle machine the shortest times spread so little that reading the account's row shows among them; an insert
		// that is left out is several times as much.
		if auc >= 0.3 && auc <= 0.7 || delta.Abs() < median(unknown)/8 {
			return
		}
		leak = fmt.Sprintf("median for a known login differs by %s from an unknown one's, AUC %.3f", delta, auc)
	}
	t.Error(leak)
}

// quickest asks for each login in turn, several times, and returns the shortest time of each: what else the machine does
// makes times longer and never shorter.
func quickest(t *testing.T, f *recovery.Flow, logins []string) map[string]time.Duration {
	t.Helper()
	least := map[string]time.Duration{}
	for i := range 8 {
		for _, login := range logins {
			start := time.Now()
			if err := f.Forgot(t.Context(), login, testflow.Client()); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(start); i == 0 || d < least[login] {
				least[login] = d
			}
		}
	}
	return least
}

// flow is one on the store, with the mailer of the product, whose work is what could be told.
func flow(t *testing.T, e *testflow.Env, store recovery.Store) *recovery.Flow {
	t.Helper()
	mailer, err := notify.New(notify.Config{Store: e.Store, Sealer: e.Sealer, Sender: unsent{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	desk, err := challenge.New(challenge.Config{
		Store: store, Limiter: e.Limiter, Mailer: mailer, Now: e.Clock.Now, Key: func() secret.MACKey { return e.Ring.MACKey("codes") },
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := recovery.New(recovery.Config{
		Store: store, Hasher: e.Hasher, Policy: e.Policy, Challenges: desk, Lockouts: e.Lockouts, Revoker: nobodyHears{},
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
