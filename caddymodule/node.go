package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge"
	"github.com/gatehouse-auth/gatehouse/authcore/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/throttle"
)

// nodes holds what outlives a config reload, by database: pools, the view of revocations, counters, locks, the cache of
// verified tokens. Without it a reload would forget revocations and log in everybody who had been logged out.
var nodes = caddy.NewUsagePool()

// node is this process's part of what one database stands for.
type node struct {
	database string

	mu          sync.Mutex // held while opening
	opened      atomic.Bool
	store       *sqlstore.Store
	revocations *revocation.Set
	revoker     *revocation.Announcer
	limiter     *throttle.Memory
	lockouts    *throttle.Lockouts
	verifier    *edge.Verifier
	hasher      *passhash.Hasher
	ring        atomic.Pointer[keyring.Ring]

	// Positions in the database's revocations: everything up to seen is in memory; settled is where seen was a while ago,
	// since rows with lower numbers may be committed later.
	seen, settled int64
	settledAt     time.Time
}

// acquireNode returns the node of a database, new or shared with the running configuration. It does no I/O; the caller
// gives it back by nodes.Delete(database).
func acquireNode(database string) (*node, error) {
	n, _, err := nodes.LoadOrNew(database, func() (caddy.Destructor, error) { return &node{database: database}, nil })
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
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: n.database, Logger: logger, Now: now})
	if err != nil {
		return err
	}
	if err := n.fill(ctx, store, cfg, logger); err != nil {
		return errors.Join(err, store.Close())
	}
	n.opened.Store(true)
	return nil
}

func (n *node) fill(ctx context.Context, store *sqlstore.Store, cfg *resolved, logger *slog.Logger) (err error) {
	if err = store.Lock(); err != nil {
		return err
	}
	if err = store.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	n.store = store
	n.revocations = revocation.NewSet(now)
	if n.revoker, err = revocation.NewAnnouncer(n.revocations); err != nil {
		return err
	}
	if n.seen, err = n.revocations.Load(ctx, store.LiveRevocations, 0); err != nil {
		return fmt.Errorf("read revocations: %w", err)
	}
	if n.limiter, err = throttle.NewMemory(cfg.limits()); err != nil {
		return err
	}
	sealer, err := cfg.sealer(ctx, store)
	if err != nil {
		return err
	}
	n.lockouts, err = throttle.NewLockouts(throttle.LockoutConfig{Policy: cfg.lockPolicy(), Store: store, Sealer: sealer, Logger: logger, Now: now})
	if err != nil {
		return err
	}
	if err = n.lockouts.Load(ctx); err != nil {
		return fmt.Errorf("read locks: %w", err)
	}
	if n.hasher, err = passhash.New(passhash.Config{}); err != nil {
		return err
	}
	n.verifier, err = edge.New(edge.Config{Keys: n, Revocations: n.revocations, Now: now})
	return err
}

// reconfigure gives changed settings to the counters without emptying them.
func (n *node) reconfigure(cfg *resolved) error {
	if err := n.limiter.Reconfigure(cfg.limits()); err != nil {
		return err
	}
	return n.lockouts.Reconfigure(throttle.LockoutConfig{Policy: cfg.lockPolicy()})
}

// Set implements edge.Keys with the ring of the newest configuration: all rings of one database hold the same keys.
func (n *node) Set() *jwtkeys.KeySet { return n.ring.Load().Set() }

// Missed implements edge.Keys.
func (n *node) Missed() { n.ring.Load().Missed() }

// Destruct closes the store when the last configuration that used it is gone.
func (n *node) Destruct() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.opened.Swap(false) {
		return nil
	}
	return n.store.Close()
}

const (
	// followEvery bounds how long this node can miss a revocation that it did not make, or made without learning that its
	// commit went through.
	followEvery = time.Second
	// overlap is longer than any transaction runs.
	overlap = 10 * time.Second
)

// follow reads revocations from the database until ctx ends. Only one configuration at a time does.
func (n *node) follow(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := n.catchUp(ctx)
		if failed := err != nil && ctx.Err() == nil; failed != failing {
			failing = failed
			if failing {
				logger.Error("revocations not read from the database; those made here still apply", "error", err)
			} else {
				logger.Info("revocations are read from the database again")
			}
		}
	}
}

func (n *node) catchUp(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.opened.Load() {
		return nil
	}
	seen, err := n.revocations.Load(ctx, n.store.LiveRevocations, n.settled)
	if err != nil {
		return err
	}
	if at := now(); at.Sub(n.settledAt) >= overlap || at.Before(n.settledAt) {
		n.settled, n.settledAt = n.seen, at
	}
	n.seen = max(n.seen, seen)
	return nil
}

// sweep keeps tables and memory small until ctx ends.
func (n *node) sweep(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n.revocations.Sweep()
		if err := n.store.Sweep(ctx, now()); err != nil && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
			logger.Error("expired rows not removed; tried again soon", "error", err)
		}
	}
}

// sweepEvery also bounds how long a sealed successor of a refresh token outlives its leeway of ten seconds.
const sweepEvery = 10 * time.Second

// Interface guards
var (
	_ caddy.Destructor = (*node)(nil)
	_ edge.Keys        = (*node)(nil)
)
