package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/guard"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

func init() { caddy.RegisterModule(new(App)) }

// App is Gatehouse's part of a Caddy configuration: accounts, sessions and keys of one database.
//
// Provision reads and checks; it touches no database unless the running configuration has it open already. Start opens
// and migrates the database and launches the workers. Requests that arrive before that wait a moment.
type App struct {
	Settings

	ctx       caddy.Context
	cfg       *resolved
	logger    *slog.Logger
	mail      MailSender
	sms       SMSSender // nil: no SMS are sent
	providers []IdentityProvider
	breaches  *breaches // nil: no list is configured
	database  string    // key of the node, "" until it is held
	node      *node
	exchange  *exchange        // nil without Redis
	feed      *redisfeed.Feed  // the exchange's, once the node is open
	counters  *ratelimit.Redis // likewise

	exchangeKey string // "" until it is held

	sites      sites
	dialects   dialects
	issuerLook issuerLook
	bounds     bounds

	edge *guard.Edge
	core atomic.Pointer[core]

	stop    context.CancelFunc
	workers sync.WaitGroup
}

const (
	// openTimeout bounds each step of a start but the migration, which waits for tables and builds indices.
	openTimeout    = 20 * time.Second
	migrateTimeout = 10 * time.Minute
	reachTimeout   = 5 * time.Second
)

// CaddyModule returns the module's description.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gatehouse", New: func() caddy.Module { return new(App) }}
}

// Provision resolves the settings and takes hold of the node.
func (a *App) Provision(ctx caddy.Context) (err error) {
	a.ctx, a.logger = ctx, logsink.Of(ctx)
	if a.cfg, err = a.resolve(); err != nil {
		return fmt.Errorf("gatehouse: option %w", err)
	}
	if a.cfg.issuer != nil {
		a.sites.issuers.Add([]string{a.cfg.issuer.String()})
	}
	if a.mail, err = a.loadMail(ctx); err != nil {
		return fmt.Errorf("gatehouse: option mail: %w", err)
	}
	if a.sms, err = a.loadSMS(ctx); err != nil {
		return fmt.Errorf("gatehouse: option sms: %w", err)
	}
	if a.providers, err = a.loadProviders(ctx); err != nil {
		return fmt.Errorf("gatehouse: option provider: %w", err)
	}
	if a.breaches, err = a.cfg.openBreaches(a.logger); err != nil {
		return fmt.Errorf("gatehouse: option password: breached: %w", err)
	}
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	database := a.cfg.database.RevealString()
	if a.node, err = acquireNode(database); err != nil {
		return err
	}
	a.database = database
	a.edge = a.newEdge()
	if err := a.holdRedis(); err != nil {
		return fmt.Errorf("gatehouse: option redis: %w", err)
	}
	if a.node.opened.Load() {
		// A reload: everything is there, so the new configuration answers from its first request on.
		return a.assemble(ctx)
	}
	return a.reach(ctx)
}

// Start opens the database if this process has not, and launches the workers of this configuration.
func (a *App) Start() error {
	ctx, cancel := untilExit()
	defer cancel()
	if err := a.dialects.checkOrigin(a.issuers()); err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	before := running()
	if err := a.refuseOccupied(ctx, before); err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	if a.core.Load() == nil {
		if err := a.node.open(ctx, a.cfg, logsink.Present()); err != nil {
			return fmt.Errorf("gatehouse: %w", a.cfg.withOwner(err))
		}
		ctx, cancelAssembly := context.WithTimeout(ctx, openTimeout)
		defer cancelAssembly()
		if err := a.assemble(ctx); err != nil {
			return a.cfg.withOwner(err)
		}
	}
	c := a.core.Load()
	if err := takeOver(a); err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	// Now that no former configuration of this process gives roles.
	if err := c.applyAdmins(ctx, a, before == nil); err != nil {
		return fmt.Errorf("gatehouse: %w", a.cfg.withOwner(err))
	}
	for _, w := range slices.Concat(a.cfg.warnings, a.addressWarnings(), a.leavingWarnings(before)) {
		a.logger.Warn(w)
	}
	a.tellRuntime()
	launchWorkers(a, c)
	a.logger.Info("gatehouse is ready", "issuers", a.issuers(), "database", a.cfg.databaseKind(), "data_dir", a.cfg.dataDir)
	return nil
}

