package caddymodule

import (
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
		Name: "open_connections", Help: "Connections of signed-in users that stay open, by kind."}, []string{"kind"})}
	for _, kind := range []string{kindWebSocket, kindEventStream, kindUpgrade} {
		l.each[kind] = l.vec.WithLabelValues(kind)
	}
	return l
}

// The metrics of connections that stay open.
var (
	lastingOpen  = newLastingGauge()
	lastingEnded = newTally("open_connections_ended_total", "Connections that were closed since their session does not live on, by reason.", lastingReasons()...)
)

func lastingReasons() (names []string) {
	for _, why := range liveconn.Reasons() {
		names = append(names, string(why))
	}
	return names
}

func countLasting(why liveconn.Reason) { lastingEnded.count(string(why)) }
