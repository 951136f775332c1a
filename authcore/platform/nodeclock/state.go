package nodeclock

import (
	"context"
	"time"
)

const (
	// lookEvery is how often the server's clock is looked at, and tickEvery how often the machine's own: when that one has
	// moved by more than jump meanwhile, or the machine was suspended, the server's is looked at as well.
	lookEvery = 5 * time.Second
	tickEvery = time.Second
	jump      = time.Second
)

// state is how a machine's clock is, in the words of the log.
type state struct {
	name string
	from time.Duration // by how much it differs at least
}

// From ten seconds on it is told of, since leeways are used up. From sixty on, which is what those who check tokens elsewhere
// usually allow, there is no telling which clock is wrong, and no token is issued.
var (
	right = state{"right", 0}
	off   = state{"off", 10 * time.Second}
	wrong = state{"wrong", 60 * time.Second}
)

// judge returns the state for a skew. A state is left only when its bound is passed clearly, so that a clock near it makes no
// line in the log for each look.
func (s *state) judge(skew time.Duration) *state {
	for _, one := range []*state{&wrong, &off} {
		bound := one.from
		if s.from >= one.from {
			bound = bound * 9 / 10
		}
		if skew.Abs() > bound {
			return one
		}
	}
	return &right
}

// Tell decides how the clock is, and writes a line where that has changed.
func (c *Clock) Tell() {
	c.telling.Lock()
	defer c.telling.Unlock()
	skew, was := c.Skew(), c.is.Load()
	is := was.judge(skew)
	if is == was {
		return
	}
	lasted := time.Since(c.since)
	c.is.Store(is)
	c.since = time.Now()
	log := c.logger.With("component", "clock", "state", is.name, "skew", skew)
	switch is {
	case &wrong:
		log.Error("the clocks of this machine and the database differ by more than a minute: this node issues no tokens and is not ready")
	case &off:
		log.Warn("the clocks of this machine and the database differ; the node uses the database's")
	default:
		log.Info("the clocks of this machine and the database agree again", "was", was.name, "outage", lasted)
	}
}

// Watch compares the machine's clock with the server's until ctx ends.
func (c *Clock) Watch(ctx context.Context, server ServerTime) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	looked, skew := time.Now(), c.Skew()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(looked) >= lookEvery || (c.Skew()-skew).Abs() > jump {
			if c.Look(ctx, server) == nil { // else the database's health tells of it
				looked, skew = time.Now(), c.Skew()
			}
		}
		c.Tell()
	}
}
