package caddymodule

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var dialectRequests = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: "dialect_requests_total",
	Help: "Calls of dialects, by dialect and outcome."}, []string{"dialect", "outcome"})

// countDialect counts how a call of a dialect has ended.
func countDialect(name string, err error) {
	dialectOutcomes(name).result(err)
}

var dialectTallies sync.Map // by name

// dialectOutcomes returns the tally of a dialect. All its outcomes are there once it is configured.
func dialectOutcomes(name string) *tally {
	if t, ok := dialectTallies.Load(name); ok {
		return t.(*tally)
	}
	t := newTallyOf(dialectRequests.MustCurryWith(prometheus.Labels{"dialect": name}), outcomesOf(authcore.InvalidCredentials, authcore.InvalidToken,
		authcore.InvalidRefreshToken, authcore.RefreshTokenReused, authcore.InvalidRequest, authcore.InvalidFields, authcore.Conflict, authcore.Forbidden,
		authcore.NotFound, authcore.RateLimited, authcore.AccountLocked, authcore.AccountNotVerified)...)
	dialectTallies.Store(name, t)
	return t
}
