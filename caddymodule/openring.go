package caddymodule

import (
	"context"
	"errors"

	"github.com/gatehouse-auth/gatehouse/authcore/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/sqlstore"
)

// openRing opens the keys of a database that no gateway of this machine serves; done closes it.
func openRing(ctx context.Context, cfg *resolved) (ring *keyring.Ring, done func() error, err error) {
	logger := nodeLogger()
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: cfg.database.RevealString(), Logger: logger, Now: now})
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*keyring.Ring, func() error, error) { return nil, nil, errors.Join(err, store.Close()) }
	if err := store.Lock(); err != nil {
		return fail(err)
	}
	if err := store.Migrate(ctx); err != nil {
		return fail(err)
	}
	sealer, err := cfg.sealer(ctx, store)
	if err != nil {
		return fail(err)
	}
	ring, err = keyring.New(keyring.Config{Store: store, Sealer: sealer, Algorithm: cfg.algorithm,
		AccessLifetime: cfg.accessLifetime, Logger: logger, Now: now})
	if err != nil {
		return fail(err)
	}
	return ring, store.Close, nil
}
