package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

// Hits of block rules: kinds and acts that a dashboard shows from the start.
var blocksHit = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: "blocks_total",
	Help: "Refusals by block rules, by what the rule looks at and what it kept from."}, []string{"kind", "act"})

var trapsSprung = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "gatehouse", Name: "traps_total",
	Help: "Requests that fell into the honey trap."})

func init() {
	for _, kind := range block.Kinds() {
		for _, act := range block.Acts() {
			blocksHit.WithLabelValues(string(kind), string(act))
		}
	}
}

func countBlock(kind block.Kind, act block.Act) {
	blocksHit.WithLabelValues(string(kind), string(act)).Inc()
}
