package accesstoken

import (
	"sync/atomic"
	"time"
)

// clock is the cache's: the time of the last request, more or less, so that a request asks for the time once. What it
// decides is when memory is freed; whether a token has expired is decided by the request's own time.
type clock struct {
	at atomic.Int64 // Unix nanoseconds
}

// coarse is how far the clock may be behind while requests come. It is written that seldom, for a write takes the cache
// line away from all other processors.
const coarse = int64(100 * time.Millisecond)

func (c *clock) see(now time.Time) {
	at := now.UnixNano()
	if passed := at - c.at.Load(); passed > coarse || passed < 0 {
		c.at.Store(at)
	}
}

// NowNano implements otter.Clock.
func (c *clock) NowNano() int64 { return c.at.Load() }

// Tick implements otter.Clock.
func (c *clock) Tick(every time.Duration) <-chan time.Time { return time.Tick(every) }
