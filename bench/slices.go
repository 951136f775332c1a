package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/load"
	"github.com/gatehouse-auth/gatehouse/bench/internal/proc"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
)

// round measures one case once: bare Caddy, the case, bare Caddy, all under the same load.
func (b *bench) round(ctx context.Context, c *running) (r report.Round, err error) {
	for _, part := range []struct {
		on      target
		refused bool
		into    *report.Slice
	}{{c.bare, false, &r.Before}, {c.target, c.refused, &r.Case}, {c.bare, false, &r.After}} {
		if c.fresh {
			if err := b.renew(part.on); err != nil {
				return r, err
			}
		}
		if c.fresh || len(c.result.Rounds) == 0 {
			if err := b.warm(ctx, part.on); err != nil {
				return r, err
			}
		}
		l := c.send(b.stock)
		if *part.into, err = b.measured(ctx, part.on, l, part.refused, c.fresh); err != nil {
			return r, err
		}
	}
	return r, nil
}

// renew replaces a target's process by a new one.
func (b *bench) renew(t target) error {
	if err := b.rig.Stop(t.proxy); err != nil {
		return err
	}
	return b.rig.Again(t.proxy)
}

// warm lets a target answer for a while, with a token that it then has seen: connections, heap and caches are as later on.
func (b *bench) warm(ctx context.Context, t target) error {
	l := load.Load{Host: t.proxy.Addr, Header: "Authorization", Value: "Bearer " + t.seen, For: warmUp}
	got, err := b.send(ctx, t, l)
	if err == nil && got.Refused+got.Broken > 0 {
		err = fmt.Errorf("warm %s up: %d answers were not as expected", t.proxy.Name, got.Refused+got.Broken)
	}
	return err
}

func (b *bench) send(ctx context.Context, t target, l load.Load) (load.Result, error) {
	if t.proxy.TLS {
		return load.H2(ctx, l)
	}
	return b.wrk.Run(ctx, l)
}

var errUsedUp = errors.New("the pool of tokens was used up within a slice, so some had been seen: use shorter slices")

// used is the processor time of a target so far.
type used struct {
	proxy, auth time.Duration
	machine     proc.Clock
}

func (t target) used() (u used, err error) {
	if u.proxy, err = t.proxy.CPU(); err != nil {
		return u, err
	}
	if t.auth != nil {
		if u.auth, err = t.auth.CPU(); err != nil {
			return u, err
		}
	}
	u.machine, err = proc.Machine()
	return u, err
}

// measured sends one slice of load. refused: 401 is the right answer. once: no value of the pool may be sent twice.
func (b *bench) measured(ctx context.Context, t target, l load.Load, refused, once bool) (report.Slice, error) {
	l.Host, l.For = t.proxy.Addr, b.slice
	before, err := t.used()
	if err != nil {
		return report.Slice{}, err
	}
	got, err := b.send(ctx, t, l)
	if err != nil {
		return report.Slice{}, err
	}
	after, err := t.used()
	if err != nil {
		return report.Slice{}, err
	}
	switch {
	case got.Requests == 0:
		return report.Slice{}, fmt.Errorf("%s answered nothing", t.proxy.Name)
	case once && got.Wrapped > 0:
		return report.Slice{}, errUsedUp
	}
	s := report.Slice{Requests: got.Requests, Rate: got.Rate(), P50: got.P50, P99: got.P99, Steal: after.machine.Steal(before.machine),
		ProxyCPU: (after.proxy - before.proxy) / time.Duration(got.Requests),
		AuthCPU:  (after.auth - before.auth) / time.Duration(got.Requests),
		Wrong:    got.Refused + got.Broken}
	if refused {
		s.Wrong = got.Requests - got.Refused + got.Broken
	}
	return s, nil
}
