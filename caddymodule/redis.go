package caddymodule

import (
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// exchanges holds what goes over a Redis, by database and by the Redis's settings, over config reloads.
var exchanges = caddy.NewUsagePool()

// exchange is what a node shares with the other nodes on its database through one Redis. The same settings give the same
// one, so that a reload continues in the stream where the last configuration was.
type exchange struct {
	link *redislink.Link

	mu       sync.Mutex       // held while these are made
	feed     *redisfeed.Feed  // of revocations; nil until the node is open
	counters *ratelimit.Redis // likewise
}

// Destruct closes the connections when the last configuration that used them is gone.
func (x *exchange) Destruct() error { return x.link.Close() }

// holdRedis takes hold of the configured Redis, if there is one, new or shared with the running configuration. It does
// not connect: a Redis that is away keeps no node from starting.
func (a *App) holdRedis() error {
	if a.cfg.redis == nil {
		return nil
	}
	key := a.database + "\n" + a.cfg.redisKey
	x, _, err := exchanges.LoadOrNew(key, func() (caddy.Destructor, error) {
		link, err := redislink.New(*a.cfg.redis)
		return &exchange{link: link}, err
	})
	if err != nil {
		return err
	}
	a.exchange, a.exchangeKey = x.(*exchange), key
	return nil
}

// dropRedis gives it back.
func (a *App) dropRedis() error {
	if a.exchangeKey == "" {
		return nil
	}
	_, err := exchanges.Delete(a.exchangeKey)
	a.exchangeKey = ""
	return err
}

// over makes feed and counters of a node that is open and has its keys, unless they are there.
func (x *exchange) over(n *node) (err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.feed == nil {
		x.feed, err = redisfeed.New(redisfeed.Config{Link: x.link, Sender: n.sender, Key: n.feedKey,
			Snapshot: fedSnapshot{n.revocations, n.staleness, n.poller},
			Count:    countFeed, Lag: observeLag, Ending: n.leaving, Logger: logsink.Present(), Clock: n.clock.Now})
		if err != nil {
			return err
		}
	}
	if x.counters == nil {
		x.counters, err = ratelimit.NewRedis(ratelimit.RedisConfig{Link: x.link, ID: n.id.String(), Memory: n.limiter, Key: n.counterKey,
			Logger: logsink.Present(), Now: nodeclock.CounterTime})
	}
	return err
}

// limiter counts with the other nodes where there is a Redis, else for this node alone.
func (a *App) limiter() authcore.Limiter {
	if a.counters != nil {
		return refusalCounter{a.counters}
	}
	return refusalCounter{a.node.limiter}
}

// counterKey hides in Redis whom a counter is of.
func (n *node) counterKey() secret.MACKey { return n.ring.Load().MACKey("shared counters") }

// publisher is how this configuration tells other nodes of revocations; nil is not at all.
func (a *App) publisher() revocation.Publisher {
	if a.feed == nil {
		return nil
	}
	return a.feed
}

// feedKey authenticates messages between nodes. It is derived from the key that lies in the database sealed under the
// operator's secret, so it stays the same when that secret is rotated.
func (n *node) feedKey() secret.MACKey { return n.ring.Load().MACKey("revocation feed") }

// fedSnapshot is a node's snapshot of revocations as its feed sees it.
type fedSnapshot struct {
	set       *revocation.Set
	staleness *revocation.Staleness
	poller    *revocation.Poller
}

func (v fedSnapshot) Apply(rs ...authcore.Revocation) {
	v.set.Apply(rs...)
	revocationsReceived.Add(float64(len(rs)))
}

func (v fedSnapshot) Confirm(asOf time.Time) { v.staleness.Feed(asOf) }
func (v fedSnapshot) Stored() time.Time      { return v.staleness.Stored() }
func (v fedSnapshot) ReportGap() {
	v.staleness.ReportGap()
	v.poller.Look()
}

// Interface guards
var (
	_ caddy.Destructor     = (*exchange)(nil)
	_ redisfeed.Snapshot   = fedSnapshot{}
	_ revocation.Publisher = (*redisfeed.Feed)(nil)
)
