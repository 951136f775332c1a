package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// limitNames are the limits that `rate_limit` sets, with their lines: login, login.account, login.global.
var (
	limitNames = ratelimit.Settable()
	limitBases = ratelimit.Bases()
)

// limitScopes are the words that may follow the name of a limit.
var limitScopes = []authcore.LimitScope{authcore.PerAccount, authcore.Overall}

// parseRateLimit reads `rate_limit <name> [account|global] <count>/<window>|off`.
func parseRateLimit(d *caddyfile.Dispenser, s *Settings) error {
	args := d.RemainingArgs()
	if len(args) < 2 || len(args) > 3 {
		return d.Err("rate_limit takes a name and a rate: rate_limit login 30/1m; before the rate may stand account or global")
	}
	name, rate := args[0], args[len(args)-1]
	if !slices.Contains(limitBases, name) {
		return d.Errf("rate_limit: %v", unknownWord("a limit", name, limitBases))
	}
	if len(args) == 3 {
		scope := authcore.LimitScope(args[1])
		if !slices.Contains(limitScopes, scope) {
			return d.Errf("rate_limit: %s: %q is neither account nor global", name, args[1])
		}
		name = authcore.LimitLine(name, scope)
	}
	if _, twice := s.RateLimit[name]; twice {
		return d.Errf("rate_limit: %s is given twice", limitText(name))
	}
	if err := checkRateLimit(name, rate); err != nil {
		return d.Errf("rate_limit: %v", err)
	}
	if s.RateLimit == nil {
		s.RateLimit = make(map[string]string)
	}
	s.RateLimit[name] = rate
	return nil
}

// limitText is a limit as the Caddyfile has it: login account.
func limitText(name string) string { return strings.Replace(name, ".", " ", 1) }

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
		return fmt.Errorf("%s: %w", limitText(name), err)
	}
	return nil
}

func resolveRates(s *Settings, r *resolved) error {
	r.rates = make(map[string]ratelimit.Rate, len(limitNames))
	defaults := ratelimit.Defaults()
	for _, name := range limitNames {
		r.rates[name] = defaults[name]
		given, ok := s.RateLimit[name]
		if !ok {
			continue
		}
		rate, err := ratelimit.ParseRate(given)
		if err != nil {
			return fmt.Errorf("rate_limit: %s: %w", name, err)
		}
		r.rates[name] = rate
		if given == "off" && !defaults[name].Off() {
			r.warnings = append(r.warnings, "rate_limit "+limitText(name)+" is off")
		}
	}
	return nil
}

// limits are the settings of the limiter, as they are now.
func (r *resolved) limits() ratelimit.Config {
	rates := make(map[string]ratelimit.Rate, len(r.rates)+3)
	now := r.tuning.Values()
	for name, rate := range r.rates {
		if set, err := ratelimit.ParseRate(now.Text(r.tuning.Key(limitSetting(name)))); err == nil { // always: its definition has read it
			rate = set
		}
		rates[name] = rate
	}
	rates[authcore.LimitResend] = ratelimit.Rate{Count: 1, Window: r.tuning.Duration(otpResendAfter)()}
	rates[authcore.LimitCode] = ratelimit.Rate{Count: r.tuning.Number(otpAttempts)(), Window: time.Hour}
	return ratelimit.Config{Rates: rates, Now: nodeclock.Now}
}
