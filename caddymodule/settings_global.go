package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// Defaults and bounds of durations. No cookie outlives 400 days in a browser (RFC 6265bis §5.5), so no session does.
const (
	defaultAccess  = 5 * time.Minute
	defaultRefresh = 30 * 24 * time.Hour
	defaultSession = 90 * 24 * time.Hour

	shortest    = time.Second
	longestDay  = 24 * time.Hour
	longestLife = 400 * 24 * time.Hour
)

// limitNames are the limits that `rate_limit` sets.
var limitNames = ratelimit.Settable()

// globalOptions is the block of the global option `gatehouse`.
var globalOptions = []option[Settings]{
	{
		name:  "data_dir",
		parse: readText(func(s *Settings) *string { return &s.DataDir }),
		check: func(s *Settings) error { return checkPlaceholders(s.DataDir) },
	},
	{
		name:  "database",
		parse: readText(func(s *Settings) *string { return &s.Database }),
		check: func(s *Settings) error { return checkDatabase(s.Database, len(s.Secret) > 0) },
	},
	{
		name:  "secret",
		parse: readWords(func(s *Settings) *[]string { return &s.Secret }),
		check: func(s *Settings) error { return each(s.Secret, checkSecret) },
	},
	{
		name:  "redis",
		parse: parseRedis,
		check: checkRedis,
	},
	{
		name:  "max_staleness",
		parse: readDuration(func(s *Settings) *caddy.Duration { return &s.MaxStaleness }),
		check: func(s *Settings) error {
			return onPostgres(s, s.MaxStaleness != 0, checkStaleness(s.MaxStaleness))
		},
	},
	{
		name:  "on_stale",
		parse: readText(func(s *Settings) *string { return &s.OnStale }),
		check: func(s *Settings) error { return onPostgres(s, s.OnStale != "", checkOnStale(s.OnStale)) },
	},
	{
		name:  "issuer",
		parse: readText(func(s *Settings) *string { return &s.Issuer }),
		check: func(s *Settings) error { return checkIssuer(s.Issuer) },
	},
	{
		name:  "audience",
		parse: readWords(func(s *Settings) *[]string { return &s.Audience }),
		check: func(s *Settings) error { return each(s.Audience, checkAudience) },
	},
	{
		name:  "algorithm",
		parse: readText(func(s *Settings) *string { return &s.Algorithm }),
		check: func(s *Settings) error {
			return oneOf(s.Algorithm, string(jwtkeys.EdDSA), string(jwtkeys.ES256), string(jwtkeys.RS256), string(jwtkeys.HS256))
		},
	},
	{
		name:  "access_lifetime",
		parse: readDuration(func(s *Settings) *caddy.Duration { return &s.AccessLifetime }),
		check: func(s *Settings) error {
			return cmp.Or(within(s.AccessLifetime, shortest, longestDay), checkLifetimes(s))
		},
	},
	{
		name:  "refresh_lifetime",
		parse: readDuration(func(s *Settings) *caddy.Duration { return &s.RefreshLifetime }),
		check: func(s *Settings) error {
			return cmp.Or(within(s.RefreshLifetime, shortest, longestLife), checkLifetimes(s))
		},
	},
	{
		name:  "refresh_leeway",
		parse: readDuration(func(s *Settings) *caddy.Duration { return &s.RefreshLeeway }),
		check: func(s *Settings) error { return within(s.RefreshLeeway, shortest, session.MaxLeeway) },
	},
	{
		name:  "session_lifetime",
		parse: readDuration(func(s *Settings) *caddy.Duration { return &s.SessionLifetime }),
		check: func(s *Settings) error {
			return cmp.Or(within(s.SessionLifetime, shortest, longestLife), checkLifetimes(s))
		},
	},
	{
		name:  "idle_timeout",
		parse: readDuration(func(s *Settings) *caddy.Duration { return &s.IdleTimeout }),
		check: func(s *Settings) error {
			return cmp.Or(within(s.IdleTimeout, shortest, longestLife), checkIdle(s))
		},
	},
	{
		name:  "cookie_prefix",
		parse: readText(func(s *Settings) *string { return &s.CookiePrefix }),
		check: func(s *Settings) error { return checkCookiePrefix(s.CookiePrefix) },
	},
	{
		name:  "redirect_hosts",
		parse: readWords(func(s *Settings) *[]string { return &s.RedirectHosts }),
		check: func(s *Settings) error { return each(s.RedirectHosts, checkHost) },
	},
	{
		name:  "trusted_origins",
		parse: readWords(func(s *Settings) *[]string { return &s.TrustedOrigins }),
		check: func(s *Settings) error { return each(s.TrustedOrigins, checkTrustedOrigin) },
	},
	{
		name:  "remote_user",
		parse: readText(func(s *Settings) *string { return &s.RemoteUser }),
		check: func(s *Settings) error { return oneOf(s.RemoteUser, "email", "username", "sub") },
	},
	{
		name:  "signup",
		parse: readText(func(s *Settings) *string { return &s.Signup }),
		check: func(s *Settings) error { return oneOf(s.Signup, "verified", "open", "closed") },
	},
	{
		name:  "identities",
		parse: readWords(func(s *Settings) *[]string { return &s.Identities }),
		check: func(s *Settings) error {
			return distinctOf(s.Identities, string(authcore.KindEmail), string(authcore.KindUsername))
		},
	},
	{
		name:  "otp",
		parse: readBlock("otp", otpOptions, func(s *Settings) **OTPSettings { return &s.OTP }),
		check: func(s *Settings) error { return checkBlock(otpOptions, s.OTP) },
	},
	{
		name:  "password",
		parse: readBlock("password", passwordOptions, func(s *Settings) **PasswordSettings { return &s.Password }),
		check: func(s *Settings) error { return checkBlock(passwordOptions, s.Password) },
	},
	{
		name:  "lockout",
		parse: parseLockout,
		check: func(s *Settings) error {
			return cmp.Or(checkLockoutOff(s.Lockout), checkBlock(lockoutOptions, s.Lockout))
		},
	},
	{
		name:   "rate_limit",
		repeat: true,
		parse:  parseRateLimit,
		check:  checkRateLimits,
	},
	{
		name:  "token_cache",
		parse: readText(func(s *Settings) *string { return &s.TokenCache }),
		check: func(s *Settings) error {
			_, err := tokenCacheBytes(s.TokenCache)
			return err
		},
	},
	{
		name:  "brand",
		parse: readText(func(s *Settings) *string { return &s.Brand }),
		check: func(s *Settings) error { return checkBrand(s.Brand) },
	},
	{
		name:  "mail",
		parse: parseMail,
	},
}

