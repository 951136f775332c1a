package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// seekEvery is how often a node looks for a Redis that is away.
	seekEvery = 250 * time.Millisecond
	// seekSeldom bounds how seldom, where it is lost again and again: then each time takes twice the pause of the last.
	seekSeldom = 2 * time.Second
	// relapse is how soon after it came back it is lost again.
	relapse = 10 * time.Second
	// openMost bounds the questions that are kept. More of them are of the same servers.
	openMost = 16
)

// health is whether Redis counts for this node, and what it owes an answer to before it does again.
type health struct {
	away atomic.Bool   // changed under mu
	woke chan struct{} // holds one token when it was lost

	mu    sync.Mutex
	open  map[string]struct{} // the tags of keys whose server did not answer; "" where there is one server only
	since time.Time           // when it was lost last
	back  time.Time           // when it came back last
	pause time.Duration       // between looks
	cause error               // of being away, while nobody has been told; nil otherwise
	told  bool                // the log says that it is away
}

func newHealth() health {
	return health{woke: make(chan struct{}, 1), open: map[string]struct{}{}}
}

// lose notes that what was asked at a moment got no answer. What was asked before Redis came back says nothing of it since.
func (h *health) lose(asked time.Time, err error, unanswered ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if asked.Before(h.back) {
		return
	}
	for _, tag := range unanswered {
		if len(h.open) < openMost {
			h.open[tag] = struct{}{}
		}
	}
	if h.away.Swap(true) {
		return
	}
	now := time.Now()
	if now.Sub(h.back) < relapse {
		h.pause = min(2*h.pause, seekSeldom)
	} else {
		h.pause = seekEvery
	}
	h.since, h.cause = now, err
	select {
	case h.woke <- struct{}{}:
	default:
	}
}

// owed is what has to be answered before Redis is back.
func (h *health) owed() (tags []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for tag := range h.open {
		tags = append(tags, tag)
	}
	return tags
}

// find notes that questions were answered. It reports whether Redis is back by that, how long it was away, and whether the
// log has said that it was.
func (h *health) find(answered []string) (back bool, outage time.Duration, told bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, tag := range answered {
		delete(h.open, tag)
	}
	if !h.away.Load() || len(h.open) > 0 {
		return false, 0, false
	}
	h.away.Store(false)
	h.back = time.Now()
	told, h.told, h.cause = h.told, false, nil
	return true, h.back.Sub(h.since), told
}

// news returns why Redis is away, once for each time that it goes; nil when there is nothing to tell.
func (h *health) news() (cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	cause, h.cause = h.cause, nil
	h.told = h.told || cause != nil
	return cause
}

// next is how long to wait before Redis is looked for, just after it was lost or not.
func (h *health) next(justLost bool) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.away.Load():
		return beatEvery
	case justLost && h.pause == seekEvery:
		return 0
	default:
		return h.pause
	}
}

// server names the server that has the keys with a tag, by the tag.
func (r *Redis) server(tag string) string {
	if !r.cfg.Link.Clustered() {
		return ""
	}
	return tag
}

// prove asks a server to do what it did not do, on a counter that is nobody's and lies where the others lie. It does all that
// the scripts may do: writing may be refused while reading is not.
func (r *Redis) prove(ctx context.Context, tag string) error {
	const second = int64(time.Second / time.Microsecond)
	key := []string{r.cfg.Link.Key("limit:{" + tag + "}:probe")}
	if _, err := r.try(ctx, takeScript, key, r.clock(), true, 1, second, 0); err != nil {
		return err
	}
	_, err := r.try(ctx, giveBackScript, key, r.clock(), 1, second)
	return err
}
