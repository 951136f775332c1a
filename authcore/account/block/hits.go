package block

import (
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// eventEvery is how often the hits of one address are told of: a flood must not fill the events (D10).
const eventEvery = time.Second

// maxAddresses bounds the addresses that are remembered meanwhile. Hits of further ones are counted, and told of once there is room.
const maxAddresses = 10_000

// hits collects what a worker writes: a request that is refused costs no I/O.
type hits struct {
	mu     sync.Mutex
	told   map[string]time.Time // addresses, by when their last hit was told of
	events []authcore.Event
}

// add notes a hit of a subject.
func (h *hits) add(s Subject, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	from := address(s.Client.Addr)
	last, known := h.told[from]
	if known && now.Sub(last) < eventEvery && !now.Before(last) || !known && len(h.told) >= maxAddresses {
		return
	}
	if h.told == nil {
		h.told = map[string]time.Time{}
	}
	h.told[from] = now
	h.events = append(h.events, audit.Failure(authcore.EventBlockHit, s.Account, s.Client, authcore.Blocked, now))
}

// take returns the events that are to be written, and forgets them.
func (h *hits) take(now time.Time) (events []authcore.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	events, h.events = h.events, nil
	for from, at := range h.told {
		if now.Sub(at) >= eventEvery || now.Before(at) {
			delete(h.told, from)
		}
	}
	return events
}
