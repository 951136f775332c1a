package caddymodule

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
)

// The settings of a dialect that change while the gateway runs: dialects.<name>.access_lifetime and so on.
func dialectSetting(name, option string) string { return "dialects." + name + "." + option }

const tokenLifetime = "token_lifetime"

// dialectSettings are the names of the settings of all dialects of this build.
func dialectSettings() (names []string) {
	for _, name := range dialectNames() {
		for _, option := range []string{accessLifetime, refreshLifetime, tokenLifetime} {
			names = append(names, dialectSetting(name, option))
		}
	}
	return names
}

// defineLifetimes makes the lifetimes of the dialect settings that may change while the gateway runs. A dialect at several sites has one
// set of them.
func (d *Dialect) defineLifetimes() error {
	given, by := d.module.Common(), d.is.Form.Lifetimes
	define := func(option string, fallback time.Duration, configured caddy.Duration) tuning.Definition {
		return tuning.Duration(dialectSetting(d.is.Name, option), fallback, shortest, longestLife).Or(tuning.DurationValue(time.Duration(configured)))
	}
	name := func(option string) string { return dialectSetting(d.is.Name, option) }
	switch {
	case by.Single > 0:
		return d.app.cfg.tuning.Add([]tuning.Definition{define(tokenLifetime, by.Single, given.TokenLifetime)}, []tuning.Rule{
			{Less: name(tokenLifetime), Than: sessionLifetime, OrEqual: true}, {Less: name(tokenLifetime), Than: idleTimeout, OrEqual: true},
		})
	case by.Access > 0:
		return d.app.cfg.tuning.Add([]tuning.Definition{
			define(accessLifetime, by.Access, given.AccessLifetime), define(refreshLifetime, by.Refresh, given.RefreshLifetime),
		}, []tuning.Rule{
			{Less: name(accessLifetime), Than: name(refreshLifetime)}, {Less: name(refreshLifetime), Than: sessionLifetime, OrEqual: true},
			{Less: name(accessLifetime), Than: idleTimeout},
		})
	}
	return nil
}

// lifetimes returns what reads how long what the dialect issues lives. An idle session ends with its refresh token, as elsewhere.
func (d *Dialect) lifetimes() func() dialect.Lifetimes {
	r, by := d.app.cfg.tuning, d.is.Form.Lifetimes
	switch {
	case by.Single > 0:
		single := r.Duration(dialectSetting(d.is.Name, tokenLifetime))
		return func() dialect.Lifetimes { return dialect.Lifetimes{Single: single()} }
	case by.Access > 0:
		access, refresh, idle := r.Key(dialectSetting(d.is.Name, accessLifetime)), r.Key(dialectSetting(d.is.Name, refreshLifetime)), r.Key(idleTimeout)
		return func() dialect.Lifetimes {
			now := r.Values()
			l := dialect.Lifetimes{Access: now.Duration(access), Refresh: now.Duration(refresh)}
			if idle := now.Duration(idle); idle > 0 {
				l.Refresh = min(l.Refresh, idle)
			}
			return l
		}
	}
	return func() dialect.Lifetimes { return dialect.Lifetimes{} }
}

// serveDialects makes dialects ready to serve, over an open node.
func (c *core) serveDialects(ctx context.Context, a *App, some ...*Dialect) error {
	if len(some) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for _, d := range some {
		var keys *jwtkeys.ForeignKeys
		if d.is.Borrows == "" {
			var err error
			if keys, err = c.dialectKeys(ctx, d); err != nil {
				return fmt.Errorf("gatehouse_dialect %s: %w", d.is.Name, err)
			}
		}
		given := d.module.Common()
		serves, err := dialect.New(d.is, dialect.Settings{Prefix: d.prefix, Paths: given.Path, Schemes: given.Schemes, UserID: dialect.UserID(given.UserID),
			LoginField: given.LoginField, Lifetimes: d.lifetimes(), Keys: keys, Lender: func() *dialect.Site { return a.dialects.beside(d, d.is.Borrows) },
			Siblings:  func() []*dialect.Site { return a.dialects.under(d) },
			DigestKey: func() secret.MACKey { return c.ring.MACKey("dialect refresh token") }}, c.dialectFlows(a))
		if err != nil {
			return fmt.Errorf("gatehouse_dialect: %w", err)
		}
		d.serves.Store(serves)
		dialectOutcomes(d.is.Name)
	}
	a.dialects.publish()
	return nil
}

// publish makes the keys of all dialects that are served known to guards.
func (s *dialects) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []*jwtkeys.ForeignKeys
	var words []string
	for _, d := range s.all {
		if serves := d.serves.Load(); serves != nil && serves.Settings.Keys != nil {
			keys = append(keys, serves.Settings.Keys)
			for _, w := range serves.Settings.Schemes {
				if !strings.EqualFold(w, "bearer") && !slices.Contains(words, w) {
					words = append(words, w)
				}
			}
		}
	}
	if len(keys) == 0 {
		return
	}
	s.schemes.Store(&words)
	s.keys.Store(jwtkeys.NewForeignSet(keys...))
}