var otpOptions = []option[OTPSettings]{
	{
		name:  "length",
		parse: readNumber(func(o *OTPSettings) *int { return &o.Length }),
		check: func(o *OTPSettings) error { return between(o.Length, 6, 10) },
	},
	{
		name:  "lifetime",
		parse: readDuration(func(o *OTPSettings) *caddy.Duration { return &o.Lifetime }),
		check: func(o *OTPSettings) error { return within(o.Lifetime, shortest, longestDay) },
	},
	{
		name:  "attempts",
		parse: readNumber(func(o *OTPSettings) *int { return &o.Attempts }),
		check: func(o *OTPSettings) error { return between(o.Attempts, 1, 10) },
	},
	{
		name:  "resend_after",
		parse: readDuration(func(o *OTPSettings) *caddy.Duration { return &o.ResendAfter }),
		check: func(o *OTPSettings) error { return within(o.ResendAfter, shortest, time.Hour) },
	},
}

var passwordOptions = []option[PasswordSettings]{
	{
		name:  "min_length",
		parse: readNumber(func(p *PasswordSettings) *int { return &p.MinLength }),
		check: func(p *PasswordSettings) error { return between(p.MinLength, 8, 64) },
	},
	{
		name:  "max_length",
		parse: readNumber(func(p *PasswordSettings) *int { return &p.MaxLength }),
		check: func(p *PasswordSettings) error { return between(p.MaxLength, 64, 1024) },
	},
}

