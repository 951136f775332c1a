package lockout

import (
	"errors"
	"time"
)

// longest is the longest lock: as long as any session lives.
const longest = 400 * 24 * time.Hour

// ProofPolicy closes a session to the proof of a password for as long as it may live: a session that guesses is not its owner's.
var ProofPolicy = Policy{Failures: 5, Window: 15 * time.Minute, First: longest, Max: longest}

// CodePolicy closes an account to codes of second factors for an hour: whoever guesses them has its password (O02).
var CodePolicy = Policy{Failures: 10, Window: time.Hour, First: time.Hour, Max: time.Hour}

// Policy says when a name is locked. A zero field means its default.
type Policy struct {
	Failures int           // failures within Window that lock; default 5
	Window   time.Duration // default 15m
	First    time.Duration // length of the first lock; default 1m
	Max      time.Duration // the longest a lock gets by doubling; default 1h
	Device   int           // failures within Window that lock a device which the account knows; default 10
	Off      bool          // nothing is counted or locked
}

// complete fills in the defaults and checks the result.
func (p Policy) complete() (*Policy, error) {
	if p.Failures == 0 {
		p.Failures = 5
	}
	if p.Device == 0 {
		p.Device = 10
	}
	if p.Window == 0 {
		p.Window = 15 * time.Minute
	}
	if p.First == 0 {
		p.First = time.Minute
	}
	if p.Max == 0 {
		p.Max = max(time.Hour, p.First)
	}
	switch {
	case p.Failures < 1 || p.Failures > 100:
		return nil, errors.New("lockout failures must be from 1 to 100")
	case p.Device < 1 || p.Device > 100:
		return nil, errors.New("lockout device must be from 1 to 100")
	case p.Window < time.Second || p.First < time.Second:
		return nil, errors.New("lockout window and first must be at least 1s")
	case p.Max < p.First || p.Max > longest:
		return nil, errors.New("lockout max must be from first to 400d")
	}
	return &p, nil
}

// of returns the policy for a device that the account knows, or for strangers.
func (p *Policy) of(device bool) *Policy {
	if !device {
		return p
	}
	known := *p
	known.Failures = p.Device
	return &known
}

// length returns how long the next lock after so many is.
func (p *Policy) length(locks int) time.Duration {
	d := p.First
	for ; locks > 0 && d < p.Max; locks-- {
		d *= 2
	}
	return min(d, p.Max)
}
