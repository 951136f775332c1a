package password_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Asking takes as long for a login without account as for one with: the mail is composed, sealed and stored for both. They
// are asked for in turn. The short form compares processor time, which holds on a busy machine as well; the long one 400
// pairs by the clock, for which the machine must be quiet. Chance can spoil a round, a leak spoils each. It does not run
// beside the other tests of the package.
func TestL02_ForgotTakesEqualTime(t *testing.T) {
	e, _ := person(t, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitResend: {}, authcore.LimitMail: {}}})
	e.Person(t, signup.RegisterInput{Email: "amy@example.com", Username: "amy01"})
	f := flow(t, e, e.Store)
	var leak string
	for range 3 {
		clock, work := map[string][]time.Duration{}, map[string][]time.Duration{}
		for i := range soak.N(200, 400) {
			logins := [][]string{{"amy@example.com", "joe@example.com"}, {"amy01", "joe01"}}[i%2]
			if i/2%2 == 1 {
				slices.Reverse(logins)
			}
			for _, login := range logins {
				start, used := time.Now(), testflow.CPU(t)
				if err := f.Forgot(t.Context(), login, testflow.Client()); err != nil {
					t.Fatal(err)
				}
				who := login[:3]
				clock[who] = append(clock[who], time.Since(start))
				work[who] = append(work[who], testflow.CPU(t)-used)
			}
		}
		more, _ := testflow.Apart(work["amy"], work["joe"])
		later, auc := testflow.Apart(clock["amy"], clock["joe"])
		share := float64(more) / float64(testflow.Median(work["joe"]))
		t.Logf("a known login: %s more work (%.3f), %s later, AUC %.3f", more, share, later, auc)
		// Reading the account's row is some hundredths; an insert that is left out is several times what is allowed.
		byClock := soak.Long() && testflow.Told(clock["amy"], clock["joe"])
		if math.Abs(share) < 0.1 && !byClock {
			return
		}
		leak = fmt.Sprintf("a known login: %s more work (%.3f) than an unknown one, %s later, AUC %.3f", more, share, later, auc)
	}
	t.Error(leak)
}

// flow is one on the store, with the mailer of the product, whose work is what could be told.
func flow(t *testing.T, e *testflow.Env, store password.Store) *password.Flow {
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
	f, err := password.New(password.Config{
		Store: store, Hasher: e.Hasher, Policy: e.Policy, Challenges: desk, Notices: e.Notices, Factors: e.Factors, Lockouts: e.Lockouts,
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
