package passwordless_test

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
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Asking for a code takes as long for an address without an account as for one with: the mail is composed, sealed and stored for both. They are
// asked for in turn, 200 each. The short form compares processor time, which holds on a busy machine as well; the long one also the clock: medians
// that differ by less than the distance of their quartiles. Chance can spoil a round, a leak spoils each. It does not run beside the other
// tests of the package.
func TestL02_OTPTakesEqualTime(t *testing.T) {
	e, _ := person(t, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitResend: {}, authcore.LimitMail: {}}})
	e.Person(t, signup.RegisterInput{Email: "amy@example.com", Username: "amy01"})
	f := composing(t, e)
	var leak string
	for range 3 {
		clock, work := map[string][]time.Duration{}, map[string][]time.Duration{}
		for i := range 200 {
			logins := [][]string{{"amy@example.com", "joe@example.com"}, {"amy01", "joe01"}}[i%2]
			if i/2%2 == 1 {
				slices.Reverse(logins)
			}
			for _, login := range logins {
				start, used := time.Now(), testflow.CPU(t)
				if _, err := f.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Login: login}, Client: testflow.Client()}); err != nil {
					t.Fatal(err)
				}
				who := login[:3]
				clock[who], work[who] = append(clock[who], time.Since(start)), append(work[who], testflow.CPU(t)-used)
			}
		}
		more, _ := testflow.Apart(work["amy"], work["joe"])
		later, _ := testflow.Apart(clock["amy"], clock["joe"])
		share := float64(more) / float64(testflow.Median(work["joe"]))
		// An insert that is left out is several times what is allowed.
		if math.Abs(share) < 0.1 && (!soak.Long() || later.Abs() < min(quartiles(clock["amy"]), quartiles(clock["joe"]))) {
			return
		}
		leak = fmt.Sprintf("an address with an account: %s more work (%.3f) than one without, %s later", more, share, later)
	}
	t.Error(leak)
}

// quartiles is the distance of the first from the third.
func quartiles(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)*3/4] - s[len(s)/4]
}

// composing is the flow with the mailer of the product, whose work is what could be told.
func composing(t *testing.T, e *testflow.Env) *passwordless.Flow {
	t.Helper()
	mailer, err := notify.New(notify.Config{Store: e.Store, Sealer: e.Sealer, Sender: unsent{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	codes, err := challenge.New(challenge.Config{
		Store: e.Store, Limiter: e.Limiter, Mailer: mailer, Now: e.Clock.Now, Key: func() secret.MACKey { return e.Ring.MACKey("codes") },
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := passwordless.New(passwordless.Config{Store: e.Store, Challenges: codes, Steps: e.Steps, Ways: both,
		Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername},
		Key:        func() secret.MACKey { return e.Ring.MACKey("bindings") }, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// unsent is where mails would go if a worker ran.
type unsent struct{}

func (unsent) Send(context.Context, notify.Letter) error { return notify.ErrAway }
