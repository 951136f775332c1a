package caddymodule

import (
	"context"
	"time"
)

const (
	// clockLookEvery is how often the server's clock is looked at, and clockTick how often the machine's own: when that one has
	// moved by more than clockJump meanwhile, or the machine was suspended, the server's is looked at as well.
	clockLookEvery = 5 * time.Second
	clockTick      = time.Second
	clockJump      = time.Second
)

// clockState is how a machine's clock is, in the words of the log.
type clockState struct {
	name string
	from time.Duration // by how much it differs at least
}

// From ten seconds on it is told of, since leeways are used up. From sixty on, which is what those who check tokens elsewhere
// usually allow, there is no telling which clock is wrong, and no token is issued.
var (
	clockRight = clockState{"right", 0}
	clockOff   = clockState{"off", 10 * time.Second}
	clockWrong = clockState{"wrong", 60 * time.Second}
)

// judge returns the state for a skew. A state is left only when its bound is passed clearly, so that a clock near it makes no
// line in the log for each look.
func (s *clockState) judge(skew time.Duration) *clockState {
	for _, state := range []*clockState{&clockWrong, &clockOff} {
		bound := state.from
		if s.from >= state.from {
			bound = bound * 9 / 10
		}
		if skew.Abs() > bound {
			return state
		}
	}
	return &clockRight
}

// tell decides how the clock is, and writes a line where that has changed.
func (c *nodeClock) tell() {
	c.telling.Lock()
	defer c.telling.Unlock()
	skew, was := c.skew(), c.is.Load()
	is := was.judge(skew)
	if is == was {
		return
	}
	lasted := time.Since(c.since)
	c.is.Store(is)
	c.since = time.Now()
	log := c.logger.With("component", "clock", "state", is.name, "skew", skew)
	switch is {
	case &clockWrong:
		log.Error("the clocks of this machine and the database differ by more than a minute: this node issues no tokens and is not ready")
	case &clockOff:
		log.Warn("the clocks of this machine and the database differ; the node uses the database's")
	default:
		log.Info("the clocks of this machine and the database agree again", "was", was.name, "outage", lasted)
	}
}

// watchClock compares the machine's clock with the database's until ctx ends.
func (n *node) watchClock(ctx context.Context) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	looked, skew := time.Now(), n.clock.skew()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(looked) >= clockLookEvery || (n.clock.skew()-skew).Abs() > clockJump {
			if n.clock.look(ctx, n.store.ServerTime) == nil { // else its condition tells of the database
				looked, skew = time.Now(), n.clock.skew()
			}
		}
		n.clock.tell()
	}
}
