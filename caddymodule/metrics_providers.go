package caddymodule

import (
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
)

// The metrics of identity providers. Their names are those of the configuration.
var (
	providerLogins = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: "provider_logins_total",
		Help: "Answers of identity providers that sign in or up, or connect, by provider and outcome."}, []string{"provider", "outcome"})
	providerSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "gatehouse", Name: "provider_seconds",
		Help:    "Time that calls to identity providers took, by provider and step.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5}}, []string{"provider", "step"})
	providerUp = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "gatehouse", Name: "provider_up",
		Help: "1 if the last call to the identity provider was answered, else 0."}, []string{"provider"})
)

var (
	providerOutcomes = append(outcomesOf(authcore.InvalidProviderAnswer, authcore.ProviderDenied, authcore.ProviderUnavailable, authcore.SignupClosed, authcore.Blocked,
		authcore.InvalidCredentials, authcore.Conflict, authcore.LimitReached, authcore.InvalidCode, authcore.TooManyAttempts, authcore.InvalidFields,
		authcore.InvitationRequired, authcore.InvalidInvitation, authcore.InvalidRequest, authcore.InvalidSocialToken), outcomePending, outcomeDeclined, otherOutcome)
	providerSteps = []string{idp.StepDiscovery, idp.StepKeys, idp.StepToken, idp.StepUserInfo}
)

// expectProvider makes every counter of a provider at once, so that none appears out of nowhere.
func expectProvider(name string) {
	for _, outcome := range providerOutcomes {
		providerLogins.WithLabelValues(name, outcome)
	}
	for _, step := range providerSteps {
		providerSeconds.WithLabelValues(name, step)
	}
}

// observeProvider is told of every call to a provider.
func observeProvider(name, step string, took time.Duration, ok bool) {
	if slices.Contains(providerSteps, step) {
		providerSeconds.WithLabelValues(name, step).Observe(took.Seconds())
	}
	up := 0.0
	if ok {
		up = 1
	}
	providerUp.WithLabelValues(name).Set(up)
}

// tellProvider counts how each sign-in by a provider has ended, and logs why its answer was refused: the browser is told no more than the code.
// That a provider is away is no line per request.
func tellProvider(log *slog.Logger) func(name string, err error) {
	return func(name string, err error) {
		countProvider(name, err)
		if code := authcore.CodeOf(err); code == authcore.InvalidProviderAnswer || code == authcore.ProviderDenied {
			log.Info("answer of a provider refused", "provider", name, "error", err)
		}
	}
}

// countProvider is told how each sign-in by a provider has ended.
func countProvider(name string, err error) {
	outcome := resultOf(err)
	if !slices.Contains(providerOutcomes, outcome) {
		outcome = otherOutcome
	}
	providerLogins.WithLabelValues(name, outcome).Inc()
}