// under returns the dialects under the same prefix at the same site as d, this one included.
func (s *dialects) under(d *Dialect) (sites []*dialect.Site) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.all {
		if other.prefix != d.prefix || !other.sameSite(d) {
			continue
		}
		if serves := other.serves.Load(); serves != nil {
			sites = append(sites, serves)
		}
	}
	return sites
}

func (c *core) dialectFlows(a *App) dialect.Flows {
	f := c.flows
	limits := httpauth.NewLimits(a.limiter(), ratelimit.AddressKey).TellRefused(countRateLimited)
	return dialect.Flows{Sessions: f.Sessions, Dialects: session.NewDialects(f.Sessions, c.store, a.node.revocations), SignIn: f.SignIn, SignUp: f.SignUp, Password: f.Password,
		Profile: f.Profile, Contact: f.Contact, Fresh: f.Fresh, Factors: f.Factors, Steps: f.Steps, Federated: f.Federated, Invite: f.Invite, CodesAs: f.CodesAs, SignUpAs: f.SignUpAs,
		Accounts: c.store, Blocks: c.blocks, APIPage: c.apiPage, AdminGate: f.AdminGate, Directory: f.Directory, Users: f.Users, Roster: f.Roster, Newcomers: f.Newcomers, Claims: f.Claims, Closure: f.Closure,
		Admins: a.cfg.admins, Auth: c.auth, Limits: limits, Now: a.node.clock.Now, Logger: a.logger, Count: countDialect}
}

// dialectKeys returns the keys of a dialect: those that are given, or one of its own.
func (c *core) dialectKeys(ctx context.Context, d *Dialect) (*jwtkeys.ForeignKeys, error) {
	seal, given := c.ring.MACKey("dialect token"), d.module.Common()
	alg := jwtkeys.Algorithm(cmp.Or(given.Algorithm, string(jwtkeys.HS256)))
	var keys []jwtkeys.Key
	for _, k := range d.key {
		key, err := jwtkeys.Shared(k, seal)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		key, err := c.ownDialectKey(ctx, d.is.Name, alg)
		if err != nil {
			return nil, err
		}
		keys = []jwtkeys.Key{key}
	}
	return jwtkeys.NewForeignKeys(d.is.Name, keys, seal)
}

// ownDialectKey returns the gateway's own key for a dialect and algorithm, which is made once for all nodes. It is kept sealed under a key that
// the signing keys hold: once they are new, as after `gatehouse secret reset`, it is made anew.
func (c *core) ownDialectKey(ctx context.Context, name string, alg jwtkeys.Algorithm) (jwtkeys.Key, error) {
	slot := name + "." + string(alg)
	sum := c.ring.MACKey("dialect key").MAC([]byte(slot))
	under := base64.RawURLEncoding.EncodeToString(sum[:])
	fresh, err := jwtkeys.Generate(jwtkeys.Bearer, alg)
	if err != nil {
		return fresh, err
	}
	private, err := fresh.MarshalPrivate()
	if err != nil {
		return fresh, err
	}
	made := secret.SealFor(under, append([]byte(fresh.KID+"\x00"), private...))
	var old []byte
	for range 2 {
		stored, err := c.store.DialectKey(ctx, slot, old, made)
		if err != nil {
			return fresh, fmt.Errorf("keep key: %w", err)
		}
		if plain, ok := secret.OpenWith(under, stored); ok {
			kid, private, _ := strings.Cut(string(plain), "\x00")
			return jwtkeys.ParsePrivate(kid, jwtkeys.Bearer, alg, []byte(private))
		}
		old = stored
	}
	return fresh, fmt.Errorf("the kept key %s cannot be opened, and another node keeps replacing it", slot)
}

// readKey reads the placeholders of the option key.
func (d *Dialect) readKey() error {
	for _, given := range d.module.Common().Key {
		v, err := readPlaceholders(given)
		if err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if len(v) < minSecretBytes {
			return fmt.Errorf("key: %s has %d bytes but needs at least %d", given, len(v), minSecretBytes)
		}
		d.key = append(d.key, secret.FromString(v))
	}
	return nil
}

// inspect returns what a token of some dialect says that is good now; nil for any other.
func (s *dialects) inspect(ctx context.Context, token string) (map[string]any, error) {
	s.mu.Lock()
	all := slices.Clone(s.all)
	s.mu.Unlock()
	asked := map[string]bool{}
	for _, d := range all {
		serves := d.serves.Load()
		if serves == nil || asked[d.is.Name] { // at several sites it is one
			continue
		}
		asked[d.is.Name] = true
		if says, err := serves.Inspect(ctx, token); says != nil || err != nil {
			return says, err
		}
	}
	return nil, nil
}
