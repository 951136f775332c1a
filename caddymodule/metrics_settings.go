package caddymodule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var settingsLag = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "gatehouse", Name: "settings_lag_seconds",
	Help:    "Time from a change of a run-time setting on another node until it rules here; by the database's clock.",
	Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}})

func observeSettingsLag(d time.Duration) { settingsLag.Observe(d.Seconds()) }

var settingsReadings = readings{
	gauge("settings_version", "Which change of the run-time settings rules on this node; 0: there was none. Nodes of one database have the same.",
		func(a *App, _ *core, tell func(float64, ...string)) { tell(float64(a.cfg.tuning.Version())) }),
	gauge("settings_overridden", "Run-time settings that outrank the configuration on this node.",
		func(a *App, _ *core, tell func(float64, ...string)) { tell(float64(a.cfg.tuning.Overridden())) }),
}
