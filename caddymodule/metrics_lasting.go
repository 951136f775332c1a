package caddymodule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
)

// The kinds of lasting connections.
const (
	kindWebSocket   = "websocket"
	kindEventStream = "event_stream"
	kindUpgrade     = "upgrade" // to any other protocol
)

// lastingGauge is one gauge for each kind of lasting connections.
type lastingGauge struct {
	vec  *prometheus.GaugeVec
	each map[string]prometheus.Gauge
}

func (l lastingGauge) of(kind string) prometheus.Gauge { return l.each[kind] }

func newLastingGauge() lastingGauge {
	l := lastingGauge{each: make(map[string]prometheus.Gauge), vec: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "gatehouse",
		Name: "open_connections", Help: "Open connections of signed-in users, by kind."}, []string{"kind"})}
	for _, kind := range []string{kindWebSocket, kindEventStream, kindUpgrade} {
		l.each[kind] = l.vec.WithLabelValues(kind)
	}
	return l
}

// The metrics of connections that stay open.
var (
	lastingOpen  = newLastingGauge()
	lastingEnded = newTally("open_connections_ended_total", "Connections that were closed since their session does not live on, by reason.", lastingReasons()...)
	cutSeconds   = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "gatehouse", Name: "connections_cut_seconds",
		Help:    "Time from when this node applies a revocation until it cuts a connection of the session.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}})
)

func lastingReasons() (names []string) {
	for _, why := range liveconn.Reasons() {
		names = append(names, string(why))
	}
	return names
}

func countLasting(why liveconn.Reason) { lastingEnded.count(string(why)) }

// observeCut is told when a connection is cut, so that nothing gets through any more.
func observeCut(e liveconn.Ending) {
	if !e.Since.IsZero() {
		cutSeconds.Observe(time.Since(e.Since).Seconds())
	}
}
