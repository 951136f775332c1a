package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/load"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

// callers sign in at once, again and again: more than any pool of password hashes has workers on a machine of this kind, so
// that there is always a queue.
const callers = 2 * members

// isolation measures guarded traffic with and without sign-ins that saturate the pool of password hashes.
func (b *bench) isolation(ctx context.Context) error {
	t, err := ours(ctx, b)
	if err != nil {
		return err
	}
	if err := b.warm(ctx, t); err != nil {
		return err
	}
	result := &report.Isolation{Callers: callers}
	var logins []float64
	for round := range b.rounds {
		say("round %d of %d: %s", round+1, b.rounds, sectionIsolation)
		r, crowd, err := b.isolationRound(ctx, t)
		if err != nil {
			return fmt.Errorf("measure %s: %w", sectionIsolation, err)
		}
		result.Rounds = append(result.Rounds, r)
		logins = append(logins, crowd.rate())
		result.Busy += crowd.busy
		result.Failed += crowd.failed
	}
	result.Logins = figures.Of(logins)
	result.Summarise()
	b.report.Isolation = result
	return b.rig.Stop(t.proxy)
}

func (b *bench) isolationRound(ctx context.Context, t target) (r report.Round, c *crowd, err error) {
	l := load.Load{Header: "Authorization", Value: "Bearer " + b.stock.bearer}
	if r.Before, err = b.measured(ctx, t, l, false, false); err != nil {
		return r, nil, err
	}
	c = b.gather(ctx, t.proxy)
	select {
	case <-time.After(warmUp): // the queue builds up
	case <-ctx.Done():
	}
	r.Case, err = b.measured(ctx, t, l, false, false)
	c.disperse()
	if err != nil {
		return r, nil, err
	}
	r.After, err = b.measured(ctx, t, l, false, false)
	return r, c, err
}

// crowd is callers that sign in until they are told to stop.
type crowd struct {
	stop  context.CancelFunc
	wait  sync.WaitGroup
	began time.Time
	took  time.Duration

	mu                 sync.Mutex // guards the counts
	done, busy, failed int
}

func (b *bench) gather(ctx context.Context, g *rig.Server) *crowd {
	c := &crowd{began: time.Now()}
	ctx, c.stop = context.WithCancel(ctx)
	for i := range callers {
		c.wait.Go(func() {
			for ctx.Err() == nil {
				_, err := b.rig.SignIn(ctx, g, member(i%members))
				if ctx.Err() == nil {
					c.count(err)
				}
			}
		})
	}
	return c
}

func (c *crowd) count(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var refused *rig.StatusError
	switch {
	case err == nil:
		c.done++
	case errors.As(err, &refused) && (refused.Status == http.StatusServiceUnavailable || refused.Status == http.StatusTooManyRequests):
		c.busy++
	default:
		c.failed++
	}
}

// disperse stops the callers and waits for them.
func (c *crowd) disperse() {
	c.took = time.Since(c.began)
	c.stop()
	c.wait.Wait()
}

// rate is sign-ins a second that got their tokens.
func (c *crowd) rate() float64 { return float64(c.done) / c.took.Seconds() }
