package revocation

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	// followEvery is how often the database is read while it is the only source: it bounds how long
	// this node can miss a revocation that it did not make, or made without learning that its commit
	// went through.
	followEvery = time.Second
	// fedEvery is how often it is read while the feed confirms the snapshot. It bounds how long a
	// revocation is missed that its node could not publish.
	fedEvery = 3 * time.Second
	// feedCurrent is how recent the feed's confirmation must be for that.
	feedCurrent = 2 * time.Second
	// looksApart keeps many gaps from becoming many reads.
	looksApart = 100 * time.Millisecond
)

// PollerConfig is what a Poller needs; all but Now is required.
type PollerConfig struct {
	Set    *Set
	Source Source // the database
	// Late is how much later than rows with higher numbers a row may be committed: each read begins so far back.
	Late      time.Duration
	Staleness *Staleness
	Logger    *slog.Logger
	Now       func() time.Time // the real clock; default time.Now
}

// Poller reads the database's revocations into a set: all of them once, then what is new. It is
// safe for concurrent use.
type Poller struct {
	cfg  PollerConfig
	look chan struct{}

	failed atomic.Bool // failing is not zero

	mu sync.Mutex // held while reading
	// Reading begins with settled: all up to there is in memory, rows that showed late too, for it was
	// the newest row Late or longer before a reading. next was the newest at nextAt, when the reading that
	// got there ended, and becomes settled with the first reading that begins so much later.
	settled, next authcore.Revocation
	nextAt        time.Time
	walk          walk
	readAt        time.Time // when the last read began that went through
	failing       time.Time // since when a database that answers gives no rows; zero while it does
}

// NewPoller checks cfg.
func NewPoller(cfg PollerConfig) (*Poller, error) {
	if cfg.Set == nil || cfg.Source == nil || cfg.Late <= 0 || cfg.Staleness == nil || cfg.Logger == nil {
		return nil, errors.New("a poller needs a set, a source, how late it is, a staleness and a logger")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Poller{cfg: cfg, look: make(chan struct{}, 1), walk: walk{began: cfg.Now()}}, nil
}

// Look asks Run to read soon. It never blocks.
func (f *Poller) Look() {
	select {
	case f.look <- struct{}{}:
	default: // it will
	}
}

// Run reads every second, or less often while the feed confirms the snapshot, until ctx ends. Where
// several run they take turns.
func (f *Poller) Run(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.look:
			if !f.wait(ctx) {
				return
			}
		case <-tick.C:
			if !f.due() {
				continue
			}
		}
		err := f.Read(ctx)
		if err == nil {
			err = f.step(ctx)
		}
		f.tell(ctx, err)
	}
}

// wait keeps reads apart.
func (f *Poller) wait(ctx context.Context) bool {
	f.mu.Lock()
	left := looksApart - f.cfg.Now().Sub(f.readAt)
	f.mu.Unlock()
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(min(left, looksApart))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// due reports whether it is time to read without being asked.
func (f *Poller) due() bool {
	if age, fed := f.cfg.Staleness.FeedAge(); !fed || age > feedCurrent {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cfg.Now().Sub(f.readAt) > fedEvery-followEvery/2 // ticks come a little early or late
}

// Failing reports whether a database that answers gives no revocations. It waits for no reading.
func (f *Poller) Failing() bool {
	return f.failed.Load()
}

// tell logs each change of whether reading works. A database that is away tells of itself.
func (f *Poller) tell(ctx context.Context, err error) {
	if errors.Is(err, authcore.ErrUnavailable) {
		return
	}
	failed := err != nil && ctx.Err() == nil
	f.mu.Lock()
	changed, since := failed == f.failing.IsZero(), f.failing
	if ctx.Err() == nil && changed {
		f.failing = time.Time{}
		f.failed.Store(failed)
		if failed {
			f.failing = f.cfg.Now()
		}
	}
	f.mu.Unlock()
	switch {
	case !changed || ctx.Err() != nil:
	case failed:
		f.cfg.Logger.Error("could not read revocations from the database; those made on this node still apply",
			"component", "revocation_reader", "state", "failing", "error", err)
	default:
		f.cfg.Logger.Info("revocations are read from the database again", "component", "revocation_reader", "state", "up",
			"outage", f.cfg.Now().Sub(since))
	}
}
