package liveconn

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Sessions is the part of the store that is asked whether sessions live.
type Sessions interface {
	// LiveSessions as in authcore.SessionStore: those of ids that something can still be done with at now, in no order. One that
	// is left out has ended; an error tells nothing of any. It may be called concurrently.
	LiveSessions(ctx context.Context, ids []uuid.UUID, now time.Time) ([]authcore.LiveSession, error)
}

// Config is what a Registry needs; all but Now is required.
type Config struct {
	Revocations authcore.Revocations
	Sessions    Sessions
	// Age returns for how long nothing has confirmed this node's view of revocations.
	Age    func() time.Duration
	Ended  func(Reason) // told of every connection that is ended; must not block
	Logger *slog.Logger
	Now    func() time.Time // by which sessions expire; default time.Now
}

// Registry holds the open connections of a node. It is safe for concurrent use.
type Registry struct {
	cfg    Config
	shards [shards]shard
	closed atomic.Bool

	confirming  sync.Mutex
	confirmedAt time.Time // when the database last confirmed every connection; guarded by confirming
}

const shards = 64

// shard is a part of the connections: opening and closing one waits only for the look at a part of them.
type shard struct {
	mu   sync.Mutex
	open []*Connection
}

// New checks cfg.
func New(cfg Config) (*Registry, error) {
	if cfg.Revocations == nil || cfg.Sessions == nil || cfg.Age == nil || cfg.Ended == nil || cfg.Logger == nil {
		return nil, errors.New("a registry of connections needs revocations, sessions, the age of the view, who is told, and a logger")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Registry{cfg: cfg, confirmedAt: time.Now()}, nil
}

// shard returns where the connections of a session are. Ids are random in their last bytes.
func (r *Registry) shard(c *Connection) *shard { return &r.shards[c.Session[15]%shards] }

// Add keeps c until it is removed. A registry that is closed ends it at once.
func (r *Registry) Add(c *Connection) {
	s := r.shard(c)
	s.mu.Lock()
	c.place = len(s.open)
	s.open = append(s.open, c)
	s.mu.Unlock()
	if r.closed.Load() {
		r.end(c, Unheard)
	}
}

// Remove forgets c, which was added. When it returns, End neither runs nor will be called. It must be called once.
func (r *Registry) Remove(c *Connection) {
	s := r.shard(c)
	s.mu.Lock()
	last := s.open[len(s.open)-1]
	s.open[c.place], last.place = last, c.place
	s.open[len(s.open)-1] = nil
	s.open = s.open[:len(s.open)-1]
	s.mu.Unlock()
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
}

// Len returns the number of connections.
func (r *Registry) Len() (n int) {
	for i := range r.shards {
		r.shards[i].mu.Lock()
		n += len(r.shards[i].open)
		r.shards[i].mu.Unlock()
	}
	return n
}

// Close ends every connection, and those that are still to come: this node learns of no more revocations.
func (r *Registry) Close() {
	r.closed.Store(true)
	for i := range r.shards {
		for _, c := range r.shards[i].list() {
			r.end(c, Unheard)
		}
	}
}

func (s *shard) list() []*Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.open)
}

func (r *Registry) end(c *Connection, why Reason) {
	if c.end(why) {
		r.cfg.Ended(why)
	}
}
