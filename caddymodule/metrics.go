package caddymodule

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// The metrics are the process's and not a configuration's: Caddy makes a new registry for each configuration, and counters
// that were made anew with it would begin at zero at every reload. Labels are outcomes from closed sets, never anything
// that somebody outside can choose.
var (
	smsOutcomes    = newTally("sms_total", "Tries to send an SMS, by outcome.", "sent", "failed", "dropped")
	mailOutcomes   = newTally("mails_total", "Tries to send a mail, by outcome.", "sent", "failed", "dropped")
	stepUpOutcomes = newTally("step_ups_total", "Step-ups: proofs of who is signed in already, by outcome.", append(outcomesOf(authcore.InvalidCredentials, authcore.InvalidCode,
		authcore.InvalidPasskey, authcore.InvalidFields, authcore.InvalidToken, authcore.InvalidMFAToken, authcore.TooManyAttempts,
		authcore.ReauthenticationRequired, authcore.Forbidden), outcomePending)...)
	refreshOutcomes = newTally("refreshes_total", "Refreshes of a session, by outcome.", outcomesOf(authcore.InvalidRefreshToken, authcore.RefreshTokenReused)...)
	guardOutcomes   = newTally("guard_decisions_total", "Decisions of the guard, by outcome.", append(outcomesOf(authcore.AuthenticationRequired,
		authcore.InvalidToken, authcore.Forbidden, authcore.CrossOrigin, authcore.InvalidRequest), guardRenewed, guardAnonymous)...)

	shadowRefusals = newTally("guard_shadow_refusals_total", "Requests that a guard with the option shadow let pass although it would have refused them, by the code of the refusal.",
		outcomesOf(authcore.AuthenticationRequired, authcore.InvalidToken, authcore.Forbidden, authcore.CrossOrigin, authcore.InvalidRequest, authcore.MFARequired,
			authcore.ReauthenticationRequired)...)

	guardAdmittedCount = guardOutcomes.each[outcomeSuccess] // found once: the guard has no time to look it up

	accountsSecured = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "gatehouse", Name: "accounts_secured_total",
		Help: "Accounts taken back by their owner with the link of a security mail."})

	outboxWaiting = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "gatehouse", Name: "outbox_waiting",
		Help: "Mails waiting to be sent."}, func() float64 { waiting, _ := outboxNow(); return waiting })
	outboxOldest = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "gatehouse", Name: "outbox_oldest_seconds",
		Help: "How long the oldest waiting mail has waited; 0 if none waits."}, func() float64 { _, oldest := outboxNow(); return oldest })
)

// The metrics of how revocations travel between nodes.
var (
	feedMessages = newTally("revocation_feed_messages_total", "Messages of the feed of revocations through Redis, by outcome.",
		"sent", "unsent", "received", "rejected", "gap")
	feedUp = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "gatehouse", Name: "revocation_feed_up",
		Help: "1 while revocations from other nodes arrive through Redis, else 0."}, feedUpNow)
	revocationLag = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "gatehouse", Name: "revocation_lag_seconds",
		Help:    "Time from a revocation on another node until it takes effect here, through Redis; by the database's clock.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}})
	viewAge = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "gatehouse", Name: "revocation_view_age_seconds",
		Help: "Time since the database or Redis last confirmed this node's revocation list; 0 with SQLite."}, viewAgeNow)
)

// Outcomes that are no code of an error.
const (
	outcomeSuccess = "success"
	guardRenewed   = "renewed"
	guardAnonymous = "anonymous"
)

// outcomesOf are success, the given refusals, and what can go wrong with everything.
func outcomesOf(refusals ...authcore.Code) []string {
	names := []string{outcomeSuccess, outcomeCanceled, string(authcore.Unavailable), string(authcore.Internal)}
	for _, r := range refusals {
		names = append(names, string(r))
	}
	return names
}

// tally is one counter for each outcome of a closed set. All are there from the start, so that none appears out of nowhere.
type tally struct {
	vec  *prometheus.CounterVec
	each map[string]prometheus.Counter
}

// otherOutcome counts what is not in the set.
const otherOutcome = "other"

