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
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
)

// Bounds of durations. No cookie outlives 400 days in a browser (RFC 6265bis §5.5), so no session does.
const (
	shortest    = time.Second
	longestDay  = 24 * time.Hour
	longestLife = 400 * 24 * time.Hour
)

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
		name:  "fresh_for",
		parse: readDuration(func(s *Settings) *caddy.Duration { return &s.FreshFor }),
		check: func(s *Settings) error { return within(s.FreshFor, shortest, longestDay) },
	},
	{
		name:  "runtime_settings",
		parse: parseRuntimeSettings,
		check: checkRuntimeSettings,
	},
	{
		name:  "deletion_grace",
		parse: readGrace,
		check: func(s *Settings) error { return within(s.DeletionGrace, 0, closure.MaxGrace) },
	},
	{
		name:  "short_session",
		parse: readDuration(func(s *Settings) *caddy.Duration { return &s.ShortSession }),
		check: func(s *Settings) error {
			return cmp.Or(within(s.ShortSession, shortest, longestLife), checkShort(s))
		},
	},
	{
		name:  "max_sessions",
		parse: readNumber(func(s *Settings) *int { return &s.MaxSessions }),
		check: checkMaxSessions,
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
		parse: parseSignup,
		check: func(s *Settings) error {
			return cmp.Or(oneOf(s.Signup, "verified", "open", "invite", "closed"), checkBlock(signupOptions, s.SignupOptions), checkSignup(s))
		},
	},
	{
		name:   "user_field",
		repeat: true,
		parse:  parseUserField,
		check:  checkUserFields,
	},
	{
		name:  "identities",
		parse: readWords(func(s *Settings) *[]string { return &s.Identities }),
		check: func(s *Settings) error {
			return checkIdentities(s)
		},
	},
	factorsOption,
	{
		name:  "sign_in",
		parse: readWords(func(s *Settings) *[]string { return &s.SignIn }),
		check: checkSignIn,
	},
	passkeysOption,
	adminsOption,
	{
		name:  "invitations",
		parse: parseInvitations,
		check: checkInvitations,
	},
	{
		name:  "mfa",
		parse: parseMFA,
		check: checkMFA,
	},
	{
		name:  "trusted_device",
		parse: readText(func(s *Settings) *string { return &s.TrustedDevice }),
		check: checkTrust,
	},
	{
		name:  "retention",
		parse: readBlock("retention", retentionOptions, func(s *Settings) **RetentionSettings { return &s.Retention }),
		check: func(s *Settings) error { return checkBlock(retentionOptions, s.Retention) },
	},
	{
		name:  "phone",
		parse: readBlock("phone", phoneOptions, func(s *Settings) **PhoneSettings { return &s.Phone }),
		check: func(s *Settings) error { return checkBlock(phoneOptions, s.Phone) },
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
		name:   "block",
		repeat: true,
		parse:  parseBlockRule,
		check:  checkBlocks,
	},
	{
		name:   "allow",
		repeat: true,
		parse:  parseAllow,
		check:  checkAllowed,
	},
	{
		name:  "honey_trap",
		parse: parseTrap,
		check: checkTrap,
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
	{
		name:  "mail_templates",
		parse: parseTemplates,
		check: func(s *Settings) error { return checkPlaceholders(s.MailTemplates) },
	},
	{
		name:  "sms",
		parse: parseSMS,
	},
	{
		name:   "provider",
		repeat: true,
		parse:  parseProvider,
		check:  checkProviders,
	},
}

// checkIdentities checks the fields that sign in. A number signs nobody in that cannot be proven.
func checkIdentities(s *Settings) error {
	if err := distinctOf(s.Identities, string(authcore.KindEmail), string(authcore.KindUsername), string(authcore.KindPhone)); err != nil {
		return err
	}
	if slices.Contains(s.Identities, string(authcore.KindPhone)) && len(s.SMSRaw) == 0 {
		return errors.New("phone needs the option sms: numbers are proven by codes that are sent to them")
	}
	return nil
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
