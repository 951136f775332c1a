package caddymodule

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/apidocs"
)

// core is the capabilities of one configuration, wired over the node that it shares with others.
type core struct {
	store    *sqlstore.Store // tells c.committed
	logger   *slog.Logger
	sealer   *secret.Sealer
	ring     *keyring.Ring
	notifier *notify.Notifier
	flows    *gateway.Flows
	blocks   *block.Blocks
	tuning   *tuning.Flow
	auth     *httpauth.Authenticator
	trap     *honeytrap.Trap // nil: there is none
	api      *httpapi.API
	apiPage  *apidocs.Page
	pages    *portal.Pages

	claimed bool // the identifiers of all accounts were claimed by a former start

	mounts sync.Map // prefix → mount
}

// newCore wires the capabilities. The node is open.
func newCore(ctx context.Context, a *App) (*core, error) {
	n, cfg := a.node, a.cfg
	sealer, err := cfg.sealer(ctx, n.store)
	if err != nil {
		return nil, err
	}
	c := &core{logger: a.logger, sealer: sealer}
	c.store = n.store.WithAdmins(cfg.admins).WithInviters(cfg.invitations.inviters).AfterCommit(c.committed)
	c.ring, err = keyring.New(keyring.Config{Store: c.store, Sealer: sealer, Algorithm: cfg.algorithm,
		AccessLifetime: cfg.longestAccess, Logger: a.logger, Now: n.clock.Now})
	if err != nil {
		return nil, err
	}
	if err := c.ring.Load(ctx); err != nil {
		return nil, cfg.foreign(err)
	}
	c.store = c.store.WithDigester(sqlstore.NewDigester(gateway.FormerIdentifiers(c.ring)))
	if c.claimed, err = c.store.ClaimedIdentifiers(ctx, cfg.identities); err != nil {
		return nil, err
	}
	if !c.claimed {
		ctx, cancel := untilExit()
		defer cancel()
		if err := c.claim(ctx, a); err != nil {
			return nil, err
		}
	}
	if err := c.wireFlows(a, sealer); err != nil {
		return nil, err
	}
	return c, c.wireAPI(a)
}

// claim makes the identifiers claimable that accounts have. Of a million accounts it takes a minute.
func (c *core) claim(ctx context.Context, a *App) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	conflicts, err := c.store.ClaimIdentifiers(ctx, a.cfg.identities, a.node.clock.Now())
	if err != nil {
		return fmt.Errorf("claim identifiers: %w", err)
	}
	if conflicts > 0 {
		a.logger.Warn("some accounts share an identifier; only the oldest account can sign in with it", "accounts", conflicts)
	}
	return nil
}

// claimAgain claims what other nodes, with other identities, have left unclaimed meanwhile. Nobody waits for it.
func (c *core) claimAgain(ctx context.Context, a *App) {
	if !c.claimed {
		return // just now
	}
	if err := c.claim(ctx, a); err != nil && ctx.Err() == nil {
		a.logger.Error("could not look for accounts that cannot be found by their identifiers; the next start will", "error", err)
	}
}

