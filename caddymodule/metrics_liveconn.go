package caddymodule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
)

// connectionGauge is one gauge for each kind of connections that last.
type connectionGauge struct {
	vec  *prometheus.GaugeVec
	each map[liveconn.Kind]prometheus.Gauge
}

func (g connectionGauge) add(kind liveconn.Kind, by int) { g.each[kind].Add(float64(by)) }

func newConnectionGauge() connectionGauge {
	g := connectionGauge{each: make(map[liveconn.Kind]prometheus.Gauge), vec: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "gatehouse",
		Name: "open_connections", Help: "Open connections of signed-in users, by kind."}, []string{"kind"})}
	for _, kind := range liveconn.Kinds() {
		g.each[kind] = g.vec.WithLabelValues(string(kind))
	}
	return g
}

// The metrics of connections that stay open.
var (
	openConnections  = newConnectionGauge()
	endedConnections = newTally("open_connections_ended_total", "Connections that were closed since their session does not live on, by reason.", endReasons()...)
	cutSeconds       = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "gatehouse", Name: "connections_cut_seconds",
		Help:    "Time from when this node applies a revocation until it cuts a connection of the session.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}})
)

func endReasons() (names []string) {
	for _, why := range liveconn.Reasons() {
		names = append(names, string(why))
	}
	return names
}

func countEnded(why liveconn.Reason) { endedConnections.count(string(why)) }

// observeCut is told when a connection is cut, so that nothing gets through any more.
func observeCut(e liveconn.Ending) {
	if !e.Since.IsZero() {
		cutSeconds.Observe(time.Since(e.Since).Seconds())
	}
}
