package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// nodes holds what outlives a config reload, by database: pools, the snapshot of revocations, counters, locks, the cache of
// verified tokens. Without it a reload would forget revocations and log in everybody who had been logged out.
var nodes = caddy.NewUsagePool()

// node is this process's part of what one database stands for.
type node struct {
	database string
	id       uuid.UUID         // other nodes know it by this, whatever goes over which Redis
	sender   *redisfeed.Sender // under that id

	mu          sync.Mutex // held while opening
	opened      atomic.Bool
	openedAt    time.Time
	store       *sqlstore.Store
	revocations *revocation.Set
	revoker     *revocation.Announcer
	staleness   *revocation.Staleness
	poller      *revocation.Poller
	limiter     *ratelimit.Memory
	lockouts    *lockout.Lockouts
	proofs      *lockout.Lockouts // of sessions that prove themselves by a password
	codes       *lockout.Lockouts // of accounts: wrong codes of second factors
	tuning      *tuning.Follower
	verifier    *accesstoken.Verifier
	connections *liveconn.Registry
	hasher      *passhash.Hasher
	ring        atomic.Pointer[keyring.Ring]
	settled     sync.Once
	dbHealth    *sqldb.Health // of the database
	clock       *nodeclock.Clock
	health      health
	viewAge     staleLog
	unread      unread
	looking     chan struct{} // has one in it while a configuration looks
	drained     sync.Once
}

// acquireNode returns the node of a database, new or shared with the running configuration. It does no I/O; the caller
// gives it back by nodes.Delete(database).
func acquireNode(database string) (*node, error) {
	n, _, err := nodes.LoadOrNew(database, func() (caddy.Destructor, error) {
		id := uuid.New()
		return &node{database: database, id: id, sender: redisfeed.NewSender(id), dbHealth: sqldb.NewHealth(logsink.Present(), time.Now),
			clock: nodeclock.New(logsink.Present()), looking: make(chan struct{}, 1)}, nil
	})
	if err != nil {
		return nil, err
	}
	return n.(*node), nil
}

// open connects, migrates and reads what must be known before the first request, once in the node's life.
func (n *node) open(ctx context.Context, cfg *resolved, logger *slog.Logger) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.opened.Load() {
		return nil
	}
	soon, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	store, err := sqlstore.Open(soon, sqlstore.Config{URL: n.database, Logger: logger, Now: n.clock.Now,
		Trace: n.traceCalls, Mark: cfg.databaseMark()})
	if err != nil {
		return err
	}
	if err := n.prepare(ctx, store); err != nil {
		return errors.Join(err, store.Close())
	}
	soon, cancelReading := context.WithTimeout(ctx, openTimeout)
	defer cancelReading()
	if err := n.fill(soon, store, cfg, logger); err != nil {
		return errors.Join(err, store.Close())
	}
	n.openedAt = n.clock.Now()
	n.opened.Store(true)
	return nil
}

