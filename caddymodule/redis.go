package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/redislink"
	"github.com/gatehouse-auth/gatehouse/authcore/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/throttle"
)

// links holds the connections to Redis, by its settings, over config reloads.
var links = caddy.NewUsagePool()

type pooledLink struct{ *redislink.Link }

// Destruct closes the connections when the last configuration that used them is gone.
func (l pooledLink) Destruct() error { return l.Close() }

// acquireLink returns the connections to a Redis, new or shared with the running configuration. It does not connect: a
// Redis that is away keeps no node from starting. The caller gives it back by links.Delete(key).
func acquireLink(key string, cfg redislink.Config) (*redislink.Link, error) {
	l, _, err := links.LoadOrNew(key, func() (caddy.Destructor, error) {
		link, err := redislink.New(cfg)
		return pooledLink{link}, err
	})
	if err != nil {
		return nil, err
	}
	return l.(pooledLink).Link, nil
}

// holdRedis takes hold of the configured Redis, if there is one.
func (a *App) holdRedis() (err error) {
	if a.cfg.redis == nil {
		return nil
	}
	if a.link, err = acquireLink(a.cfg.redisKey, *a.cfg.redis); err != nil {
		return err
	}
	a.linkKey = a.cfg.redisKey
	return nil
}

// dropRedis gives it back.
func (a *App) dropRedis() error {
	if a.linkKey == "" {
		return nil
	}
	_, err := links.Delete(a.linkKey)
	a.linkKey = ""
	return err
}

// over returns the node's feed and counters over a link. The same link gives the same ones, so that a reload continues in
// the stream where the last configuration was. The node is open and has its keys.
func (n *node) over(link *redislink.Link) (*redisfeed.Feed, *throttle.Redis, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.feed != nil && n.redis == link {
		return n.feed, n.counters, nil
	}
	feed, err := redisfeed.New(redisfeed.Config{Link: link, Key: n.feedKey, View: fedView{n.revocations, n.freshness, n.follower},
		Count: countFeed, Lag: observeLag, Ending: caddy.Exiting, Logger: nodeLogger()})
	if err != nil {
		return nil, nil, err
	}
	counters, err := throttle.NewRedis(throttle.RedisConfig{Link: link, Memory: n.limiter, Key: n.counterKey, Lost: n.recallLocks,
		Logger: nodeLogger(), Now: counterTime})
	if err != nil {
		return nil, nil, err
	}
	n.feed, n.counters, n.redis = feed, counters, link
	return feed, counters, nil
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

// recallLocks reads the locks of all nodes from the database while Redis cannot tell of them.
func (n *node) recallLocks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := n.lockouts.Load(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
		nodeLogger().Warn("locks of other nodes not read; tried again soon", "error", err)
	}
}

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

// fedView is a node's view of revocations as its feed sees it.
type fedView struct {
	set       *revocation.Set
	freshness *revocation.Freshness
	follower  *revocation.Follower
}

func (v fedView) Apply(rs ...authcore.Revocation) {
	v.set.Apply(rs...)
	revocationsReceived.Add(float64(len(rs)))
}

func (v fedView) Confirm(asOf time.Time) { v.freshness.Feed(asOf) }
func (v fedView) Stored() time.Time      { return v.freshness.Stored() }
func (v fedView) Missed() {
	v.freshness.Missed()
	v.follower.Look()
}

// Interface guards
var (
	_ caddy.Destructor     = pooledLink{}
	_ redisfeed.View       = fedView{}
	_ revocation.Publisher = (*redisfeed.Feed)(nil)
)
