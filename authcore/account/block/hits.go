package block

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// eventEvery is how often the hits of one address are told of: a flood must not fill the events (D10).
const eventEvery = time.Second

// maxAddresses bounds the addresses that are remembered meanwhile. Hits of further ones are counted, and told of once there is room.
const maxAddresses = 10_000

// Hits of a rule since they were last written.
type Hits struct {
	Rule  uuid.UUID
	Count int64
	Last  time.Time
}

// hits collects what a worker writes: a request that is refused costs no I/O.
type hits struct {
	mu     sync.Mutex
	counts map[uuid.UUID]Hits
	told   map[string]time.Time // addresses, by when their last hit was told of
	events []authcore.Event
}

// add notes a hit of a rule, nil for what is not among the allowed.
func (h *hits) add(rule *Compiled, kind Kind, act Act, s Subject, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rule != nil {
		if h.counts == nil {
			h.counts = map[uuid.UUID]Hits{}
		}
		h.counts[rule.ID] = Hits{Rule: rule.ID, Count: h.counts[rule.ID].Count + 1, Last: now}
	}
	from := address(s.Client.Addr)
	last, known := h.told[from]
	if known && now.Sub(last) < eventEvery && !now.Before(last) || !known && len(h.told) >= maxAddresses {
		return
	}
	if h.told == nil {
		h.told = map[string]time.Time{}
	}
	h.told[from] = now
	e := audit.Failure(authcore.EventBlockHit, s.Account, s.Client, authcore.Blocked, now)
	e.Details = hitDetails(rule, kind, act)
	h.events = append(h.events, e)
}

// hitDetails name the rule by its id, and not by its pattern, which may be somebody's address.
func hitDetails(rule *Compiled, kind Kind, act Act) string {
	details := map[string]string{"kind": string(kind), "act": string(act), "rule": "allow"}
	if rule != nil {
		details["rule"] = rule.ID.String()
	}
	text, _ := json.Marshal(details) // texts: cannot go wrong
	return string(text)
}

// take returns what is to be written, and forgets it.
func (h *hits) take(now time.Time) (counts []Hits, events []authcore.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts = slices.SortedFunc(maps.Values(h.counts), func(a, b Hits) int { return bytes.Compare(a.Rule[:], b.Rule[:]) }) // the same order on every node
	events, h.counts, h.events = h.events, nil, nil
	for from, at := range h.told {
		if now.Sub(at) >= eventEvery || now.Before(at) {
			delete(h.told, from)
		}
	}
	return counts, events
}
