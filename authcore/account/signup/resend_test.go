package signup_test

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestResend_AnswersAlikeForEveryAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Register(t, signup.RegisterInput{Email: "waiting@example.com"})
	e.Person(t, signup.RegisterInput{Email: bob})
	e.Clock.Advance(2 * time.Hour)
	for _, address := range []string{"waiting@example.com", bob, "nobody@example.com"} {
		var limited int
		before := len(e.Mails(t, address))
		for range 7 {
			err := e.SignUp.Resend(t.Context(), signup.ResendInput{Email: address, Client: testflow.Client()})
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

// What is not written cannot take time: as much is committed for an address that gets no mail.
func TestL02_ResendLeavesAsMuchBehindForEveryAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Register(t, signup.RegisterInput{Email: "waiting@example.com"})
	e.Person(t, signup.RegisterInput{Email: bob})
	e.Clock.Advance(2 * time.Minute)
	seen := &effects{Store: e.Store}
	f, err := signup.New(signup.Config{Invitations: e.Invite, Notices: e.Notices,
		Store: seen, Hasher: e.Hasher, Policy: e.Policy, Challenges: e.Challenges, Steps: e.Steps,
		Settings: signup.Settings{Mode: tuning.Always(signup.Verified), Identities: []authcore.IdentifierKind{authcore.KindEmail}},
		Salt:     func(string) []byte { return make([]byte, 16) }, Now: e.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	for address, dummy := range map[string]bool{"waiting@example.com": false, bob: true, "nobody@example.com": true} {
		if err := f.Resend(t.Context(), signup.ResendInput{Email: address, Client: testflow.Client()}); err != nil {
			t.Fatal(err)
		}
		fx := seen.last
		if len(fx.Events) != 0 || len(fx.Mails) != 1 || fx.Mails[0].Dummy != dummy || len(fx.Mails[0].Sealed) < 200 {
			t.Errorf("%s: %d events and mails %+v, want one mail in full, a dummy: %t", address, len(fx.Events), fx.Mails, dummy)
		}
	}
}

// effects is a store that remembers what was last committed with a challenge.
type effects struct {
	signup.Store
	last authcore.Effects
}

func (s *effects) IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error {
	s.last = fx
	return s.Store.IssueChallenge(ctx, ch, fx)
}

func TestResend_MalformedAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	for _, address := range []string{"no address", "x%y@z.example", "=?utf-8?q?x?=@z.example"} {
		testflow.WantCode(t, e.SignUp.Resend(t.Context(), signup.ResendInput{Email: address, Client: testflow.Client()}), authcore.InvalidFields)
		_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Email: address, Password: testflow.Password, Client: testflow.Client()})
		if got := testflow.WantCode(t, err, authcore.InvalidFields).Fields; len(got) != 1 || got[0].Field != "email" {
			t.Errorf("signing up with %q gave %v", address, got)
		}
	}
}

func TestResend_OpenAccount(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	e.Register(t, signup.RegisterInput{Email: bob})
	e.Clock.Advance(2 * time.Minute)
	if err := e.SignUp.Resend(t.Context(), signup.ResendInput{Email: bob, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	if n := len(e.Mails(t, bob)); n != 2 {
		t.Errorf("%d mails, want 2", n)
	}
}