func newTally(name, help string, outcomes ...string) *tally {
	return newTallyOf(prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: name, Help: help}, []string{"outcome"}), outcomes...)
}

// newTallyOf counts in vec, of which the outcome alone is left open.
func newTallyOf(vec *prometheus.CounterVec, outcomes ...string) *tally {
	t := &tally{vec: vec, each: make(map[string]prometheus.Counter)}
	for _, o := range append(outcomes, otherOutcome) {
		t.each[o] = t.vec.WithLabelValues(o)
	}
	return t
}

func (t *tally) count(outcome string) {
	c, known := t.each[outcome]
	if !known {
		c = t.each[otherOutcome]
	}
	c.Inc()
}

// result counts how a call ended by its error.
func (t *tally) result(err error) { t.count(resultOf(err)) }

// resultOf is the outcome of a call: that of outcomeOf where it is no error, else its code.
func resultOf(err error) string {
	switch outcome := outcomeOf(err); outcome {
	case outcomeSuccess, outcomeCanceled, outcomePending, outcomeDeclined: // who has hung up is no fault of ours
		return outcome
	}
	return string(authcore.CodeOf(err))
}

// countMail is told of every try to send a mail, countSMS of an SMS.
func countMail(o notify.Outcome) { mailOutcomes.count(sending[o]) }
func countSMS(o notify.Outcome)  { smsOutcomes.count(sending[o]) }

var sending = map[notify.Outcome]string{notify.Sent: "sent", notify.Failed: "failed", notify.Dropped: "dropped"}

// outboxNow returns what the running configuration's worker saw at its last look.
func outboxNow() (waiting, oldestSeconds float64) {
	app := running()
	if app == nil {
		return 0, 0
	}
	c := app.core.Load()
	if c == nil {
		return 0, 0
	}
	n, oldest, _ := c.notifier.Health()
	return float64(n), oldest.Seconds()
}

// countFeed is told what became of every message of the feed.
func countFeed(o redisfeed.Outcome) {
	switch o {
	case redisfeed.Sent:
		feedMessages.count("sent")
	case redisfeed.Unsent:
		feedMessages.count("unsent")
	case redisfeed.Received:
		feedMessages.count("received")
	case redisfeed.Rejected:
		feedMessages.count("rejected")
	case redisfeed.Gap:
		feedMessages.count("gap")
	}
}

func observeLag(lag time.Duration) { revocationLag.Observe(lag.Seconds()) }

func feedUpNow() float64 {
	if app := running(); app != nil && app.feed != nil && app.feed.Health() == redisfeed.Up {
		return 1
	}
	return 0
}

func viewAgeNow() float64 {
	app := running()
	if app == nil || app.cfg.sqlitePath != "" {
		return 0
	}
	return app.node.staleness.Age().Seconds()
}

// processMetrics are all metrics; docs/monitoring.md has a row for each.
func processMetrics() []prometheus.Collector {
	return []prometheus.Collector{mailOutcomes.vec, smsOutcomes.vec, codesSent, secondFactors, invitations, providerLogins, providerSeconds, providerUp, loginOutcomes.vec, registrationOutcomes.vec, notificationCount, stepUpOutcomes.vec, refreshOutcomes.vec, guardOutcomes.vec, breachChecks.vec, shadowRefusals.vec, outboxWaiting, outboxOldest, accountsSecured,
		feedMessages.vec, feedUp, revocationLag, viewAge, openConnections.vec, endedConnections.vec, cutSeconds,
		logsink.Lost(), nodeReadings, settingsReadings, settingsLag, revocationCount, refreshesRepeated, accountsDeleted, blocksHit, trapsSprung, handoverOutcomes.vec, limitRefusals.vec, adminCalls.vec, dialectRequests, storeCalls.vec, storeSeconds, hashOutcomes.vec, hashSeconds}
}

// registerMetrics adds the process's metrics to a configuration's registry.
func registerMetrics(r *prometheus.Registry) error {
	for _, c := range processMetrics() {
		var there prometheus.AlreadyRegisteredError
		if err := r.Register(c); err != nil && !errors.As(err, &there) {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
