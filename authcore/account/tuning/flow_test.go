package tuning_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// newNode is a registry over a store, with what follows it and what changes it.
func newNode(t *testing.T, e *testflow.Env, changeable func(string) bool) (*tuning.Flow, *tuning.Follower, *tuning.Registry) {
	t.Helper()
	day := 24 * time.Hour
	r, err := tuning.NewRegistry([]tuning.Definition{
		tuning.Duration("access_lifetime", 5*time.Minute, time.Second, day),
		tuning.Duration("refresh_lifetime", 30*day, time.Second, 400*day).Or(tuning.DurationValue(20 * day)),
		tuning.Number("otp.attempts", 5, 1, 10),
	}, []tuning.Rule{{Less: "access_lifetime", Than: "refresh_lifetime"}}, changeable)
	if err != nil {
		t.Fatal(err)
	}
	follower, err := tuning.NewFollower(e.Store, nil, e.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	follower.Join(r)
	flow, err := tuning.New(tuning.Config{Store: e.Store, Registry: r, Apply: follower.Apply, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return flow, follower, r
}

func TestFlow_SetRulesEverywhereUntilReset(t *testing.T) {
	t.Parallel()
	e, ctx, by := testflow.New(t, testflow.Options{}), t.Context(), uuid.New()
	a, _, here := newNode(t, e, nil)
	b, follower, there := newNode(t, e, nil)
	s, err := a.Set(ctx, tuning.ChangeInput{Name: "access_lifetime", Value: "60s", Reason: "a test", By: by})
	if err != nil || s.Value != "1m" || s.Source != tuning.FromRuntime || s.ChangedBy != by || s.Reason != "a test" || s.Default != "5m" {
		t.Fatalf("%+v (%v)", s, err)
	}
	if here.Duration("access_lifetime")() != time.Minute {
		t.Error("it does not rule where it was set")
	}
	if err := follower.Read(ctx); err != nil || there.Duration("access_lifetime")() != time.Minute {
		t.Errorf("it does not rule on the other node (%v)", err)
	}
	if s, err = b.Reset(ctx, tuning.ChangeInput{Name: "access_lifetime"}); err != nil || s.Value != "5m" || s.Source != tuning.FromDefault || s.ChangedBy != uuid.Nil {
		t.Errorf("%+v (%v)", s, err)
	}
	if _, err = b.Reset(ctx, tuning.ChangeInput{Name: "access_lifetime"}); err != nil { // again
		t.Error(err)
	}
	all, version, err := a.List(ctx)
	if err != nil || version != 2 || all[0].Value != "5m" || all[1].Source != tuning.FromCaddyfile || all[1].Configured != "20d" {
		t.Errorf("%+v, version %d (%v)", all, version, err)
	}
	changes, next, err := a.History(ctx, "access_lifetime", 1, "")
	if err != nil || len(changes) != 1 || next == "" || changes[0].From.Text != "1m" || changes[0].To.Text != "5m" || !changes[0].Reset {
		t.Fatalf("%+v, next %q (%v)", changes, next, err)
	}
	if changes, next, err = a.History(ctx, "access_lifetime", 1, next); err != nil || len(changes) != 1 || next != "" || changes[0].By != by || changes[0].Reason != "a test" {
		t.Errorf("%+v, next %q (%v)", changes, next, err)
	}
	if got := here.Longest("access_lifetime"); got != 5*time.Minute {
		t.Errorf("longest %s", got)
	}
}

func TestFlow_Refusals(t *testing.T) {
	t.Parallel()
	e, ctx := testflow.New(t, testflow.Options{}), t.Context()
	f, _, r := newNode(t, e, func(name string) bool { return name != "otp.attempts" })
	for _, c := range []struct {
		name, value, reason string
		code                authcore.Code
		says                string
	}{
		{"access_lifetime", "25h", "", authcore.InvalidFields, "The value must be 1s-1d."},
		{"access_lifetime", "soon", "", authcore.InvalidFields, "1s-1d"},
		{"refresh_lifetime", "5m", "", authcore.InvalidFields, "1s-400d, > access_lifetime (5m)"},
		{"refresh_lifetime", "10d", strings.Repeat("x", tuning.MaxReason+1), authcore.InvalidFields, "too long"},
		{"otp.attempts", "3", "", authcore.ManagedByConfiguration, ""},
		{"data_dir", "/", "", authcore.NotFound, ""},
	} {
		_, err := f.Set(ctx, tuning.ChangeInput{Name: c.name, Value: c.value, Reason: c.reason})
		testflow.WantCode(t, err, c.code)
		var refused *authcore.Error
		if errors.As(err, &refused) && c.says != "" && !strings.Contains(refused.Fields[0].Error(), c.says) {
			t.Errorf("%s %s: %q, want %q", c.name, c.value, refused.Fields[0].Error(), c.says)
		}
	}
	_, err := f.Reset(ctx, tuning.ChangeInput{Name: "otp.attempts"})
	testflow.WantCode(t, err, authcore.ManagedByConfiguration)
	_, _, err = f.History(ctx, "access_lifetime", 0, "x")
	testflow.WantCode(t, err, authcore.InvalidRequest)
	if r.Version() != 0 {
		t.Errorf("version %d", r.Version())
	}
}

// The rules hold over all nodes: of two changes at once that do not go together one is refused, and never do both rule.
func TestFlow_RulesHoldOverNodes(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	a, _, _ := newNode(t, e, nil)
	b, _, _ := newNode(t, e, nil)
	for range 5 {
		var errs [2]error
		var both sync.WaitGroup
		both.Go(func() {
			_, errs[0] = a.Set(context.Background(), tuning.ChangeInput{Name: "access_lifetime", Value: "1h"})
		})
		both.Go(func() {
			_, errs[1] = b.Set(context.Background(), tuning.ChangeInput{Name: "refresh_lifetime", Value: "30m"})
		})
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("access_lifetime: %v, refresh_lifetime: %v; one of them does not fit", errs[0], errs[1])
		}
		for _, name := range []string{"access_lifetime", "refresh_lifetime"} {
			if _, err := a.Reset(t.Context(), tuning.ChangeInput{Name: name}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
