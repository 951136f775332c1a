package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// runUntil runs a notifier's worker until ready, for at most 20 s.
func runUntil(t *testing.T, n *notify.Notifier, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() { n.Run(ctx) })
	defer worker.Wait()
	defer cancel()
	deadline := time.After(20 * time.Second)
	for !ready() {
		select {
		case <-deadline:
			t.Fatal("the worker did not do its work")
		case <-time.After(time.Millisecond):
		}
	}
}

// gathered returns every sample of a registry by name and outcome.
func gathered(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += fmt.Sprintf("{%s=%s}", l.GetName(), l.GetValue())
			}
			samples[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return samples
}

// TestMetrics_SurviveReloads: each configuration has a registry of its own; the counters in it go on.
func TestMetrics_SurviveReloads(t *testing.T) {
	t.Parallel()
	first, second := prometheus.NewPedanticRegistry(), prometheus.NewPedanticRegistry()
	for _, r := range []*prometheus.Registry{first, first, second} {
		if err := registerMetrics(r); err != nil {
			t.Fatal(err)
		}
	}
	countMail(notify.Dropped)
	a := gathered(t, first)["gatehouse_mails_total{outcome=dropped}"]
	countMail(notify.Dropped)
	if b := gathered(t, second)["gatehouse_mails_total{outcome=dropped}"]; a < 1 || b <= a {
		t.Errorf("%v before the reload and %v after it", a, b)
	}
}

// TestMetrics_LabelsAreClosed: whatever happens, no label appears that was not there from the start.
func TestMetrics_LabelsAreClosed(t *testing.T) {
	t.Parallel()
	r := prometheus.NewPedanticRegistry()
	if err := registerMetrics(r); err != nil {
		t.Fatal(err)
	}
	before := slices.Sorted(maps.Keys(gathered(t, r)))
	for _, err := range []error{nil, errors.New("x"), authcore.ErrUnavailable, authcore.Refuse(authcore.Code("ada@example.com"), ""), context.Canceled} {
		for _, method := range []string{"password", "link", "smile"} {
			loginOutcomes.of(method).result(err)
			registrationOutcomes.of(method).result(err)
		}
		refreshOutcomes.result(err)
		guardOutcomes.result(err)
	}
	for o := range notify.Outcome(5) {
		countMail(o)
	}
	for _, kind := range []authcore.MailKind{authcore.MailNewDevice, authcore.MailVerify, "smile"} {
		countNotification(kind)
	}
	after := slices.Sorted(maps.Keys(gathered(t, r)))
	if !slices.Equal(before, after) {
		t.Errorf("the metrics were\n%s\nand are\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	for _, want := range []string{
		"gatehouse_outbox_waiting", "gatehouse_outbox_oldest_seconds", "gatehouse_mails_total{outcome=sent}", "gatehouse_logins_total{method=password}{outcome=invalid_credentials}",
		"gatehouse_refreshes_total{outcome=refresh_token_reused}", "gatehouse_guard_decisions_total{outcome=authentication_required}",
	} {
		if !slices.Contains(after, want) {
			t.Errorf("there is no %s", want)
		}
	}
}

// TestMetrics_GuardDecisions is not parallel: it compares counters of the process.
func TestMetrics_GuardDecisions(t *testing.T) {
	over := newBenched(t, authcore.ModeBearer, 1, 0)
	g, token := over.guard, over.tokens[0]
	r := prometheus.NewPedanticRegistry()
	if err := registerMetrics(r); err != nil {
		t.Fatal(err)
	}
	for outcome, credential := range map[string]string{"success": token, "invalid_token": token + "x", "authentication_required": "", "anonymous": ""} {
		name := "gatehouse_guard_decisions_total{outcome=" + outcome + "}"
		before := gathered(t, r)[name]
		in := over.incoming()
		in.arrive(credential)
		if credential == "" {
			in.Header.Del("Authorization")
		}
		g.way.Policy.Optional = outcome == "anonymous"
		if err := g.ServeHTTP(httptest.NewRecorder(), in.Request, nothing); err != nil {
			t.Fatal(err)
		}
		if after := gathered(t, r)[name]; after != before+1 {
			t.Errorf("%s: %v before and %v after", outcome, before, after)
		}
	}
}

// TestMetrics_RateLimitedSignIns is not parallel: it compares counters of the process. Every way in counts what a limit refuses.
func TestMetrics_RateLimitedSignIns(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	if err := registerMetrics(r); err != nil {
		t.Fatal(err)
	}
	for path, method := range map[string]string{
		"/login": "password", "/login/mfa": "other", "/otp": "code", "/otp/verify": "code", "/verify": "code", "/passkeys/options": "passkey", "/passkeys/verify": "passkey",
	} {
		name := "gatehouse_logins_total{method=" + method + "}{outcome=rate_limited}"
		before := gathered(t, r)[name]
		countRateLimited(path)
		if after := gathered(t, r)[name]; after != before+1 {
			t.Errorf("%s: %s is %v and was %v", path, name, after, before)
		}
	}
}

// BenchmarkMetrics_GuardCount is what counting costs each guarded request; it must stay below 30 ns.
func BenchmarkMetrics_GuardCount(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			guardAdmittedCount.Inc()
		}
	})
}
