package caddymodule

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
)

func overridden(r *resolved, of ...string) {
	s := tuning.State{Version: 1}
	for i := 0; i < len(of); i += 2 {
		s.Overrides = append(s.Overrides, tuning.Override{Name: of[i], Value: of[i+1]})
	}
	r.tuning.Apply(s)
}

// TestOption_runtime_settings: what the option does not name is not changed while the gateway runs, and a value from before does not rule.
func TestOption_runtime_settings(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]struct {
		named, other bool
		access       time.Duration
	}{
		`{}`: {true, true, time.Minute},
		`{"runtime_settings": ["access_lifetime"]}`: {true, false, time.Minute},
		`{"runtime_settings": ["off"]}`:             {false, false, 5 * time.Minute},
	} {
		r := resolvedOf(t, config)
		overridden(r, accessLifetime, "1m", freshFor, "1h")
		if r.tuning.Changeable(accessLifetime) != want.named || r.tuning.Changeable(freshFor) != want.other || r.lifetimes()().Access != want.access {
			t.Errorf("%s: access_lifetime can be changed: %v, fresh_for: %v; access %s", config, r.tuning.Changeable(accessLifetime), r.tuning.Changeable(freshFor), r.lifetimes()().Access)
		}
		if given := r.tuning.Duration(freshFor)(); (given == time.Hour) != want.other {
			t.Errorf("%s: fresh for %s", config, given)
		}
	}
}

// Every setting reaches what reads it.
func TestRuntimeSettings_ReachTheirReaders(t *testing.T) {
	t.Parallel()
	r := resolvedOf(t, `{"session_lifetime": 864000000000000, "refresh_lifetime": 864000000000000}`)
	if len(r.tuning.Ruling()) != 0 || len(r.tuning.Idle()) != 0 {
		t.Error("a run-time value rules at first")
	}
	overridden(r, accessLifetime, "1m", refreshLifetime, "2d", sessionLifetime, "5d", idleTimeout, "1h", signupMode, "closed", freshFor, "3m",
		lockoutFailures, "3", lockoutWindow, "2m", lockoutFirst, "30s", lockoutMax, "10m", otpLifetime, "4m", otpAttempts, "2", otpResendAfter, "5s", minPassword, "15")
	if idle := r.tuning.Idle(); len(idle) != 0 || len(r.tuning.Ruling()) != len(runtimeSettings) {
		t.Fatalf("not in force: %+v; %d of %d rule", idle, len(r.tuning.Ruling()), len(runtimeSettings))
	}
	day := 24 * time.Hour
	if got, want := r.lifetimes()(), (session.Lifetimes{Access: time.Minute, Refresh: time.Hour, Session: 5 * day}); got != want {
		t.Errorf("lifetimes %+v, want %+v", got, want)
	}
	if got, want := r.lockPolicy(), (lockout.Policy{Failures: 3, Window: 2 * time.Minute, First: 30 * time.Second, Max: 10 * time.Minute, Device: 10}); got != want {
		t.Errorf("lockout %+v, want %+v", got, want)
	}
	s := r.flowSettings()
	if s.Signup() != "closed" || s.FreshFor() != 3*time.Minute || s.Code.Lifetime() != 4*time.Minute || s.Code.Attempts() != 2 || s.Password.LiveMin() != 15 {
		t.Errorf("sign-up %s, fresh for %s, codes %s %d, passwords %d", s.Signup(), s.FreshFor(), s.Code.Lifetime(), s.Code.Attempts(), s.Password.LiveMin())
	}
	for name, want := range map[string]string{"resend": "1/5s", "code": "2/1h"} {
		if got := r.limits().Rates[name].String(); got != want {
			t.Errorf("limit %s is %s, want %s", name, got, want)
		}
	}
	if got := r.longestAccess(); got != 5*time.Minute {
		t.Errorf("retired keys verify for %s: tokens of the configured lifetime may be out", got)
	}
}

// What the configuration rules out stays out.
func TestRuntimeSettings_WithinTheConfiguration(t *testing.T) {
	t.Parallel()
	for config, of := range map[string][]string{
		`{"lockout": {"off": true}}`:                                         {lockoutFailures, "3"},
		`{"signup": "open", "signup_options": {"deferred": true}}`:           {signupMode, "verified"},
		`{"password": {"min_length_mfa": 10}}`:                               {minPassword, "9"},
		`{"access_lifetime": 3600000000000}`:                                 {refreshLifetime, "1h"},
		`{"refresh_lifetime": 7200000000000, "idle_timeout": 3600000000000}`: {accessLifetime, "1h"},
	} {
		r := resolvedOf(t, config)
		overridden(r, of...)
		if idle := r.tuning.Idle(); len(idle) != 1 {
			t.Errorf("%s: %v rules: %+v", config, of, r.tuning.Ruling())
		}
	}
}
