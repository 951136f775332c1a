package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

var secondFactors = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: "second_factors_total",
	Help: "Second factors that were given, by type and how that ended."}, []string{"type", "outcome"})

func init() {
	for _, t := range offerable {
		for _, outcome := range []string{audit.Success, string(authcore.InvalidCode), string(authcore.TooManyAttempts), string(authcore.InvalidPasskey)} {
			secondFactors.WithLabelValues(string(t), outcome)
		}
	}
}

// countSecondFactor is told how each use of a second factor has ended.
func countSecondFactor(t authcore.FactorType, outcome string) {
	secondFactors.WithLabelValues(string(t), outcome).Inc()
}
