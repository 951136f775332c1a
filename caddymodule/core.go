package caddymodule

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// core is the capabilities of one configuration, wired over the node that it shares with others.
type core struct {
	store    *sqlstore.Store // tells c.committed
	logger   *slog.Logger
	ring     *keyring.Ring
	notifier *notify.Notifier
	sessions *session.Sessions
	auth     *httpauth.Authenticator
	api      *httpapi.API
	pages    *portal.Pages

	mounts sync.Map // prefix → mount
}

// newCore wires the capabilities. The node is open.
func newCore(ctx context.Context, a *App) (*core, error) {
	n, cfg := a.node, a.cfg
	sealer, err := cfg.sealer(ctx, n.store)
	if err != nil {
		return nil, err
	}
	c := &core{logger: a.logger}
	c.store = n.store.AfterCommit(c.committed)
	c.ring, err = keyring.New(keyring.Config{Store: c.store, Sealer: sealer, Algorithm: cfg.algorithm,
		AccessLifetime: cfg.accessLifetime, Logger: a.logger, Now: n.clock.now})
	if err != nil {
		return nil, err
	}
	if err := c.ring.Load(ctx); err != nil {
		return nil, cfg.foreign(err)
	}
	conflicts, err := c.store.ClaimIdentifiers(ctx, cfg.identities, n.clock.now())
	if err != nil {
		return nil, fmt.Errorf("claim identifiers: %w", err)
	}
	if conflicts > 0 {
		a.logger.Warn("some accounts share an identifier; only the oldest account can sign in with it", "accounts", conflicts)
	}
	if err := c.wireSessions(a, sealer); err != nil {
		return nil, err
	}
	return c, c.wireAPI(a)
}

func (c *core) wireSessions(a *App, sealer *secret.Sealer) error {
	n, cfg := a.node, a.cfg
	delivery, err := a.mail.Delivery(cfg.dataDir)
	if err != nil {
		return fmt.Errorf("option mail: %w", err)
	}
	cfg.warnings = append(cfg.warnings, delivery.Warnings...)
	if c.notifier, err = notifierFor(cfg, delivery, c.store, sealer, n.clock.now, a.logger); err != nil {
		return err
	}
	c.sessions, err = session.New(session.Config{Store: c.store, Keys: c.ring, Mailer: c.notifier,
		MayIssue: func() error { return mayIssue(n.clock, c.ring.Signs) },
		Audience: cfg.audience, AccessLifetime: cfg.accessLifetime, RefreshLifetime: cfg.refreshLifetime,
		SessionLifetime: cfg.sessionLifetime, RefreshLeeway: cfg.refreshLeeway, Trace: traceOf(refreshOutcomes.result), Now: n.clock.now})
	return err
}

func (c *core) wireAPI(a *App) error {
	n, cfg := a.node, a.cfg
	policy, err := passpolicy.New(passpolicy.Config{MinLength: cfg.password.minLength, MaxLength: cfg.password.maxLength})
	if err != nil {
		return err
	}
	desk, err := challenge.New(challenge.Config{Store: c.store, Limiter: a.limiter(), Mailer: c.notifier,
		Key:    func() secret.MACKey { return c.ring.MACKey("code") },
		Length: cfg.otp.length, Lifetime: cfg.otp.lifetime, Attempts: cfg.otp.attempts, Now: n.clock.now})
	if err != nil {
		return err
	}
	c.auth, err = httpauth.NewAuthenticator(httpauth.Config{Verifier: n.verifier, Sessions: c.sessions, Issuers: a.issuers,
		Audience: cfg.audience, Origins: cfg.origins, Stale: a.stale, ClockWrong: n.clock.wrong, Trace: span})
	if err != nil {
		return err
	}
	api := httpapi.Config{CookiePrefix: a.CookiePrefix, Authenticator: c.auth, Sessions: c.sessions, Keys: c.ring,
		Limits: httpauth.NewLimits(a.limiter(), ratelimit.AddressKey), Ready: a.health, Logger: a.logger}
	api.SignIn, err = signin.New(signin.Config{Store: c.store, Hasher: n.hasher, Policy: policy, Lockouts: n.lockouts,
		Sessions: c.sessions, Identities: cfg.identities, RequireVerified: cfg.signup != string(enrol.Open), Trace: traceOf(ended), Now: n.clock.now})
	if err != nil {
		return err
	}
	api.Enrol, err = enrol.New(enrol.Config{Store: c.store, Hasher: n.hasher, Policy: policy, Challenges: desk, CanReach: c.notifier.CanReach,
		Sessions: c.sessions, Signup: enrol.Signup{Mode: enrol.Mode(cfg.signup), Identities: cfg.identities},
		Salt: func(address string) []byte { return c.ring.MACKey("password salt").MAC([]byte(address)).Bytes()[:16] }, Now: n.clock.now})
	if err != nil {
		return err
	}
	api.Password, err = password.New(password.Config{Store: c.store, Hasher: n.hasher, Policy: policy, Challenges: desk,
		Lockouts: n.lockouts, Identities: cfg.identities, Now: n.clock.now})
	if err != nil {
		return err
	}
	if api.Profile, err = profile.New(profile.Config{Store: c.store, Identities: cfg.identities, Now: n.clock.now}); err != nil {
		return err
	}
	if c.api, err = httpapi.New(api); err != nil {
		return err
	}
	hands, err := handover.New(handover.Config{Store: c.store, Challenges: desk, Sessions: c.sessions,
		Trace: traceHandovers, Key: func() secret.MACKey { return c.ring.MACKey("hand-over") }, Now: n.clock.now})
	if err != nil {
		return err
	}
	c.pages, err = portal.New(portal.Config{Config: api, API: c.api, Issuers: a.issuers, Brand: cfg.brand, ReturnHosts: a.returnHosts, Handover: hands, Now: n.clock.now})
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
	return slices.Concat(a.cfg.redirectHosts, a.sites.guarded.all())
}

// limits are the settings of the limiter.
func (r *resolved) limits() ratelimit.Config {
	rates := make(map[string]ratelimit.Rate, len(r.rates)+2)
	for name, rate := range r.rates {
		rates[name] = rate
	}
	rates[authcore.LimitResend] = ratelimit.Rate{Count: 1, Window: r.otp.resendAfter}
	rates[authcore.LimitCode] = ratelimit.Rate{Count: r.otp.attempts, Window: time.Hour}
	return ratelimit.Config{Rates: rates, Now: now}
}

// lockPolicy is when an identifier is locked.
func (r *resolved) lockPolicy() lockout.Policy {
	l := r.lockout
	return lockout.Policy{Failures: l.failures, Window: l.window, First: l.first, Max: l.max, Off: l.off}
}

// databaseKind names the engine, for the log: the URL may hold a password.
func (r *resolved) databaseKind() string {
	if r.sqlitePath != "" {
		return "sqlite"
	}
	return "postgres"
}
