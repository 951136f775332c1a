package nodeclock

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Clock is the time that all nodes on one Postgres go by: that of the database's server. What nodes write for
// each other is compared by one clock so, however their machines' clocks differ. Between two looks at the server's
// clock the machine's monotonic one goes on from the last, which nobody sets. Until the first look, and for good
// with SQLite, this is the machine's own clock. It is safe for concurrent use.
type Clock struct {
	logger  *slog.Logger
	machine func() time.Time // the machine's clock, with its monotonic part

	looking sync.Mutex // held while the server is asked
	last    atomic.Pointer[reading]

	telling sync.Mutex // held by who decides on the state and tells of it
	is      atomic.Pointer[state]
	since   time.Time // of that state, by the monotonic clock
}

// reading is what the server's clock showed, as exactly as one can tell.
type reading struct {
	at     time.Time // by the machine's clock, with its monotonic part
	server time.Time
}

// ServerTime asks the database's server for its time; ok is false where there is no server.
type ServerTime func(ctx context.Context) (at time.Time, ok bool, err error)

func New(logger *slog.Logger) *Clock {
	c := &Clock{logger: logger, machine: time.Now, since: time.Now()}
	c.is.Store(&right)
	return c
}

// Now returns the time of all nodes.
func (c *Clock) Now() time.Time {
	r := c.last.Load()
	if r == nil {
		return Now()
	}
	return r.shows(c.machine()).Add(advanced())
}

// shows returns what the server's clock shows at a moment of the machine's monotonic clock.
func (r *reading) shows(at time.Time) time.Time { return r.server.Add(at.Sub(r.at)) }

// Look compares with the server's clock.
func (c *Clock) Look(ctx context.Context, server ServerTime) error {
	c.looking.Lock()
	defer c.looking.Unlock()
	before := c.machine()
	shown, ok, err := server(ctx)
	after := c.machine()
	if err != nil || !ok {
		return err
	}
	last := c.last.Load()
	if last == nil {
		last = &reading{at: before, server: before.Add(misset())}
	}
	c.last.Store(last.corrected(shown, before, after))
	return nil
}

// corrected returns the next reading, when the server has shown a time at some moment between before and after. The
// way there and back may take long, so a reading that the answer does not contradict goes on as it was, and another
// one is moved no further than needed: an answer that comes slowly moves nothing that was known better.
func (r *reading) corrected(shown, before, after time.Time) *reading {
	next := r.shows(after)
	if earliest := r.shows(before); shown.Before(earliest) {
		next = next.Add(shown.Sub(earliest))
	} else if shown.After(next) {
		next = next.Add(shown.Sub(next))
	}
	return &reading{at: after, server: next}
}

// Skew returns by how much the machine's clock is ahead of the time of all nodes. It sees at once when somebody sets the
// machine's clock; whether the server's was set is known after the next look.
func (c *Clock) Skew() time.Duration {
	r := c.last.Load()
	if r == nil {
		return 0
	}
	at := c.machine()
	return at.Add(misset()).Round(0).Sub(r.shows(at).Round(0)) // by the wall clocks
}

// Compared reports whether there is another clock to compare with, and it has been looked at.
func (c *Clock) Compared() bool { return c.last.Load() != nil }

// Wrong reports whether this machine's clock and the database's differ so much that one of them must be wrong. It knows
// so from the moment on that now goes by such a clock, before anybody is told.
func (c *Clock) Wrong() bool {
	return c.is.Load() == &wrong || c.Skew().Abs() > wrong.from
}
