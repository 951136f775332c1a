package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// adminOps is where the commands are done: at the running gateway, or at a database that no gateway of this machine serves.
type adminOps struct {
	cfg       *resolved
	ring      *keyring.Ring
	sealer    *secret.Sealer
	operator  *operator.Operator
	accounts  *admin.Accounts
	directory *admin.Directory
	sessions  *admin.Sessions
	events    *eventlog.Flow
	unlocker  *admin.Unlocker
	users     *admin.Users // of a running gateway, as closure; or made by stopped
	closure   *closure.Flow
	invite    *invite.Flow
	factors   *factor.Factors
	resets    *password.Resets
	tuning    *tuning.Flow
	blocks    *block.Manager
	store     *sqlstore.Store
	now       authcore.Clock
	portal    string           // base URL of pages and links; only a path where the configuration does not say it
	notifier  *notify.Notifier // nil where no gateway runs
}

// adminOpsOf returns that of a running gateway.
func adminOpsOf(ctx context.Context, a *App) (*adminOps, error) {
	c, err := a.await(ctx)
	if err != nil {
		return nil, err
	}
	sealer, err := a.cfg.sealer(ctx, c.store)
	if err != nil {
		return nil, err
	}
	d, err := newAdminOps(a.cfg, c.store, c.ring, sealer, a.node.clock.Now)
	if err != nil {
		return nil, err
	}
	d.tuning, d.resets = c.tuning, c.flows.Password.Resets()
	d.notifier, d.invite, d.factors, d.users, d.closure, d.portal = c.notifier, c.flows.Invite, c.flows.Factors, c.flows.Users, c.flows.Closure, a.sites.portalURL()
	d.blocks = c.flows.BlockRules
	return d, nil
}

// openAdminOps opens the database; done closes it.
func openAdminOps(ctx context.Context, cfg *resolved) (d *adminOps, done func() error, err error) {
	logger := logsink.Present()
	clock := nodeclock.New(logger)
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: cfg.database.RevealString(), Logger: logger, Now: clock.Now,
		Mark: cfg.databaseMark()})
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*adminOps, func() error, error) { return nil, nil, errors.Join(err, store.Close()) }
	if err := store.Lock(); err != nil {
		return fail(err)
	}
	if err := clock.Look(ctx, store.ServerTime); err != nil {
		return fail(err)
	}
	if err := store.Migrate(ctx); err != nil {
		return fail(err)
	}
	settings, err := store.RuntimeSettings(ctx)
	if err != nil {
		return fail(err)
	}
	cfg.tuning.Apply(settings)
	sealer, err := cfg.sealer(ctx, store)
	if err != nil {
		return fail(err)
	}
	ring, err := keyring.New(keyring.Config{Store: store, Sealer: sealer, Algorithm: cfg.algorithm,
		AccessLifetime: cfg.longestAccess, Logger: logger, Now: clock.Now})
	if err != nil {
		return fail(err)
	}
	if ring.Reload(ctx) == nil { // else commands that need no keys work all the same
		store = store.WithDigester(sqlstore.NewDigester(gateway.FormerIdentifiers(ring)))
	}
	if d, err = newAdminOps(cfg, store, ring, sealer, clock.Now); err != nil {
		return fail(err)
	}
	if err := d.stopped(); err != nil {
		return fail(err)
	}
	return d, store.Close, nil
}

func newAdminOps(cfg *resolved, store *sqlstore.Store, ring *keyring.Ring, sealer *secret.Sealer, now func() time.Time) (*adminOps, error) {
	store = store.WithAdmins(cfg.admins).WithInviters(cfg.invitations.inviters)
	d := &adminOps{cfg: cfg, store: store, now: now, ring: ring, sealer: sealer, portal: defaultPrefix}
	if cfg.issuer != nil {
		d.portal = cfg.issuer.String() + defaultPrefix
	}
	var err error
	if d.tuning, err = tuning.New(tuning.Config{Store: store, Registry: cfg.tuning, Now: now}); err != nil {
		return nil, err
	}
	if d.accounts, err = admin.New(admin.Config{Store: store, Identities: cfg.identities, NoPassword: cfg.noPassword(), Now: now}); err != nil {
		return nil, err
	}
	if err := d.find(); err != nil {
		return nil, err
	}
	d.operator, err = operator.New(operator.Config{Store: store, Seeds: store, Grants: store, Keys: ring, MailPurpose: notify.SealPurpose, LinkPurpose: notice.SealPurpose,
		SeedPurpose: factor.SealPurpose, GrantPurpose: federated.GrantPurpose, Now: now})
	return d, err
}

// find makes what finds accounts.
func (d *adminOps) find() error {
	locks, err := lockout.New(lockout.Config{Policy: d.cfg.lockPolicy(), Store: d.store, Now: d.now, Key: func() secret.MACKey { return d.ring.MACKey("lockout names") }})
	if err != nil {
		return err
	}
	cursors, err := cursor.NewSigner(gateway.Cursors(d.ring))
	if err != nil {
		return err
	}
	if d.sessions, err = admin.NewSessions(admin.SessionsConfig{Store: d.store, Cursors: cursors, Now: d.now}); err != nil {
		return err
	}
	if d.events, err = eventlog.New(eventlog.Config{Store: d.store, Cursors: cursors}); err != nil {
		return err
	}
	if d.unlocker, err = admin.NewUnlocker(admin.UnlockerConfig{Store: d.store, Locks: locks, Now: d.now}); err != nil {
		return err
	}
	d.directory, err = admin.NewDirectory(admin.DirectoryConfig{Store: d.store, Locks: locks, Cursors: cursors, Now: d.now})
	return err
}

// hasPages reports whether it is known where the pages are that the links in mails lead to.
func (d *adminOps) hasPages() bool { return d.notifier != nil || d.cfg.issuer != nil }

func errNoPages() error {
	return authcore.Refuse(authcore.Unavailable,
		"No gateway runs, and the configuration does not say where its pages are. Start the gateway, or set the option issuer.")
}
