package password_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Who is told to try again gets a mail then: what could not be written has cost nothing of the budget of mails.
func TestForgot_FailedWriteCostsNoMail(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitMail: {Count: 1, Window: time.Hour}}})
	e.Clock.Advance(2 * time.Hour)
	before := len(e.Mails(t, bob))
	store := &failing{Store: e.Store, down: true}
	f, err := password.New(password.Config{ReadDevice: e.Sessions.DeviceDigest,
		Store: store, Hasher: e.Hasher, Policy: e.Policy, Challenges: e.Challenges, Notices: e.Notices, Factors: e.Factors, Lockouts: e.Lockouts,
		Identities: []authcore.IdentifierKind{authcore.KindEmail}, Now: e.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := f.Forgot(t.Context(), bob, testflow.Client()); !errors.Is(err, authcore.ErrUnavailable) {
			t.Fatalf("a store that is away: %v", err)
		}
	}
	store.down = false
	for range 2 { // the second one finds the budget spent
		if err := f.Forgot(t.Context(), bob, testflow.Client()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(e.Mails(t, bob)) - before; got != 1 {
		t.Errorf("%d mails went out once the store was back, want 1", got)
	}
}

// failing is a store that cannot write while it is down.
type failing struct {
	password.Store
	down bool
}

func (s *failing) IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error {
	if s.down {
		return authcore.ErrUnavailable
	}
	return s.Store.IssueChallenge(ctx, ch, fx)
}
