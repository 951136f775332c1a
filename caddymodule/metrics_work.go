package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// The metrics of work that is done for requests: calls of the database, password hashes, limits.
var (
	storeCalls = newTally("database_calls_total", "Calls of the database, by outcome.", outcomeSuccess, outcomeNotFound, outcomeConflict,
		outcomeWrongCode, outcomeCanceled, storeReadOnly, string(authcore.Unavailable), string(authcore.Internal))
	storeSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "gatehouse", Name: "database_call_seconds",
		Help:    "Duration of database calls, including waiting for a connection and all retries, by kind.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}}, []string{"kind"})
	storeReads, storeWrites = storeSeconds.WithLabelValues("read"), storeSeconds.WithLabelValues("write")

	hashOutcomes = newTally("password_hashes_total", "Callers that wanted a password hash, by outcome: unavailable were those that waited too long or found the queue full.",
		outcomeSuccess, string(authcore.Unavailable), outcomeCanceled)
	hashSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "gatehouse", Name: "password_hash_wait_seconds",
		Help: "How long requests for a password hash wait for a worker.", Buckets: []float64{.001, .01, .05, .1, .25, .5, 1, 2, 4}})

	limitRefusals = newRefusals()

	revocationCount = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: "revocations_total",
		Help: "Revocations of sessions and accounts, by whether this node made them or received them through Redis."}, []string{"origin"})
	revocationsMade, revocationsReceived = revocationCount.WithLabelValues("here"), revocationCount.WithLabelValues("feed")

	handoverOutcomes = newTally("handovers_total", "Hand-overs of a session to another host: codes issued and redeemed, and what was refused or went wrong, by outcome.",
		handoverIssued, handoverRedeemed, outcomeCanceled, string(authcore.Unavailable), string(authcore.Internal), string(authcore.InvalidCode))

	accountsDeleted = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "gatehouse", Name: "accounts_deleted_total",
		Help: "Accounts that were deleted."})

	refreshesRepeated = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "gatehouse", Name: "refreshes_repeated_total",
		Help: "Refreshes that got the same new token again, after a lost answer or in a second tab."})
)

const (
	storeReadOnly = "read_only"
	limitLockout  = "lockout"

	handoverIssued   = "issued"
	handoverRedeemed = "redeemed"
)

// traceHandovers is told of every code that is issued or redeemed.
func traceHandovers(ctx context.Context, step string) (context.Context, func(error)) {
	within, done := span(ctx, step)
	return within, func(err error) {
		switch {
		case err != nil:
			handoverOutcomes.result(err)
		case step == handover.StepIssue:
			handoverOutcomes.count(handoverIssued)
		case step == handover.StepRedeem:
			handoverOutcomes.count(handoverRedeemed)
		}
		done(err)
	}
}

// traceCalls is told of every call of the database.
func (n *node) traceCalls(ctx context.Context, call sqldb.Call) (context.Context, func(error)) {
	within, done := span(ctx, call.Step)
	began := time.Now()
	return within, func(err error) {
		took := storeReads
		if call.Writes {
			took = storeWrites
		}
		took.Observe(time.Since(began).Seconds())
		if errors.Is(err, sqldb.ErrReadOnly) {
			storeCalls.count(storeReadOnly)
		} else {
			storeCalls.count(outcomeOf(err))
		}
		n.dbHealth.Record(call, err)
		done(err)
	}
}

// traceHashes is told of every wait for a password hash.
func traceHashes(ctx context.Context, step string) (context.Context, func(error)) {
	within, done := span(ctx, step)
	began := time.Now()
	return within, func(err error) {
		hashSeconds.Observe(time.Since(began).Seconds())
		hashOutcomes.count(outcomeOf(err))
		done(err)
	}
}

// refusals count what limits and locks refuse, by the name of the limit and what it counts together.
type refusals struct {
	vec  *prometheus.CounterVec
	each map[string]prometheus.Counter // by the limit's full name
}

func newRefusals() *refusals {
	r := &refusals{each: make(map[string]prometheus.Counter), vec: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "gatehouse", Name: "limit_refusals_total",
		Help: "What was refused by a limit or a lock, by its name and whose events it counts together; of several limits asked at once, each that refuses is counted.",
	}, []string{"outcome", "scope"})}
	for name := range ratelimit.Defaults() {
		r.each[name] = r.vec.WithLabelValues(authcore.LimitBase(name), string(authcore.ScopeOf(name)))
	}
	r.each[limitLockout] = r.vec.WithLabelValues(limitLockout, string(authcore.PerAccount))
	return r
}

func (r *refusals) count(name string) { r.each[name].Inc() }

// refusalCounter counts what its limiter refuses.
type refusalCounter struct{ authcore.Limiter }

// Take implements authcore.Limiter.
func (c refusalCounter) Take(ctx context.Context, limits ...authcore.Limit) (authcore.Taken, error) {
	took, err := c.Limiter.Take(ctx, limits...)
	if took.Wait > 0 && err == nil {
		for _, b := range took.Budgets {
			if b.Wait > 0 {
				limitRefusals.count(b.Name)
			}
		}
	}
	return took, err
}

// Interface guard
var _ authcore.Limiter = refusalCounter{}
