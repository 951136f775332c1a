package liveconn

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Sessions is the part of the store that is asked whether sessions live.
type Sessions interface {
	// LiveSessions returns those of the given sessions that something can still be done with at now, by a refresh token or by
	// an access token that has outlived it: not revoked, at their account's epoch, the account enabled. Their order is not
	// defined. One that is left out has ended; an error tells nothing of any. It may be called concurrently.
	LiveSessions(ctx context.Context, ids []uuid.UUID, now time.Time) ([]authcore.LiveSession, error)
}

// Config is what a Registry needs; all but Now is required.
type Config struct {
	Revocations authcore.Revocations
	Sessions    Sessions
	// Age returns for how long nothing has confirmed this node's snapshot of revocations.
	Age    func() time.Duration
	Ended  func(Reason)            // told of every connection that is ended; must not block
	Cut    func(Ending)            // told when one is cut, so that nothing gets through any more; must not block
	Open   func(kind Kind, by int) // told of every connection that lasts, by 1 when it opens and by -1 when it is over
	Logger *slog.Logger
	Now    func() time.Time // by which sessions expire; default time.Now
}

// Registry holds the open connections of a node. It is safe for concurrent use.
type Registry struct {
	cfg     Config
	buckets [buckets]bucket
	closed  atomic.Bool
	began   time.Time
	ticks   atomic.Uint32 // since then
	news    news

	confirming  sync.Mutex
	confirmedAt time.Time // when the database last confirmed every connection; guarded by confirming
}

// buckets are so many that the connections of an account are found without looking at many others, and that requests on
// different processors hardly ever meet in one.
const buckets = 1024

// bucket holds the connections of some accounts, as a list that runs through them: each request comes and goes here, and
// must not pay more than it takes to lock the bucket.
type bucket struct {
	mu    sync.Mutex
	first *Connection
}

// New checks cfg.
func New(cfg Config) (*Registry, error) {
	if cfg.Revocations == nil || cfg.Sessions == nil || cfg.Age == nil || cfg.Ended == nil || cfg.Cut == nil || cfg.Open == nil || cfg.Logger == nil {
		return nil, errors.New("a registry of connections needs revocations, sessions, the age of the snapshot, who is told, and a logger")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Registry{cfg: cfg, began: time.Now(), confirmedAt: time.Now()}
	r.news.wake = make(chan struct{}, 1)
	return r, nil
}

// Len returns the number of connections.
func (r *Registry) Len() (n int) {
	for i := range r.buckets {
		b := &r.buckets[i]
		b.mu.Lock()
		for c := b.first; c != nil; c = c.next {
			n++
		}
		b.mu.Unlock()
	}
	return n
}

// Close ends every connection, and those that are still to come: this node learns of no more revocations. Exchanges that have
// only begun have a while to end by themselves.
func (r *Registry) Close() {
	r.closed.Store(true)
	for _, c := range r.list(r.lasts) {
		r.end(c, Ending{Reason: ShuttingDown})
	}
	time.AfterFunc(longAfter*tickEvery, func() {
		for _, c := range r.list(func(*Connection) bool { return true }) {
			r.end(c, Ending{Reason: ShuttingDown})
		}
	})
}

// list returns the connections of which want says so, in no order. Each has to be passed to end or left alone.
func (r *Registry) list(want func(*Connection) bool) (found []*Connection) {
	for i := range r.buckets {
		found = r.buckets[i].list(found, want)
	}
	return found
}

func (b *bucket) list(found []*Connection, want func(*Connection) bool) []*Connection {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := b.first; c != nil; c = c.next {
		if want(c) {
			c.listed = true
			found = append(found, c)
		}
	}
	return found
}

func (r *Registry) end(c *Connection, e Ending) {
	if c.end(e) {
		r.cfg.Ended(e.Reason)
	}
}
