package caddymodule

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// reading is one metric that is read from the running node when somebody asks for it.
type reading struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(a *App, c *core, tell func(value float64, labels ...string))
}

// readings collects what the running configuration and its node are like at the moment. Before the first configuration
// has started there is nothing to tell.
type readings []reading

// Describe implements prometheus.Collector.
func (rs readings) Describe(to chan<- *prometheus.Desc) {
	for _, r := range rs {
		to <- r.desc
	}
}

// Collect implements prometheus.Collector.
func (rs readings) Collect(to chan<- prometheus.Metric) {
	a := running()
	if a == nil || !a.node.opened.Load() {
		return
	}
	c := a.core.Load()
	if c == nil {
		return
	}
	for _, r := range rs {
		r.read(a, c, func(value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(r.desc, r.kind, value, labels...)
		})
	}
}

func gauge(name, help string, read func(a *App, c *core, tell func(float64, ...string)), labels ...string) reading {
	return reading{prometheus.NewDesc("gatehouse_"+name, help, labels, nil), prometheus.GaugeValue, read}
}

func (r reading) asCounter() reading {
	r.kind = prometheus.CounterValue
	return r
}

// truth is 1 or 0, as Prometheus has no truth values.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

var nodeReadings = readings{
	gauge("build_info", "Always 1; the labels give version and goversion.", func(_ *App, _ *core, tell func(float64, ...string)) {
		tell(1, Version(), runtime.Version())
	}, "version", "goversion"),
	gauge("ready", "1 while the node can serve: its database answers, its clock is right and it is not shutting down.", func(a *App, _ *core, tell func(float64, ...string)) {
		tell(truth(a.unready() == ""))
	}),
	gauge("database_up", "1 while the database answers.", func(a *App, _ *core, tell func(float64, ...string)) {
		is, _ := a.node.dbHealth.State()
		tell(truth(is != sqldb.Away))
	}),
	gauge("database_writable", "1 while the database answers and accepts changes.", func(a *App, _ *core, tell func(float64, ...string)) {
		is, _ := a.node.dbHealth.State()
		tell(truth(is == sqldb.Up))
	}),
	gauge("clock_skew_seconds", "How far this machine's clock is ahead of the database's; negative if it is behind; absent with SQLite.",
		func(a *App, _ *core, tell func(float64, ...string)) {
			if a.node.clock.Compared() {
				tell(a.node.clock.Skew().Seconds())
			}
		}),
	gauge("database_connections", "Connections to the database, by state.", func(a *App, _ *core, tell func(float64, ...string)) {
		pool := a.node.store.Connections()
		tell(float64(pool.InUse), "in_use")
		tell(float64(pool.Idle), "idle")
	}, "state"),
	gauge("database_connections_max", "The most connections to the database allowed.", func(a *App, _ *core, tell func(float64, ...string)) {
		tell(float64(a.node.store.Connections().Max))
	}),
	gauge("database_waiting", "Calls waiting for a connection to the database; with SQLite, for their turn to write.",
		func(a *App, _ *core, tell func(float64, ...string)) {
			tell(float64(a.node.store.Connections().Waiting))
		}),
	gauge("password_hashes_running", "Password hashes being computed now.", func(a *App, _ *core, tell func(float64, ...string)) {
		tell(float64(a.node.hasher.InFlight()))
	}),
	gauge("password_hashes_queued", "Requests waiting for a password hash now.", func(a *App, _ *core, tell func(float64, ...string)) {
		tell(float64(a.node.hasher.Queued()))
	}),
	gauge("password_hashes_queue_max", "The most requests that may wait for a password hash; more are refused at once.", func(a *App, _ *core, tell func(float64, ...string)) {
		_, queue := a.node.hasher.Room()
		tell(float64(queue))
	}),
	gauge("token_cache_entries", "Verified access tokens in memory.", func(a *App, _ *core, tell func(float64, ...string)) {
		tell(float64(a.node.verifier.Cache().Entries))
	}),
	gauge("token_cache_bytes", "Memory used by verified access tokens.", func(a *App, _ *core, tell func(float64, ...string)) {
		tell(float64(a.node.verifier.Cache().Bytes))
	}),
	gauge("token_cache_max_bytes", "The most memory that verified access tokens may use.", func(a *App, _ *core, tell func(float64, ...string)) {
		tell(float64(a.node.verifier.Cache().Max))
	}),
	gauge("token_cache_evictions_total", "Verified access tokens dropped before they expired, to make room for others.",
		func(a *App, _ *core, tell func(float64, ...string)) { tell(float64(a.node.verifier.Cache().Evictions)) }).asCounter(),
	gauge("token_cache_lookups_total", "Valid access tokens received: in memory (hit), or with a signature that had to be checked (miss).",
		func(a *App, _ *core, tell func(float64, ...string)) {
			cache := a.node.verifier.Cache()
			tell(float64(cache.Hits), "hit")
			tell(float64(cache.Misses), "miss")
		}, "outcome").asCounter(),
	gauge("revocations_held", "Revocations in memory whose tokens may still be in use.", func(a *App, _ *core, tell func(float64, ...string)) {
		tell(float64(a.node.revocations.Len()))
	}),
	gauge("revocation_view_max_age_seconds", "How old the node's revocation list may get: the lowest max_staleness; 0 with SQLite.",
		func(a *App, _ *core, tell func(float64, ...string)) { tell(a.stalest().Seconds()) }),
	gauge("revocation_feed_age_seconds", "Time since Redis last confirmed the node's revocation list; absent while Redis cannot confirm it, and without Redis.",
		func(a *App, _ *core, tell func(float64, ...string)) {
			if age, fed := a.node.staleness.FeedAge(); fed && a.feed != nil {
				tell(age.Seconds())
			}
		}),
	gauge("revocation_feed_nodes", "Other nodes that have not announced a stop, by whether they are heard through Redis; absent without Redis.",
		func(a *App, _ *core, tell func(float64, ...string)) {
			if a.feed != nil {
				tell(float64(a.feed.Nodes().Heard), "heard")
				tell(float64(a.feed.Nodes().Silent), "silent")
			}
		}, "state"),
	gauge("signing_key_age_seconds", "How long the current key has been signing, by use.", keyAges, "use"),
	gauge("redis_counters_up", "1 while limits are counted together with the other nodes through Redis; absent without Redis.",
		func(a *App, _ *core, tell func(float64, ...string)) {
			if a.counters != nil {
				tell(truth(!a.counters.Away()))
			}
		}),
	gauge("nodes", "Nodes that count limits together, as far as this node knows; absent without Redis.", func(a *App, _ *core, tell func(float64, ...string)) {
		if a.counters != nil {
			tell(float64(a.counters.Nodes()))
		}
	}),
	gauge("mail_up", "0 while mail is delayed.", func(_ *App, c *core, tell func(float64, ...string)) {
		_, _, fault := c.notifier.Health()
		tell(truth(fault == ""))
	}),
	gauge("sms_up", "0 while SMS are delayed; absent where none are sent.", func(_ *App, c *core, tell func(float64, ...string)) {
		if _, fault, on := c.notifier.SMSHealth(); on {
			tell(truth(fault == ""))
		}
	}),
}

func keyAges(a *App, c *core, tell func(float64, ...string)) {
	set, at := c.ring.Set(), a.node.clock.Now()
	for _, use := range []jwtkeys.Use{jwtkeys.Bearer, jwtkeys.Cookie} {
		if key, err := set.Signer(use, at); err == nil {
			tell(at.Sub(key.NotBefore).Seconds(), string(use))
		}
	}
}
