package caddymodule

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/redislink"
	"github.com/gatehouse-auth/gatehouse/authcore/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
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

// feedOver returns the node's feed over a link. The same link gives the same feed, so that a reload continues in the
// stream where the last configuration was. The node is open and has its keys.
func (n *node) feedOver(link *redislink.Link) (*redisfeed.Feed, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.feed != nil && n.feedLink == link {
		return n.feed, nil
	}
	feed, err := redisfeed.New(redisfeed.Config{Link: link, Key: n.feedKey, View: fedView{n.revocations, n.freshness, n.follower},
		Count: countFeed, Lag: observeLag, Logger: nodeLogger()})
	if err != nil {
		return nil, err
	}
	n.feed, n.feedLink = feed, link
	return feed, nil
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

func (v fedView) Apply(rs ...authcore.Revocation) { v.set.Apply(rs...) }
func (v fedView) Confirm(asOf time.Time)          { v.freshness.Feed(asOf) }
func (v fedView) Missed() {
	v.freshness.Missed()
	v.follower.Look()
}

// errStale is told to a client whose session may have been ended without this node knowing.
var errStale = authcore.Refuse(authcore.Unavailable, "The gateway cannot tell at the moment whether your session still lives. Try again soon.")

// Interface guards
var (
	_ caddy.Destructor     = pooledLink{}
	_ redisfeed.View       = fedView{}
	_ revocation.Publisher = (*redisfeed.Feed)(nil)
)
