package caddymodule

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
)

// The log says why a provider's answer was refused, and nothing of sign-ins that went well or while the provider is away.
func TestTellProvider_LogsRefusals(t *testing.T) {
	t.Parallel()
	for code, logged := range map[authcore.Code]bool{authcore.InvalidProviderAnswer: true, authcore.ProviderDenied: true, authcore.ProviderUnavailable: false, "": false} {
		var log bytes.Buffer
		var err error
		if code != "" {
			err = authcore.Refuse(code, "Start again.").Because(errors.New("the reason"))
		}
		tellProvider(slog.New(slog.NewTextHandler(&log, nil)))("told", err)
		if line := log.String(); logged != (strings.Contains(line, "provider=told") && strings.Contains(line, "the reason")) || !logged && line != "" {
			t.Errorf("%q: %q", code, line)
		}
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
