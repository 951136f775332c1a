package ratelimit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Rate allows Count events at once and then one every Window/Count. The zero Rate is
// off: it allows everything.
type Rate struct {
	Count  int
	Window time.Duration
}

// The bounds of a configured rate.
const (
	maxCount  = 1_000_000
	maxWindow = 30 * 24 * time.Hour
)

// ParseRate reads "<count>/<window>", such as 30/1m, 20/1h or 100/1d, or "off".
func ParseRate(s string) (Rate, error) {
	if s == "off" {
		return Rate{}, nil
	}
	count, window, found := strings.Cut(s, "/")
	if !found {
		return Rate{}, fmt.Errorf("rate %q is neither <count>/<window>, such as 30/1m, nor off", s)
	}
	n, err := strconv.Atoi(count)
	if err != nil || strconv.Itoa(n) != count {
		return Rate{}, fmt.Errorf("rate %q: the count must be a whole number, such as 30 in 30/1m", s)
	}
	d, err := parseWindow(window)
	if err != nil {
		hint := "such as 1m in 30/1m"
		if _, err := parseWindow("1" + window); err == nil { // 30/m
			hint = "such as 1" + window + " in " + count + "/1" + window
		}
		return Rate{}, fmt.Errorf("rate %q: the window must be a duration, %s", s, hint)
	}
	r := Rate{Count: n, Window: d}
	if r.Off() { // "0/0" must not be a second word for it
		return Rate{}, fmt.Errorf("rate %q: the count must be from 1 to %d; no limit at all is off", s, maxCount)
	}
	if err := r.check(); err != nil {
		return Rate{}, fmt.Errorf("rate %q: %w", s, err)
	}
	return r, nil
}

// parseWindow is time.ParseDuration that also knows whole days.
func parseWindow(s string) (time.Duration, error) {
	if days, found := strings.CutSuffix(s, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// Off reports whether the rate allows everything.
func (r Rate) Off() bool { return r == Rate{} }

// String returns the rate as ParseRate reads it.
func (r Rate) String() string {
	if r.Off() {
		return "off"
	}
	w := r.Window.String() // 1h0m0s for an hour
	if short, zero := strings.CutSuffix(w, "m0s"); zero {
		w = short + "m"
	}
	if short, zero := strings.CutSuffix(w, "h0m"); zero {
		w = short + "h"
	}
	return strconv.Itoa(r.Count) + "/" + w
}

func (r Rate) check() error {
	switch {
	case r.Off():
		return nil
	case r.Count < 1 || r.Count > maxCount:
		return fmt.Errorf("the count must be from 1 to %d", maxCount)
	case r.Window < time.Second || r.Window > maxWindow:
		return fmt.Errorf("the window must be from 1s to 30d")
	}
	return nil
}

// interval is the time after which one more event is allowed.
func (r Rate) interval() time.Duration { return r.Window / time.Duration(r.Count) }

// limits is the one list of the limits there are. Options, metrics and counters take theirs from it.
var limits = []struct {
	name     string
	rate     Rate
	settable bool // by the option `rate_limit`; the others follow from `otp`, and sms_unproven from sms_total
}{
	{authcore.LimitLogin, Rate{30, time.Minute}, true},
	{authcore.LimitMFA, Rate{30, time.Minute}, true},
	{authcore.LimitOTP, Rate{20, time.Hour}, true},
	{authcore.LimitPasskey, Rate{60, time.Minute}, true},
	{authcore.LimitRegister, Rate{20, time.Hour}, true},
	{authcore.LimitVerify, Rate{30, time.Minute}, true},
	{authcore.LimitForgot, Rate{20, time.Hour}, true},
	{authcore.LimitRefresh, Rate{120, time.Minute}, true},
	{authcore.LimitTokenVerify, Rate{120, time.Minute}, true},
	{authcore.LimitDialectVerify, Rate{}, true},
	{authcore.LimitSecure, Rate{30, time.Hour}, true},
	{authcore.LimitSocial, Rate{30, time.Minute}, true},
	{authcore.LimitExport, Rate{5, 24 * time.Hour}, true},
	{authcore.LimitInvite, Rate{20, 24 * time.Hour}, true},
	{authcore.LimitAdmin, Rate{600, time.Minute}, true},
	{authcore.LimitMail, Rate{5, time.Hour}, true},
	{authcore.LimitAvatar, Rate{10, time.Hour}, true},
	{authcore.LimitSMS, Rate{3, time.Hour}, true},
	{authcore.LimitSMSPrefix, Rate{30, time.Hour}, true},
	{authcore.LimitSMSClient, Rate{10, time.Hour}, true},
	{authcore.LimitSMSTotal, Rate{1000, 24 * time.Hour}, true},
	{authcore.LimitSMSUnproven, Rate{500, 24 * time.Hour}, false},
	{authcore.LimitResend, Rate{1, time.Minute}, false},
	{authcore.LimitCode, Rate{5, time.Hour}, false},
}

// Defaults returns the rate of every limit and of its lines, by name; the lines are off unless the list says otherwise. The caller owns
// the map.
func Defaults() map[string]Rate {
	rates := make(map[string]Rate, 3*len(limits))
	for _, name := range Settable() {
		rates[name] = Rate{}
	}
	for _, l := range limits {
		rates[l.name] = l.rate
	}
	return rates
}

// Names returns the names of all limits, in the order of the documentation, without those of their lines.
func Names() []string { return bases(false) }

// Bases returns the names of the limits that the option `rate_limit` sets, in the order of the documentation, without those of their lines.
func Bases() []string { return bases(true) }

func bases(settable bool) (list []string) {
	for _, l := range limits {
		if (l.settable || !settable) && authcore.LimitBase(l.name) == l.name {
			list = append(list, l.name)
		}
	}
	return list
}

// Settable returns the names of the limits that can be set, each with its lines: login, login.account, login.global. A limit that counts
// per account or over all by itself has no such line.
func Settable() (list []string) {
	for _, name := range Bases() {
		list = append(list, name)
		for _, line := range []string{authcore.AccountLine(name), authcore.GlobalLine(name)} {
			if line != name {
				list = append(list, line)
			}
		}
	}
	return list
}

// complete returns the rates that are counted where given is set: defaults for what it leaves out, and for SMS to numbers of which nobody
// knows whose they are half of what all may have.
func complete(given map[string]Rate) (map[string]Rate, error) {
	rates := Defaults()
	for name, r := range given {
		if _, known := rates[name]; !known {
			return nil, unknownName(name)
		}
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("rate limit %s: %w", name, err)
		}
		rates[name] = r
	}
	if _, set := given[authcore.LimitSMSUnproven]; !set {
		rates[authcore.LimitSMSUnproven] = rates[authcore.LimitSMSTotal].share(2)
	}
	return rates, nil
}

func unknownName(name string) error {
	return fmt.Errorf("there is no rate limit %q; there are %s", name, strings.Join(slices.Sorted(slices.Values(Names())), ", "))
}