// wireFlows makes the flows.
func (c *core) wireFlows(a *App, sealer *secret.Sealer) error {
	n, cfg := a.node, a.cfg
	delivery, err := a.mail.Delivery(cfg.dataDir)
	if err != nil {
		return fmt.Errorf("option mail: %w", err)
	}
	cfg.warnings = append(cfg.warnings, delivery.Warnings...)
	var texts SMSDelivery
	if a.sms != nil {
		if texts, err = a.sms.SMSDelivery(cfg.dataDir); err != nil {
			return fmt.Errorf("option sms: %w", err)
		}
		cfg.warnings = append(cfg.warnings, texts.Warnings...)
	}
	if c.notifier, err = notifierFor(cfg, delivery, texts, c.store, sealer, n.clock.Now, a.logger); err != nil {
		return err
	}
	if c.tuning, err = tuning.New(tuning.Config{Store: c.store, Registry: cfg.tuning, Apply: n.tuning.Apply, Now: n.clock.Now}); err != nil {
		return err
	}
	settings := cfg.flowSettings()
	settings.Password.Breached, settings.Trap = a.breaches.hook(), a.trapSettings()
	if settings.Providers, err = a.readyProviders(); err != nil {
		return err
	}
	c.blocks, err = block.New(block.Config{Rules: cfg.blocks.rules, Allowed: cfg.blocks.allowed, Count: countBlock, Now: n.clock.Now})
	if err != nil {
		return err
	}
	if err := c.blocks.Read(context.Background(), c.store); err != nil {
		return fmt.Errorf("read block rules: %w", err)
	}
	c.flows, err = gateway.NewFlows(gateway.Config{Store: c.store, Ring: c.ring, Hasher: n.hasher, Limiter: a.limiter(), Lockouts: n.lockouts, Proofs: n.proofs, Codes: n.codes,
		Mailer: c.notifier, Blocks: c.blocks, Sealer: sealer, Now: n.clock.Now, Settings: settings,
		CanReach: c.notifier.CanReach, MayIssue: func() error { return gateway.MayIssue(n.clock.Wrong, c.ring.Signs) },
		Traces: gateway.Traces{SignIn: traceSignIns, SignUp: traceSignUps, StepUp: traceOf(stepUpOutcomes.result), Refresh: traceOf(refreshOutcomes.result), Handover: traceHandovers,
			CodeSent: countCode, SecondFactor: countSecondFactor, Provider: tellProvider(a.logger, a.node.clock.Now), AdminCall: adminCalls.result}})
	return err
}

// flowSettings are the settings of the flows.
func (r *resolved) flowSettings() gateway.Settings {
	return gateway.Settings{Signup: r.signupMode(), Deferred: r.deferred, CodeOnDemand: r.codeOnDemand, Identities: r.identities, Admins: r.admins, UserFields: r.userFields,
		Invitation: gateway.InvitationSettings{Inviters: r.invitations.inviters, Lifetime: r.invitations.lifetime, Pending: r.invitations.pending}, Numbers: r.numbers, Ways: r.ways(), NoPassword: r.noPassword(), ByCode: r.byCode,
		Password:        passpolicy.Config{MinLength: r.password.minLength, LiveMin: r.tuning.Number(minPassword), MinBeside: r.password.minBeside, MaxLength: r.password.maxLength},
		BreachedAtLogin: r.breachedAtLogin(),
		Code:            gateway.CodeSettings{Length: r.otp.length, Lifetime: r.tuning.Duration(otpLifetime), SMSLifetime: r.otp.smsLifetime, Attempts: r.tuning.Number(otpAttempts)},
		Audience:        r.audience, Lifetimes: r.lifetimes(), RefreshLeeway: r.refreshLeeway, FreshFor: r.tuning.Duration(freshFor),
		DeletionGrace: r.deletionGrace, Factors: r.factors, Passkeys: r.passkeys, PasskeysSecond: !slices.Contains(r.signIn, signInPasskey), Brand: r.brand, ShortSession: r.shortSession, MaxSessions: r.maxSessions, MFA: r.mfa, TrustFor: r.trustFor}
}

// offer is what anybody may know of the settings.
func (r *resolved) offer() httpapi.Offer {
	return httpapi.Offer{Identities: r.identities, SignIn: r.offeredSignIn(),
		Factors: r.offeredFactors(), MFA: r.offeredMFA(),
		Password: httpapi.OfferedPassword{MaxLength: r.password.maxLength},
		OTP:      httpapi.OfferedCode{Length: r.otp.length}, UserFields: offeredFields(r.userFields),
		Invitations: r.invitations.by, Locales: httpauth.Languages()}
}

