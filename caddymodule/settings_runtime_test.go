package caddymodule

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/breach"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
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
		lockoutFailures, "3", lockoutWindow, "2m", lockoutFirst, "30s", lockoutMax, "10m", otpLifetime, "4m", otpAttempts, "2", otpResendAfter, "5s", minPassword, "15",
		lockoutDevice, "7")
	if idle := r.tuning.Idle(); len(idle) != 0 || len(r.tuning.Ruling()) != len(runtimeSettings)-1-len(limitNames) {
		t.Fatalf("not in force: %+v; %d of %d rule", idle, len(r.tuning.Ruling()), len(runtimeSettings))
	}
	day := 24 * time.Hour
	if got, want := r.lifetimes()(), (session.Lifetimes{Access: time.Minute, Refresh: time.Hour, Session: 5 * day}); got != want {
		t.Errorf("lifetimes %+v, want %+v", got, want)
	}
	if got, want := r.lockPolicy(), (lockout.Policy{Failures: 3, Window: 2 * time.Minute, First: 30 * time.Second, Max: 10 * time.Minute, Device: 7}); got != want {
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

// Limits set at run time rule over the configuration, over off too, and of every name that the option takes; sms_unproven follows sms_total.
func TestRuntimeSettings_Limits(t *testing.T) {
	t.Parallel()
	r := resolvedOf(t, `{"rate_limit": {"login": "off", "forgot": "7/1h", "refresh.account": "9/1m"}}`)
	all, now := r.tuning.Ruling(), r.limits().Rates
	if len(all) != 0 || !now["login"].Off() || now["forgot"].String() != "7/1h" || now["refresh.account"].String() != "9/1m" || now["verify"].String() != "30/1m" {
		t.Errorf("before: %v rules, %v", all, now)
	}
	var of []string
	for i, name := range limitNames {
		of = append(of, limitSetting(name), fmt.Sprintf("%d/1h", i+1))
	}
	overridden(r, of...)
	if idle := r.tuning.Idle(); len(idle) != 0 {
		t.Fatalf("not in force: %+v", idle)
	}
	now = r.limits().Rates
	for i, name := range limitNames {
		if got, want := now[name].String(), fmt.Sprintf("%d/1h", i+1); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if _, set := now["sms_unproven"]; set {
		t.Error("sms_unproven does not follow sms_total")
	}
	r = resolvedOf(t, `{"rate_limit": {"forgot": "7/1h"}}`)
	overridden(r, "rate_limit.forgot", "off", "rate_limit.login", "0/1m", "rate_limit.login.global", "3/1d", "rate_limit.resend", "1/1h")
	if now = r.limits().Rates; !now["forgot"].Off() || now["login"].String() != "30/1m" || now["login.global"].String() != "3/24h" || now["resend"].String() != "1/1m" {
		t.Errorf("%v", now)
	}
}

// What is done at a sign-in with a breached password follows a run-time value, where there is a list to look in.
func TestRuntimeSettings_BreachedAtLogin(t *testing.T) {
	t.Parallel()
	for config, want := range map[string][2]breach.AtLogin{
		`{"password": {"breached": "list", "breached_at_login": "notify"}}`: {breach.Notify, breach.Reset},
		`{"password": {"breached": "list"}}`:                                {breach.Off, breach.Reset},
		`{"password": {"breached": "off"}}`:                                 {breach.Off, breach.Off},
		`{}`:                                                                {breach.Off, breach.Off},
	} {
		r := resolvedOf(t, config)
		read := r.flowSettings().BreachedAtLogin
		before := read()
		overridden(r, breachedAtLogin, "reset")
		if got := [2]breach.AtLogin{before, read()}; got != want {
			t.Errorf("%s: %v, want %v", config, got, want)
		}
		if r.tuning.Changeable(breachedAtLogin) != (want[1] == breach.Reset) {
			t.Errorf("%s: can it be changed?", config)
		}
	}
}

// The counters of the node take a limit as soon as it is set, those in Redis too: they have the rates of the ones in memory.
func TestRuntimeSettings_CountersTakeLimits(t *testing.T) {
	t.Parallel()
	r := resolvedOf(t, `{"rate_limit": {"login": "off"}}`)
	memory, err := ratelimit.NewMemory(r.limits())
	if err != nil {
		t.Fatal(err)
	}
	overridden(r, "rate_limit.login", "1/1h")
	if err := memory.Reconfigure(r.limits()); err != nil {
		t.Fatal(err)
	}
	for _, wait := range []bool{false, true} {
		if taken, err := memory.Take(t.Context(), authcore.Limit{Name: authcore.LimitLogin, Key: "192.0.2.1"}); err != nil || (taken.Wait > 0) != wait {
			t.Errorf("%+v (%v), held back: want %v", taken, err, wait)
		}
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
