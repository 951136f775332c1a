package caddymodule

import (
	"log/slog"
	"slices"
	"sync"
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
// That a provider is away is one line, and another when it has answered again.
func tellProvider(log *slog.Logger, now func() time.Time) func(name string, err error) {
	away := awayProviders{since: map[string]time.Time{}}
	return func(name string, err error) {
		countProvider(name, err)
		switch code := authcore.CodeOf(err); code {
		case authcore.ProviderUnavailable:
			if away.begins(name, now()) {
				log.Warn("a provider does not answer as it should; other ways to sign in work", "component", "provider", "state", "away", "provider", name, "error", err)
			}
			return
		case authcore.InvalidProviderAnswer, authcore.ProviderDenied:
			log.Info("answer of a provider refused", "provider", name, "error", err)
		}
		if lasted, was := away.ends(name, now()); was {
			log.Info("a provider answers again", "component", "provider", "state", "up", "provider", name, "outage", lasted)
		}
	}
}

// awayProviders are the providers that do not answer, and since when.
type awayProviders struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// begins notes that a provider is away, and reports whether that is new.
func (a *awayProviders) begins(name string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.since[name]
	if !known {
		a.since[name] = now
	}
	return !known
}

// ends notes that a provider has answered, and returns for how long it was away, if it was.
func (a *awayProviders) ends(name string, now time.Time) (lasted time.Duration, was bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	since, was := a.since[name]
	delete(a.since, name)
	return now.Sub(since), was
}

// countProvider is told how each sign-in by a provider has ended.
func countProvider(name string, err error) {
	outcome := resultOf(err)
	if !slices.Contains(providerOutcomes, outcome) {
		outcome = otherOutcome
	}
	providerLogins.WithLabelValues(name, outcome).Inc()
}