// prepare sees to it that nobody else has a SQLite file, that the clocks agree, and that the schema is the right one.
func (n *node) prepare(ctx context.Context, store *sqlstore.Store) error {
	if err := store.Lock(); err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := n.clock.Look(soon, store.ServerTime); err != nil {
		return fmt.Errorf("compare clocks: %w", err)
	}
	n.clock.Tell()
	ctx, cancelMigration := context.WithTimeout(ctx, migrateTimeout)
	defer cancelMigration()
	if err := store.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// settleAfter is when a process that has started has surely done so, and serves.
const settleAfter = 2 * time.Second

// releaseMemory gives back to the system, once, what the start took: telephone metadata and schemas are many MiB
// while they are unpacked, and without traffic the next collection would be long in coming.
func (n *node) releaseMemory(ctx context.Context) {
	select {
	case <-time.After(settleAfter):
		n.settled.Do(debug.FreeOSMemory)
	case <-ctx.Done():
	}
}

func (n *node) fill(ctx context.Context, store *sqlstore.Store, cfg *resolved, logger *slog.Logger) (err error) {
	n.store = store.AfterCommit(n.announce)
	n.revocations = revocation.NewSet(n.clock.Now)
	if n.revoker, err = revocation.NewAnnouncer(n.revocations); err != nil {
		return err
	}
	// The age of the snapshot is real time, whatever the node's clock says.
	n.staleness = revocation.NewStaleness(time.Now)
	n.poller, err = revocation.NewPoller(revocation.PollerConfig{Set: n.revocations, Source: store.LiveRevocations, Late: sqldb.CommitLimit,
		Staleness: n.staleness, Logger: logger})
	if err != nil {
		return err
	}
	if err = n.poller.Read(ctx); err != nil {
		return fmt.Errorf("read revocations: %w", err)
	}
	if n.tuning, err = tuning.NewFollower(store, observeSettingsLag, n.clock.Now); err != nil {
		return err
	}
	if err = n.tuning.Read(ctx); err != nil {
		return fmt.Errorf("read run-time settings: %w", err)
	}
	n.tuning.Join(cfg.tuning)
	if n.limiter, err = ratelimit.NewMemory(cfg.limits()); err != nil {
		return err
	}
	n.lockouts, err = lockout.New(lockout.Config{Policy: cfg.lockPolicy(), Store: store, Logger: logger, Now: n.clock.Now,
		Key: func() secret.MACKey { return n.ring.Load().MACKey("lockout names") }})
	if err != nil {
		return err
	}
	n.proofs, err = lockout.New(lockout.Config{Policy: lockout.ProofPolicy, Store: store, Logger: logger, Now: n.clock.Now,
		Key: func() secret.MACKey { return n.ring.Load().MACKey("lockout names") }})
	if err != nil {
		return err
	}
	n.codes, err = lockout.New(lockout.Config{Policy: lockout.CodePolicy, Store: store, Logger: logger, Now: n.clock.Now,
		Key: func() secret.MACKey { return n.ring.Load().MACKey("lockout names") }})
	if err != nil {
		return err
	}
	if n.hasher, err = passhash.New(passhash.Config{}); err != nil {
		return err
	}
	n.hasher.SetTrace(traceHashes)
	if n.verifier, err = accesstoken.New(accesstoken.Config{Keys: n, Revocations: n.revocations, CacheBytes: cfg.tokenCache, Now: n.clock.Now}); err != nil {
		return err
	}
	n.connections, err = liveconn.New(liveconn.Config{Revocations: n.revocations, Sessions: store, Age: n.staleness.Age, Ended: countEnded,
		Cut: observeCut, Open: openConnections.add, Logger: logger, Now: n.clock.Now})
	if err != nil {
		return err
	}
	n.revocations.Watch(n.connections.Revoked)
	return nil
}

// reconfigure gives changed settings to the counters without emptying them.
func (n *node) reconfigure(cfg *resolved) error {
	n.verifier.Resize(cfg.tokenCache)
	if err := n.limiter.Reconfigure(cfg.limits()); err != nil {
		return err
	}
	return n.lockouts.Reconfigure(cfg.lockPolicy())
}

// Set implements accesstoken.Keys with the ring of the newest configuration: all rings of one database hold the same keys.
func (n *node) Set() *jwtkeys.KeySet { return n.ring.Load().Set() }

// UnknownKey implements accesstoken.Keys.
func (n *node) UnknownKey() { n.ring.Load().UnknownKey() }

// Destruct closes the store when the last configuration that used it is gone.
func (n *node) Destruct() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.opened.Swap(false) {
		return nil
	}
	n.connections.Close() // connections that outlive their configuration (reverse_proxy stream_close_delay)
	return n.store.Close()
}

// sweep keeps tables and memory small until ctx ends. kept is what the configuration keeps by choice.
func (n *node) sweep(ctx context.Context, kept authcore.Retention, logger *slog.Logger) {
	store := n.store.WithRetention(kept)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := n.clock.Now()
		if n.clock.Wrong() { // nor does anybody know what has expired; asked after at, which may be of a clock that just jumped
			continue
		}
		n.revocations.Sweep(at)
		if err := store.Sweep(ctx, at); err != nil && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
			logger.Error("could not remove expired rows; will retry", "error", err)
		}
	}
}

// sweepEvery also bounds how long a sealed successor of a refresh token outlives its leeway of ten seconds.
const sweepEvery = 10 * time.Second

// Interface guards
var (
	_ caddy.Destructor = (*node)(nil)
	_ accesstoken.Keys = (*node)(nil)
)
