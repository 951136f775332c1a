package caddymodule

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
)

// The log says why a provider's answer was refused or could not be had, and nothing of sign-ins that went well.
func TestTellProvider_LogsRefusals(t *testing.T) {
	t.Parallel()
	for code, logged := range map[authcore.Code]bool{authcore.InvalidProviderAnswer: true, authcore.ProviderDenied: true, authcore.ProviderUnavailable: true, "": false} {
		var log bytes.Buffer
		var err error
		if code != "" {
			err = authcore.Refuse(code, "Start again.").Because(errors.New("the reason"))
		}
		tellProvider(slog.New(slog.NewTextHandler(&log, nil)), time.Now)("told", err)
		if line := log.String(); logged != (strings.Contains(line, "provider=told") && strings.Contains(line, "the reason")) || !logged && line != "" {
			t.Errorf("%q: %q", code, line)
		}
	}
}

// A provider that is away is one line for each outage, and another when it answers again, whatever it answers then.
func TestTellProvider_LogsOutagesOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	now := time.Now()
	tell := tellProvider(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	away := authcore.Refuse(authcore.ProviderUnavailable, "Try again.").Because(errors.New("no such issuer"))
	tell("first", nil)
	for range 3 {
		tell("first", away)
		now = now.Add(time.Second)
	}
	tell("second", away)
	for range 2 {
		tell("first", authcore.ErrDeclined)
	}
	tell("first", away)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	for i, want := range []string{"state=away provider=first", "state=away provider=second", "state=up provider=first outage=3s", "state=away provider=first"} {
		if i >= len(lines) || !strings.Contains(lines[i], want) || strings.Contains(want, "away") != strings.Contains(lines[i], "no such issuer") {
			t.Errorf("line %d is not %q: %q", i, want, lines)
		}
	}
	if len(lines) != 4 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

// What is no sign-in yet, or was declined at the provider, is counted as what it is.
func TestCountProvider_NotSuccess(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	r.MustRegister(providerLogins, loginOutcomes.vec)
	expectProvider("apart")
	_, done := traceSignIns(t.Context(), federated.Step)
	before := gathered(t, r)
	for outcome, err := range map[string]error{"pending": authcore.ErrSecondStep, "declined": authcore.ErrDeclined} {
		countProvider("apart", err)
		done(err)
		now := gathered(t, r)
		for _, sample := range []string{"gatehouse_provider_logins_total{outcome=" + outcome + "}{provider=apart}", "gatehouse_logins_total{method=provider}{outcome=" + outcome + "}"} {
			if now[sample] <= before[sample] {
				t.Errorf("%s is %v, as it was", sample, now[sample])
			}
		}
	}
}