// wireAPI puts API and pages over the flows.
func (c *core) wireAPI(a *App) (err error) {
	n, cfg, f := a.node, a.cfg, c.flows
	c.auth, err = httpauth.NewAuthenticator(httpauth.Config{Verifier: n.verifier, Sessions: f.Sessions, Issuers: a.sites.issuers.All,
		Audience: cfg.audience, Origins: cfg.origins, Stale: a.stale, ClockWrong: n.clock.Wrong, Trace: span, Dialects: a.dialects.Keys})
	if err != nil {
		return err
	}
	c.trap = honeytrap.New(f.Trap, c.auth, cfg.trap.field)
	if c.apiPage, err = apidocs.New(); err != nil {
		return err
	}
	limits := httpauth.NewLimits(a.limiter(), ratelimit.AddressKey).TellRefused(countRateLimited)
	c.api, err = httpapi.New(httpapi.Config{Explain: inquiry{a}.explain, CookiePrefix: a.CookiePrefix, DialectToken: a.dialects.inspect, Authenticator: c.auth, Limits: limits, Trap: c.trap, Sessions: f.Sessions,
		SignIn: f.SignIn, Passwordless: f.Passwordless, Steps: f.Steps, SignUp: f.SignUp, Password: f.Password, Profile: f.Profile, JWKS: c.ring.JWKS, Ready: a.health, Logger: a.logger,
		Setup: f.Setup, Invite: f.Invite, Secure: f.Secure, Contact: f.Contact, Factors: f.Factors, Fresh: f.Fresh, Closure: f.Closure, Export: f.Export, Avatars: f.Avatars,
		History: f.History, Devices: f.Devices, AdminGate: f.AdminGate, Tuning: c.tuning, SigningKeys: gateway.SigningKeys(c.ring), Directory: f.Directory, AllSessions: f.AllSessions, Users: f.Users, Unlocker: f.Unlocker, BlockRules: f.BlockRules, Stats: f.Stats, EventLog: f.EventLog, EventLive: f.EventLive, Connections: n.connections, Notifications: f.Notifications, StepUp: f.StepUp, Federated: f.Federated, Consents: f.Consents, Now: n.clock.Now, Admins: cfg.admins, Offer: cfg.offer()})
	if err != nil {
		return err
	}
	c.pages, err = portal.New(portal.Config{API: c.api, Authenticator: c.auth, Limits: limits, Trap: c.trap, Sessions: f.Sessions,
		SignIn: f.SignIn, Passwordless: f.Passwordless, Steps: f.Steps, SignUp: f.SignUp, Password: f.Password, Profile: f.Profile, Setup: f.Setup, Invite: f.Invite, Secure: f.Secure, Contact: f.Contact, Factors: f.Factors, Fresh: f.Fresh, Closure: f.Closure, Export: f.Export, Avatars: f.Avatars, History: f.History, Notifications: f.Notifications, StepUp: f.StepUp, Devices: f.Devices, Handover: f.Handover, Federated: f.Federated, Stats: f.Stats, EventLog: f.EventLog, Issuers: a.issuers,
		Admin: portal.Administration{Gate: f.AdminGate, BlockRules: f.BlockRules, Directory: f.Directory, Users: f.Users, Unlocker: f.Unlocker, Admins: cfg.admins, Tuning: c.tuning,
			SigningKeys: gateway.ConsoleKeys(c.ring), Explain: inquiry{a}.explain, Health: inquiry{a}.health},
		Brand: cfg.brand, ReturnHosts: a.returnHosts, Logger: a.logger, Now: n.clock.Now})
	return err
}

// mount is API and pages under one prefix.
type mount struct {
	api, pages http.Handler
}

// at returns API and pages under a prefix.
func (c *core) at(prefix string) *mount {
	if m, ok := c.mounts.Load(prefix); ok {
		return m.(*mount)
	}
	m, _ := c.mounts.LoadOrStore(prefix, &mount{c.api.Handler(prefix), c.pages.Handler(prefix)})
	return m.(*mount)
}

// handler returns who answers a request: where a page and a call share a path, the content type decides.
func (c *core) handler(prefix string, r *http.Request) http.Handler {
	m := c.at(prefix)
	if c.pages.Has(prefix, r) {
		return m.pages
	}
	return m.api
}

// returnHosts are the hosts that a sign-in may lead to besides the one it happens on, for [httpauth.HostAllowed].
func (a *App) returnHosts(string) []string {
	return slices.Concat(a.cfg.redirectHosts, a.sites.guarded.All())
}

// databaseKind names the engine, for the log: the URL may hold a password.
func (r *resolved) databaseKind() string {
	if r.sqlitePath != "" {
		return "sqlite"
	}
	return "postgres"
}
