package caddymodule

import "github.com/prometheus/client_golang/prometheus"

// What becomes of an invitation: outcomes that a dashboard shows from the start.
var invitations = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: "invitations_total",
	Help: "Invitations by what became of them."}, []string{"outcome"})

func init() {
	for _, outcome := range []string{"created", "used", "revoked"} {
		invitations.WithLabelValues(outcome)
	}
}
