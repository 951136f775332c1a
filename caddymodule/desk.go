package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// desk is where the commands are done: at the running gateway, or at a database that no gateway of this machine serves.
type desk struct {
	cfg      *resolved
	ring     *keyring.Ring
	sealer   *secret.Sealer
	operator *operator.Operator
	notifier *notify.Notifier // nil where no gateway runs
}

// deskAt returns the desk of a running gateway.
func deskAt(ctx context.Context, a *App) (*desk, error) {
	c, err := a.await(ctx)
	if err != nil {
		return nil, err
	}
	d, err := newDesk(ctx, a.cfg, c.store, c.ring, a.node.clock.Now)
	if err != nil {
		return nil, err
	}
	d.notifier = c.notifier
	return d, nil
}

// openDesk opens the database; done closes it.
func openDesk(ctx context.Context, cfg *resolved) (d *desk, done func() error, err error) {
	logger := logsink.Present()
	clock := nodeclock.New(logger)
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: cfg.database.RevealString(), Logger: logger, Now: clock.Now,
		Mark: cfg.databaseMark()})
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*desk, func() error, error) { return nil, nil, errors.Join(err, store.Close()) }
	if err := store.Lock(); err != nil {
		return fail(err)
	}
	if err := clock.Look(ctx, store.ServerTime); err != nil {
		return fail(err)
	}
	if err := store.Migrate(ctx); err != nil {
		return fail(err)
	}
	sealer, err := cfg.sealer(ctx, store)
	if err != nil {
		return fail(err)
	}
	ring, err := keyring.New(keyring.Config{Store: store, Sealer: sealer, Algorithm: cfg.algorithm,
		AccessLifetime: cfg.accessLifetime, Logger: logger, Now: clock.Now})
	if err != nil {
		return fail(err)
	}
	if d, err = newDesk(ctx, cfg, store, ring, clock.Now); err != nil {
		return fail(err)
	}
	return d, store.Close, nil
}

func newDesk(ctx context.Context, cfg *resolved, store *sqlstore.Store, ring *keyring.Ring, now func() time.Time) (*desk, error) {
	sealer, err := cfg.sealer(ctx, store)
	if err != nil {
		return nil, err
	}
	o, err := operator.New(operator.Config{Store: store, Keys: ring, MailPurpose: notify.SealPurpose, Now: now})
	return &desk{cfg: cfg, ring: ring, sealer: sealer, operator: o}, err
}
