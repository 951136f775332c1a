package caddymodule

import (
	"errors"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/breach"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// What administrators change while the gateway runs. The options of these names give the values that rule until then.
const (
	accessLifetime  = "access_lifetime"
	refreshLifetime = "refresh_lifetime"
	sessionLifetime = "session_lifetime"
	idleTimeout     = "idle_timeout"
	signupMode      = "signup"
	freshFor        = "fresh_for"
	lockoutFailures = "lockout.failures"
	lockoutWindow   = "lockout.window"
	lockoutFirst    = "lockout.first"
	lockoutMax      = "lockout.max"
	lockoutDevice   = "lockout.device"
	otpLifetime     = "otp.lifetime"
	otpAttempts     = "otp.attempts"
	otpResendAfter  = "otp.resend_after"
	minPassword     = "password.min_length"
	breachedAtLogin = "password.breached_at_login"
)

// limitSetting is the name of the setting of a limit or of one of its lines: rate_limit.login.account.
func limitSetting(name string) string { return "rate_limit." + name }

// perLimit returns what of gives for each limit and its lines.
func perLimit[T any](of func(name string) T) []T {
	all := make([]T, len(limitNames))
	for i, name := range limitNames {
		all[i] = of(name)
	}
	return all
}

// namedSettings are the names of all of them but those of limits.
var namedSettings = []string{accessLifetime, refreshLifetime, sessionLifetime, idleTimeout, signupMode, freshFor,
	lockoutFailures, lockoutWindow, lockoutFirst, lockoutMax, lockoutDevice, otpLifetime, otpAttempts, otpResendAfter, minPassword, breachedAtLogin}

// runtimeSettings are the names of all of them.
var runtimeSettings = slices.Concat(namedSettings, perLimit(limitSetting))

// parseRuntimeSettings reads `runtime_settings off` or `runtime_settings <name…>`.
func parseRuntimeSettings(d *caddyfile.Dispenser, s *Settings) error {
	names := d.RemainingArgs()
	if len(names) == 0 {
		return d.Err("runtime_settings takes off, or the names of the settings that may be changed while the gateway runs")
	}
	s.RuntimeSettings = names
	return nil
}

func checkRuntimeSettings(s *Settings) error {
	if len(s.RuntimeSettings) == 1 && s.RuntimeSettings[0] == tuning.Off {
		return nil
	}
	if slices.Contains(s.RuntimeSettings, tuning.Off) {
		return errors.New("off cannot be combined with names")
	}
	for _, name := range s.RuntimeSettings {
		if !slices.Contains(runtimeSettings, name) && !slices.Contains(dialectSettings(), name) { // every limit by name would be too much to read
			return errors.New(unknownWord("allowed", name, append(slices.Clone(namedSettings), limitSetting("<name>[.account|.global]"), dialectSetting("<name>", "access_lifetime|refresh_lifetime|token_lifetime"))))
		}
	}
	return distinctOf(s.RuntimeSettings, append(slices.Clone(runtimeSettings), dialectSettings()...)...)
}

// resolveTuning makes the registry of what may change while the gateway runs.
func resolveTuning(s *Settings, r *resolved) (err error) {
	rules := []tuning.Rule{
		{Less: accessLifetime, Than: refreshLifetime},
		{Less: refreshLifetime, Than: sessionLifetime, OrEqual: true},
		{Less: accessLifetime, Than: idleTimeout},
		{Less: idleTimeout, Than: refreshLifetime, OrEqual: true},
		{Less: lockoutFirst, Than: lockoutMax, OrEqual: true},
	}
	definitions := slices.Concat(s.lifetimeDefinitions(), s.lockoutDefinitions(), s.signUpDefinitions(), s.breachDefinitions(), r.limitDefinitions(s))
	r.tuning, err = tuning.NewRegistry(definitions, rules, func(name string) bool {
		return len(s.RuntimeSettings) == 0 || slices.Contains(s.RuntimeSettings, name)
	})
	return err
}

func (s *Settings) lifetimeDefinitions() []tuning.Definition {
	return []tuning.Definition{
		tuning.Duration(accessLifetime, defaultAccess, shortest, longestDay).Or(tuning.DurationValue(time.Duration(s.AccessLifetime))),
		tuning.Duration(refreshLifetime, defaultRefresh, shortest, longestLife).Or(tuning.DurationValue(time.Duration(s.RefreshLifetime))),
		tuning.Duration(sessionLifetime, defaultSession, shortest, longestLife).Or(tuning.DurationValue(time.Duration(s.SessionLifetime))),
		tuning.OptionalDuration(idleTimeout, shortest, longestLife).Or(tuning.DurationValue(time.Duration(s.IdleTimeout))),
		tuning.Duration(freshFor, fresh.DefaultFor, shortest, longestDay).Or(tuning.DurationValue(time.Duration(s.FreshFor))),
	}
}

// lockoutDefinitions are those of the option lockout; where that is off there is nothing to set.
func (s *Settings) lockoutDefinitions() []tuning.Definition {
	given, by := LockoutSettings{}, (&Settings{}).lockoutRules()
	if s.Lockout != nil {
		given = *s.Lockout
	}
	all := []tuning.Definition{
		tuning.Number(lockoutFailures, by.failures, 1, 100).Or(tuning.NumberValue(given.Failures)),
		tuning.Number(lockoutDevice, by.device, 1, 100).Or(tuning.NumberValue(given.Device)),
		tuning.Duration(lockoutWindow, by.window, shortest, longestDay).Or(tuning.DurationValue(time.Duration(given.Window))),
		tuning.Duration(lockoutFirst, by.first, shortest, longestDay).Or(tuning.DurationValue(time.Duration(given.First))),
		tuning.Duration(lockoutMax, by.max, shortest, longestDay).Or(tuning.DurationValue(time.Duration(given.Max))),
	}
	for i := range all {
		all[i].Fixed = given.Off
	}
	return all
}

func (s *Settings) signUpDefinitions() []tuning.Definition {
	otp, codes := OTPSettings{}, (&Settings{}).otpRules()
	if s.OTP != nil {
		otp = *s.OTP
	}
	password := PasswordSettings{}
	if s.Password != nil {
		password = *s.Password
	}
	modes := []string{string(signup.Verified), string(signup.Open), string(signup.Invite), string(signup.Closed)}
	if s.signupRules().Deferred { // which only open has
		modes = []string{string(signup.Open), string(signup.Closed)}
	}
	return []tuning.Definition{
		tuning.Word(signupMode, modes...).Or(tuning.WordValue(s.Signup)),
		tuning.Duration(otpLifetime, codes.lifetime, shortest, longestDay).Or(tuning.DurationValue(time.Duration(otp.Lifetime))),
		tuning.Number(otpAttempts, codes.attempts, 1, 10).Or(tuning.NumberValue(otp.Attempts)),
		tuning.Duration(otpResendAfter, codes.resendAfter, shortest, time.Hour).Or(tuning.DurationValue(time.Duration(otp.ResendAfter))),
		// Not below what is asked for beside a second factor, which never asks for more.
		tuning.Number(minPassword, defaultMinLength, max(password.MinLengthMFA, shortestPassword), longestMinimum).Or(tuning.NumberValue(password.MinLength)),
	}
}

// breachDefinitions are those of the list of breached passwords; without one there is nothing to look in, and nothing to set.
func (s *Settings) breachDefinitions() []tuning.Definition {
	password := PasswordSettings{}
	if s.Password != nil {
		password = *s.Password
	}
	d := tuning.Word(breachedAtLogin, string(breach.Off), string(breach.Notify), string(breach.Reset)).Or(tuning.WordValue(password.BreachedAtLogin))
	d.Fixed = s.passwordRules().breached == ""
	return []tuning.Definition{d}
}

// limitDefinitions are those of every limit and its lines. A run-time value rules over off too: in the middle of an attack a limit must not
// need the file.
func (r *resolved) limitDefinitions(s *Settings) []tuning.Definition {
	defaults := ratelimit.Defaults()
	return perLimit(func(name string) tuning.Definition {
		d := tuning.Limit(limitSetting(name), defaults[name].String(), normalRate)
		if _, given := s.RateLimit[name]; given {
			d = d.Or(tuning.WordValue(r.rates[name].String()))
		}
		return d
	})
}

func normalRate(text string) (string, error) {
	rate, err := ratelimit.ParseRate(text)
	return rate.String(), err
}

// lifetimes returns what reads how long what is issued lives. Activity is seen at refreshes, so that an idle session ends with its
// refresh token.
func (r *resolved) lifetimes() func() session.Lifetimes {
	key := r.tuning.Key
	access, refresh, whole, idle := key(accessLifetime), key(refreshLifetime), key(sessionLifetime), key(idleTimeout)
	return func() session.Lifetimes {
		now := r.tuning.Values()
		l := session.Lifetimes{Access: now.Duration(access), Refresh: now.Duration(refresh), Session: now.Duration(whole)}
		if idle := now.Duration(idle); idle > 0 {
			l.Refresh = idle
		}
		return l
	}
}

// longestAccess is the longest that access tokens live which may be out.
func (r *resolved) longestAccess() time.Duration { return r.tuning.Longest(accessLifetime) }

func (r *resolved) signupMode() func() signup.Mode {
	read := r.tuning.Text(signupMode)
	return func() signup.Mode { return signup.Mode(read()) }
}

func (r *resolved) breachedAtLogin() func() breach.AtLogin {
	read := r.tuning.Text(breachedAtLogin)
	return func() breach.AtLogin { return breach.AtLogin(read()) }
}

// tellRuntime tells, at start, which settings do not follow the configuration.
func (a *App) tellRuntime() {
	for _, o := range a.cfg.tuning.Ruling() {
		a.logger.Info("a run-time setting outranks the configuration; gatehouse settings reset takes it back", "setting", o.Name, "value", o.Value,
			"configured", a.cfg.tuning.Base(o.Name).Text, "since", o.At)
	}
	for _, o := range a.cfg.tuning.Idle() {
		a.logger.Warn("a run-time setting is not in force", "setting", o.Name, "value", o.Value, "reason", o.Why)
	}
}
