package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// limitNames are the limits that `rate_limit` sets.
var limitNames = ratelimit.Settable()

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
		if given == "off" {
			r.warnings = append(r.warnings, "rate_limit "+name+" is off")
		}
	}
	return nil
}

// limits are the settings of the limiter, as they are now.
func (r *resolved) limits() ratelimit.Config {
	rates := make(map[string]ratelimit.Rate, len(r.rates)+3)
	for name, rate := range r.rates {
		rates[name] = rate
	}
	rates[authcore.LimitResend] = ratelimit.Rate{Count: 1, Window: r.tuning.Duration(otpResendAfter)()}
	rates[authcore.LimitSMSUnproven] = half(rates[authcore.LimitSMSTotal])
	rates[authcore.LimitCode] = ratelimit.Rate{Count: r.tuning.Number(otpAttempts)(), Window: time.Hour}
	return ratelimit.Config{Rates: rates, Now: nodeclock.Now}
}

// half is the share of a limit that is not kept for proven numbers, at least one; off stays off.
func half(rate ratelimit.Rate) ratelimit.Rate {
	if !rate.Off() {
		rate.Count = max(1, rate.Count/2)
	}
	return rate
}
