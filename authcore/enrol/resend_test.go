package enrol_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestResend_AnswersAlikeForEveryAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Register(t, enrol.Registering{Email: "waiting@example.com"})
	e.Person(t, enrol.Registering{Email: bob})
	e.Clock.Advance(2 * time.Hour)
	for _, address := range []string{"waiting@example.com", bob, "nobody@example.com"} {
		var limited int
		before := len(e.Mails(t, address))
		for range 7 {
			err := e.Enrol.Resend(t.Context(), address, testflow.Client())
			if err != nil {
				if got := testflow.WantCode(t, err, authcore.RateLimited); got.RetryAfter <= 0 {
					t.Errorf("%s: no Retry-After", address)
				}
				limited++
			}
			e.Clock.Advance(61 * time.Second)
		}
		want := 0
		if address == "waiting@example.com" {
			want = 5
		}
		if got := len(e.Mails(t, address)) - before; limited != 2 || got != want {
			t.Errorf("%s: %d mails and %d refusals, want %d and 2", address, got, limited, want)
		}
	}
}

func TestResend_MalformedAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	testflow.WantCode(t, e.Enrol.Resend(t.Context(), "no address", testflow.Client()), authcore.InvalidFields)
}

func TestResend_OpenAccount(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: enrol.Open})
	e.Register(t, enrol.Registering{Email: bob})
	e.Clock.Advance(2 * time.Minute)
	if err := e.Enrol.Resend(t.Context(), bob, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if n := len(e.Mails(t, bob)); n != 2 {
		t.Errorf("%d mails, want 2", n)
	}
}
