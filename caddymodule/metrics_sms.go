package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var codesSent = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: "codes_sent_total",
	Help: "Codes and links that were written into the outbox, by channel and purpose."}, []string{"channel", "purpose"})

// countCode is told of every code that goes out.
func countCode(by authcore.Channel, p authcore.Purpose) {
	codesSent.WithLabelValues(channelLabels[by], string(p)).Inc()
}

var channelLabels = map[authcore.Channel]string{authcore.ByEmail: "email", authcore.BySMS: "sms"}
