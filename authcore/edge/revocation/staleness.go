package revocation

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// suspendedFor is how long nothing at all must have run for the process to count as paused. It is less than the
	// least max_staleness, and far more than a loaded machine keeps a goroutine waiting that has nothing to do.
	suspendedFor = 2500 * time.Millisecond
	// tickEvery is how often the process shows itself that it runs.
	tickEvery = 250 * time.Millisecond
)

// Staleness knows how old this node's snapshot of revocations is: since when neither of its sources, the
// database and the feed of other nodes, has confirmed it; and whether this process has been paused since.
// All methods are safe for concurrent use.
//
// It goes by the real clock, which nobody may set back or forward: a process that was paused, or a
// machine that was suspended, must not answer from its snapshot of before.
type Staleness struct {
	now   func() time.Time
	state atomic.Pointer[state]

	mu       sync.Mutex    // held while state changes
	database time.Time     // confirmed by the database up to here
	feed     time.Time     // confirmed by the feed up to here; zero: not, or not any more
	gap      time.Time     // something sent before this has been missed; zero: nothing
	watching int           // how many run Watch
	tick     time.Time     // when the process was last seen to run; zero while nobody watches
	woke     time.Time     // when it was seen that the process had been paused; zero: never
	untold   time.Duration // how long it was paused, until Watch tells
}

// NewStaleness returns a Staleness of a snapshot that nothing has confirmed. A nil now means [time.Now].
func NewStaleness(now func() time.Time) *Staleness {
	if now == nil {
		now = time.Now
	}
	f := &Staleness{now: now}
	f.state.Store(new(state))
	return f
}

// Age returns for how long no source has confirmed the snapshot. It takes no lock. Where the wall clock
// has moved further than the monotonic one it counts, since the latter stands still on a suspended
// machine; a step forward of the wall clock therefore makes the snapshot old until the next confirmation.
func (f *Staleness) Age() time.Duration {
	asOf := f.state.Load().asOf
	if asOf.IsZero() {
		return time.Duration(math.MaxInt64)
	}
	return momentOf(f.now()).since(asOf)
}

// Watch notices pauses of this process until ctx ends, and calls woken after each one with how long it
// was. Several may run.
func (f *Staleness) Watch(ctx context.Context, woken func(time.Duration)) {
	f.watched(1)
	defer f.watched(-1)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.runs()
			f.mu.Lock()
			pause := f.untold
			f.untold = 0
			f.mu.Unlock()
			if pause > 0 {
				woken(pause)
			}
		}
	}
}

// watched counts who watches. Nothing was missed while nobody did.
func (f *Staleness) watched(by int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watching += by; f.watching == 0 {
		f.tick = time.Time{}
	} else if by > 0 && f.watching == by {
		f.tick = f.now()
	}
	f.store()
}

// runs notes that the process runs, and whether it was paused until now. What begins after it has
// returned is after the pause.
func (f *Staleness) runs() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watching == 0 {
		return
	}
	now, tick := momentOf(f.now()), momentOf(f.tick)
	if now.suspended(tick) {
		f.woke, f.untold = now.Time, now.since(tick)
	}
	f.tick = now.Time
	f.store()
}

// Database says that everything committed up to asOf has been read from the database.
func (f *Staleness) Database(asOf time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if asOf.After(f.database) {
		f.database = asOf
	}
	if !asOf.Before(f.gap) {
		f.gap = time.Time{}
	}
	f.store()
}

// Stored returns up to when everything committed has been read from the database, zero for never.
func (f *Staleness) Stored() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.database
}

// Feed says that everything that the feed was given up to asOf has been applied. It counts only
// where nothing has been missed, or the database has been read since.
func (f *Staleness) Feed(asOf time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gap.IsZero() && asOf.After(f.feed) {
		f.feed = asOf
	}
	f.store()
}

// ReportGap says that the feed may have missed something. What it confirmed does not count any more,
// for nobody knows since when.
func (f *Staleness) ReportGap() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gap, f.feed = f.now(), time.Time{}
	f.store()
}

// FeedAge returns for how long the feed has not confirmed the snapshot; ok is false when it does not
// confirm it at all.
func (f *Staleness) FeedAge() (age time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now().Sub(f.feed), !f.feed.IsZero()
}

// store must be called with f.mu held.
func (f *Staleness) store() {
	asOf := f.database
	if f.feed.After(asOf) {
		asOf = f.feed
	}
	f.state.Store(&state{asOf: momentOf(asOf), tick: momentOf(f.tick), asleep: asOf.Before(f.woke)})
}
