package testflow

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
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// Unlimited leaves out the limits of messages to one recipient.
func Unlimited() Options {
	return Options{Rates: map[string]ratelimit.Rate{authcore.LimitResend: {}, authcore.LimitMail: {}}}
}

// EqualTime wants a call to take as long for a login with an account as for one without. They are asked for in turn, so many each. The short
// form compares processor time, which holds on a busy machine as well; the long one also the clock, for which the machine must be quiet:
// neither can be told from the other, and the medians differ by less than the distance of the quartiles. Chance can spoil a round, a leak
// spoils each. It must not run beside other tests of the package. The flow of ask needs [Env.Composing] and [Unlimited].
func (e *Env) EqualTime(t *testing.T, each int, ask func(login string) error) {
	t.Helper()
	e.Person(t, signup.RegisterInput{Email: "amy@example.com", Username: "amy01"})
	var leak string
	for range 3 {
		clock, work := map[string][]time.Duration{}, map[string][]time.Duration{}
		for i := range each {
			logins := [][]string{{"amy@example.com", "joe@example.com"}, {"amy01", "joe01"}}[i%2]
			if i/2%2 == 1 {
				slices.Reverse(logins)
			}
			for _, login := range logins {
				start, used := time.Now(), CPU(t)
				if err := ask(login); err != nil {
					t.Fatal(err)
				}
				who := login[:3]
				clock[who], work[who] = append(clock[who], time.Since(start)), append(work[who], CPU(t)-used)
			}
		}
		more, _ := Apart(work["amy"], work["joe"])
		later, auc := Apart(clock["amy"], clock["joe"])
		share := float64(more) / float64(Median(work["joe"]))
		t.Logf("a known login: %s more work (%.3f), %s later, AUC %.3f", more, share, later, auc)
		byClock := soak.Long() && (Told(clock["amy"], clock["joe"]) || later.Abs() >= min(quartiles(clock["amy"]), quartiles(clock["joe"])))
		// Reading the account's row is some hundredths; an insert that is left out is several times what is allowed.
		if math.Abs(share) < 0.1 && !byClock {
			return
		}
		leak = fmt.Sprintf("a known login: %s more work (%.3f) than an unknown one, %s later, AUC %.3f", more, share, later, auc)
	}
	t.Error(leak)
}

// quartiles is the distance of the first from the third.
func quartiles(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)*3/4] - s[len(s)/4]
}

// Composing returns an issuer of challenges with the mailer of the product, whose work is what could be told by its time. Nothing is sent.
func (e *Env) Composing(t testing.TB) *challenge.Issuer {
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
	return codes
}

// unsent is where mails would go if a worker ran.
type unsent struct{}

func (unsent) Send(context.Context, notify.Letter) error { return notify.ErrAway }