var lockoutOptions = []option[LockoutSettings]{
	{
		name:  "failures",
		parse: readNumber(func(l *LockoutSettings) *int { return &l.Failures }),
		check: func(l *LockoutSettings) error { return between(l.Failures, 1, 100) },
	},
	{
		name:  "window",
		parse: readDuration(func(l *LockoutSettings) *caddy.Duration { return &l.Window }),
		check: func(l *LockoutSettings) error { return within(l.Window, shortest, longestDay) },
	},
	{
		name:  "first",
		parse: readDuration(func(l *LockoutSettings) *caddy.Duration { return &l.First }),
		check: func(l *LockoutSettings) error {
			return cmp.Or(within(l.First, shortest, longestDay), checkLockSteps(l))
		},
	},
	{
		name:  "max",
		parse: readDuration(func(l *LockoutSettings) *caddy.Duration { return &l.Max }),
		check: func(l *LockoutSettings) error {
			return cmp.Or(within(l.Max, shortest, longestDay), checkLockSteps(l))
		},
	},
}

// readBlock reads an option that has only a block of its own.
func readBlock[T any](name string, options []option[T], field func(*Settings) **T) func(*caddyfile.Dispenser, *Settings) error {
	return func(d *caddyfile.Dispenser, s *Settings) error {
		if d.CountRemainingArgs() > 0 {
			return d.Errf("%s takes a block: %s { … }", name, name)
		}
		into := new(T)
		*field(s) = into
		if err := parseBlock(d, options, into); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
}

// checkBlock checks the options of a block; nil means the defaults.
func checkBlock[T any](options []option[T], s *T) error {
	if s == nil {
		return nil
	}
	return checkAll(options, s)
}

// parseLockout reads `lockout off` or `lockout { … }`.
func parseLockout(d *caddyfile.Dispenser, s *Settings) error {
	s.Lockout = new(LockoutSettings)
	args := d.RemainingArgs()
	switch {
	case len(args) == 0:
		if err := parseBlock(d, lockoutOptions, s.Lockout); err != nil {
			return fmt.Errorf("lockout: %w", err)
		}
		return nil
	case len(args) == 1 && args[0] == "off":
		s.Lockout.Off = true
		return nil
	}
	return d.Err("lockout takes either off or a block")
}

func checkLockoutOff(l *LockoutSettings) error {
	if l != nil && l.Off && *l != (LockoutSettings{Off: true}) {
		return errors.New("off cannot be combined with other options")
	}
	return nil
}

// parseRateLimit reads `rate_limit <name> <count>/<window>|off`.
func parseRateLimit(d *caddyfile.Dispenser, s *Settings) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("rate_limit takes a name and a rate: rate_limit login 30/1m")
	}
	if _, twice := s.RateLimit[args[0]]; twice {
		return d.Errf("rate_limit: %s is given twice", args[0])
	}
	if err := checkRateLimit(args[0], args[1]); err != nil {
		return d.Errf("rate_limit: %v", err)
	}
	if s.RateLimit == nil {
		s.RateLimit = make(map[string]string)
	}
	s.RateLimit[args[0]] = args[1]
	return nil
}

func checkRateLimits(s *Settings) error {
	for _, name := range sortedKeys(s.RateLimit) {
		if err := checkRateLimit(name, s.RateLimit[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkRateLimit(name, rate string) error {
	if !slices.Contains(limitNames, name) {
		return errors.New(unknownWord("a limit", name, limitNames))
	}
	if _, err := ratelimit.ParseRate(rate); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