// launchWorkers launches the workers of a configuration, which end by its stop.
func launchWorkers(a *App, c *core) {
	run, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.workers.Go(func() { c.ring.Run(run) })
	a.workers.Go(func() { c.notifier.Run(run) })
	a.workers.Go(func() { c.claimAgain(run, a) })
	for _, keepFresh := range c.flows.Federated.Background() {
		a.workers.Go(func() { keepFresh(run) })
	}
	a.workers.Go(func() { c.flows.Closure.Run(run, a.logger) })
	a.workers.Go(func() { c.flows.Consents.Run(run, a.logger) })
	a.workers.Go(func() { c.blocks.Run(run, c.store, a.cfg.sqlitePath == "", a.logger) })
	a.workers.Go(func() { a.node.clock.Watch(run, a.node.store.ServerTime) })
	a.workers.Go(func() { a.node.sweep(run, a.cfg.retention, a.logger) })
	a.workers.Go(func() { a.heartbeat().Run(run) })
	a.workers.Go(func() { stats.NewWorker(a.node.store, a.node.clock.Now).Run(run, a.logger) })
	a.workers.Go(func() { a.node.poller.Run(run) })
	if a.cfg.sqlitePath == "" {
		a.workers.Go(func() { a.node.staleness.Watch(run, a.node.woken) })
		a.workers.Go(func() { a.node.tuning.Run(run, a.logger) }) // with SQLite every change is made here
	}
	a.workers.Go(func() { a.node.connections.Run(run) })
	a.workers.Go(func() { a.node.releaseMemory(run) })
	a.workers.Go(func() { a.look(run) })
	a.workers.Go(func() { a.tellOccupied(run) })
	if a.feed != nil {
		a.workers.Go(func() { a.feed.Run(run) })
		a.workers.Go(func() { a.counters.Run(run) })
	}
}

// untilExit returns a context that ends when the process is told to, for Caddy lets a start come to its end first.
func untilExit() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for !caddy.Exiting() {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		cancel()
	}()
	return ctx, cancel
}

// Stop ends the workers; the node stays for a configuration that shares it. Where the process ends, Caddy stops apps in
// any order while requests are still served: then the workers go on until Cleanup, so that revocations made by other
// nodes hold to the last request (M04).
func (a *App) Stop() error {
	if caddy.Exiting() {
		a.tellDraining()
		return nil
	}
	a.halt()
	return releaseApp(a)
}

// endStreams ends the answers of this configuration that go on and on. Their clients come back to the next.
func endStreams(a *App) {
	if c := a.core.Load(); c != nil {
		c.flows.EventLive.Close()
	}
}

func (a *App) halt() {
	if a.stop != nil {
		a.stop()
	}
	a.workers.Wait()
}

// Cleanup gives the node back. It runs after a failed Provision as well.
func (a *App) Cleanup() error {
	a.halt()
	defer logsink.Flush() // Caddy closes this configuration's log next
	err := a.breaches.close()
	if a.database == "" {
		return err
	}
	if a.node.opened.Load() {
		a.node.tuning.Leave(a.cfg.tuning)
	}
	err = errors.Join(err, a.dropRedis()) // first: what goes over it is the node's
	_, gone := nodes.Delete(a.database)
	a.database = ""
	return errors.Join(err, gone)
}

// reach checks that a Postgres server answers, so that a configuration that names none is refused before it replaces one
// that works. A SQLite file is left alone until Start.
func (a *App) reach(ctx context.Context) error {
	if a.cfg.sqlitePath != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: a.database, Logger: a.logger, Now: nodeclock.Now})
	if err != nil {
		return fmt.Errorf("gatehouse: option database: %w", err)
	}
	return store.Close()
}

// assemble builds the capabilities over the open node.
func (a *App) assemble(ctx context.Context) (err error) {
	if a.exchange != nil {
		if err := a.exchange.over(a.node); err != nil {
			return fmt.Errorf("gatehouse: %w", err)
		}
		a.feed, a.counters = a.exchange.feed, a.exchange.counters
	}
	a.cfg.tuning.OnChange(a.retune)
	a.node.tuning.Join(a.cfg.tuning)
	c, err := newCore(ctx, a)
	if err != nil {
		return fmt.Errorf("gatehouse: %w", err)
	}
	a.node.ring.CompareAndSwap(nil, c.ring)
	if err := c.serveDialects(ctx, a, a.dialects.all...); err != nil {
		return err
	}
	a.core.Store(c)
	a.edge.Start(&guard.Started{Auth: c.auth, Pages: c.pages, Staleness: a.node.staleness, Connections: a.node.connections})
	return nil
}

// await returns the capabilities. While the node starts it waits a moment, then it is unavailable.
func (a *App) await(ctx context.Context) (*core, error) {
	if _, err := a.edge.Await(ctx); err != nil {
		return nil, err
	}
	return a.core.Load(), nil
}

// issuers returns the accepted values of `iss`.
func (a *App) issuers() []string { return a.sites.issuers.All() }

// appOf returns the app of the configuration that is being provisioned; without a global block that is one of defaults.
func appOf(ctx caddy.Context) (*App, error) {
	v, err := ctx.App("gatehouse")
	if err != nil {
		return nil, err
	}
	app, ok := v.(*App)
	if !ok {
		return nil, errors.New("gatehouse: the app is of another kind")
	}
	return app, nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
