package revocation

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Freshness knows how old this node's view of revocations is: since when neither of its sources, the
// database and the feed of other nodes, has confirmed it. All methods are safe for concurrent use.
//
// It goes by the real clock, which nobody may set back or forward: a process that was paused, or a
// machine that was suspended, must not answer from its view of before.
type Freshness struct {
	now  func() time.Time
	asOf atomic.Pointer[time.Time] // the view is complete up to here

	mu       sync.Mutex
	database time.Time // confirmed by the database up to here
	feed     time.Time // confirmed by the feed up to here; zero: not, or not any more
	gap      time.Time // something sent before this has been missed; zero: nothing
}

// NewFreshness returns a Freshness of a view that nothing has confirmed. A nil now means [time.Now].
func NewFreshness(now func() time.Time) *Freshness {
	if now == nil {
		now = time.Now
	}
	f := &Freshness{now: now}
	f.asOf.Store(&time.Time{})
	return f
}

// Age returns for how long no source has confirmed the view. It takes no lock. Where the wall clock
// has moved further than the monotonic one it counts, since the latter stands still on a suspended
// machine; a step forward of the wall clock therefore makes the view old until the next confirmation.
func (f *Freshness) Age() time.Duration {
	now, asOf := f.now(), f.asOf.Load()
	if asOf.IsZero() {
		return time.Duration(math.MaxInt64)
	}
	return max(now.Sub(*asOf), time.Duration(now.UnixNano()-asOf.UnixNano()), 0) // the latter by the wall clock
}

// Database says that everything committed up to asOf has been read from the database.
func (f *Freshness) Database(asOf time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if asOf.After(f.database) {
		f.database = asOf
	}
	if !asOf.Before(f.gap) {
		f.gap = time.Time{}
	}
	f.settle()
}

// Feed says that everything that the feed was given up to asOf has been applied. It counts only
// where nothing has been missed, or the database has been read since.
func (f *Freshness) Feed(asOf time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gap.IsZero() && asOf.After(f.feed) {
		f.feed = asOf
	}
	f.settle()
}

// Missed says that the feed may have missed something. What it confirmed does not count any more,
// for nobody knows since when.
func (f *Freshness) Missed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gap, f.feed = f.now(), time.Time{}
	f.settle()
}

// FeedAge returns for how long the feed has not confirmed the view; ok is false when it does not
// confirm it at all.
func (f *Freshness) FeedAge() (age time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now().Sub(f.feed), !f.feed.IsZero()
}

// settle must be called with f.mu held.
func (f *Freshness) settle() {
	asOf := f.database
	if f.feed.After(asOf) {
		asOf = f.feed
	}
	f.asOf.Store(&asOf)
}
