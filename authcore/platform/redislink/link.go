package redislink

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Config says where Redis is. Addrs and Prefix are required.
type Config struct {
	// Addrs are host:port of the server; of the sentinels, with Master; of some nodes, with Cluster.
	Addrs []string
	// Master is the name that sentinels know the master by; "" without sentinels.
	Master string
	// Cluster spreads keys over the masters of a cluster.
	Cluster bool
	// User is the ACL user; "" is Redis's default one.
	User     string
	Password secret.Value
	// SentinelPassword is the sentinels' own.
	SentinelPassword secret.Value
	// DB is the number of the database; a cluster has only 0.
	DB int
	// TLS is nil for plain connections. Its ServerName is left to each address.
	TLS *tls.Config
	// Prefix stands before the name of every key.
	Prefix string
}

// Link is a pool of connections to one Redis. It is safe for concurrent use; who made it closes it.
// Commands end with their ctx, whose deadline is the caller's to set: Redis is never waited for.
type Link struct {
	client  redis.UniversalClient
	prefix  string
	cluster bool
}

const (
	// dialLimit is for TCP and TLS together; a command's own deadline ends it earlier.
	dialLimit = 500 * time.Millisecond
	// ioLimit is for commands whose ctx has no deadline.
	ioLimit = time.Second
)

// New checks cfg and returns a Link. It does not connect: the first command does.
func New(cfg Config) (*Link, error) {
	switch {
	case len(cfg.Addrs) == 0 || cfg.Prefix == "":
		return nil, errors.New("redislink: addresses and prefix are required")
	case cfg.Cluster && (cfg.Master != "" || cfg.DB != 0):
		return nil, errors.New("redislink: a cluster has neither sentinels nor databases other than 0")
	case len(cfg.Addrs) > 1 && cfg.Master == "" && !cfg.Cluster:
		return nil, errors.New("redislink: several addresses are those of a cluster or of sentinels")
	}
	// The client's own log lines would go to the standard error output, past the log; who uses a Link
	// tells of its health.
	logging.Disable()
	return &Link{client: cfg.client(), prefix: cfg.Prefix, cluster: cfg.Cluster}, nil
}

func (c *Config) client() redis.UniversalClient {
	if !c.Cluster {
		return redis.NewUniversalClient(c.options())
	}
	o := c.options().Cluster()
	// Else the client asks the servers what their commands are, for up to five seconds whatever a ctx says,
	// and again with each command where the user may not ask. Every command here names its keys.
	o.DisableRoutingPolicies = true
	return redis.NewClusterClient(o)
}

// Close ends the connections; commands fail from then on.
func (l *Link) Close() error { return l.client.Close() }

// Key is the full name of a key.
func (l *Link) Key(name string) string { return l.prefix + name }

// Clustered reports whether keys are spread over several servers: those with the same text in braces lie
// on one.
func (l *Link) Clustered() bool { return l.cluster }

func (c *Config) options() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: c.Addrs, MasterName: c.Master, IsClusterMode: c.Cluster, DB: c.DB,
		Username: c.User, Password: c.Password.RevealString(), SentinelPassword: c.SentinelPassword.RevealString(), TLSConfig: c.TLS,
		Dialer: bounding(c), // of sentinels and of each server of a cluster, too
		// Whoever calls knows best whether a command may run twice, and until when it is worth while.
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: dialLimit, ReadTimeout: ioLimit, WriteTimeout: ioLimit,
		PipelinePoolSize: -1, // one pool, so that what is sent first arrives first
		// RESP2 and no introduction: nothing that a user with few rights would be refused for.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}
