package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
)

const (
	defaultLockFirst = time.Minute
	defaultLockMax   = time.Hour
)

// LockoutSettings say when and how long an identifier is locked.
type LockoutSettings struct {
	// No lock at all. The rate limits stay.
	Off bool `json:"off,omitempty"`
	// Failures within the window that lock, 1 to 100. Default: 5.
	Failures int `json:"failures,omitempty"`
	// The window, 1s to 24h. Default: 15m.
	Window caddy.Duration `json:"window,omitempty"`
	// The first lock, from 1s; each further one is twice as long. Default: 1m.
	First caddy.Duration `json:"first,omitempty"`
	// Failures from one device that the account knows which lock that device, 1 to 100. Default: 10.
	Device int `json:"device,omitempty"`
	// The longest lock, from first to 24h. Default: 1h.
	Max caddy.Duration `json:"max,omitempty"`
}

var lockoutOptions = []option[LockoutSettings]{
	{
		name:  "failures",
		parse: readNumber(func(l *LockoutSettings) *int { return &l.Failures }),
		check: func(l *LockoutSettings) error { return between(l.Failures, 1, 100) },
	},
	{
		name:  "device",
		parse: readNumber(func(l *LockoutSettings) *int { return &l.Device }),
		check: func(l *LockoutSettings) error { return between(l.Device, 1, 100) },
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

func checkLockSteps(l *LockoutSettings) error {
	first, longest := orDefault(l.First, defaultLockFirst), orDefault(l.Max, defaultLockMax)
	if first > longest {
		return fmt.Errorf("first (%s) must not be longer than max (%s)", durationText(first), durationText(longest))
	}
	return nil
}

type lockoutRules struct {
	off                bool
	failures, device   int
	window, first, max time.Duration
}

func (s *Settings) lockoutRules() lockoutRules {
	l := LockoutSettings{}
	if s.Lockout != nil {
		l = *s.Lockout
	}
	return lockoutRules{
		off:      l.Off,
		failures: cmp.Or(l.Failures, 5),
		device:   cmp.Or(l.Device, 10),
		window:   orDefault(l.Window, 15*time.Minute),
		first:    orDefault(l.First, defaultLockFirst),
		max:      orDefault(l.Max, defaultLockMax),
	}
}

// lockPolicy is when an identifier is locked, as it is now.
func (r *resolved) lockPolicy() lockout.Policy {
	now, key := r.tuning.Values(), r.tuning.Key
	return lockout.Policy{Failures: now.Number(key(lockoutFailures)), Device: now.Number(key(lockoutDevice)), Window: now.Duration(key(lockoutWindow)),
		First: now.Duration(key(lockoutFirst)), Max: now.Duration(key(lockoutMax)), Off: r.lockout.off}
}
