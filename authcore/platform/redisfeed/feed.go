package redisfeed

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
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

// Snapshot is what a Feed keeps up to date.
type Snapshot interface {
	// Apply takes revocations in; they are heeded when it returns.
	Apply(rs ...authcore.Revocation)
	// Confirm says that everything sent up to this moment has been applied.
	Confirm(asOf time.Time)
	// ReportGap says that something may have been missed: the database has to be read before the next
	// Confirm counts. It never blocks.
	ReportGap()
	// Stored returns up to when all that is in the database has been applied.
	Stored() time.Time
}

// Outcome is what became of a message.
type Outcome int

// The outcomes.
const (
	// Sent: Redis has taken a message with revocations from this node.
	Sent Outcome = iota
	// Unsent: a message with revocations was given up; the other nodes notice and read the database.
	Unsent
	// Received: revocations of another node have been applied.
	Received
	// Rejected: an entry of the stream carries no good MAC.
	Rejected
	// Gap: a number or the place in the stream was missing.
	Gap
)

// Config is what a Feed needs; all but Sender, Count, Lag, Ending, Now and Clock is required.
type Config struct {
	Link     *redislink.Link
	Sender   *Sender              // the same for all feeds of a node; default: a new one
	Key      func() secret.MACKey // the same on every node
	Snapshot Snapshot
	// Count is told what became of each message, Lag how long after its hand-in by another node a
	// revocation was applied here. Both return at once.
	Count func(Outcome)
	Lag   func(time.Duration)
	// Ending reports, when Run's ctx has ended, whether the process ends too, so that the other nodes need
	// not wait to hear from this one; default: it does. After it has said so, this node must revoke nothing
	// more that they would have to hear of.
	Ending func() bool
	Logger *slog.Logger
	Now    func() time.Time // the clock that Snapshot is confirmed by; default time.Now
	// Clock is the time of all nodes, whose messages say when they were sent; default: Now.
	Clock func() time.Time
}

// Stream is the name of the stream, behind the link's prefix.
const Stream = "revocations"

const (
	// beatEvery is how often a node says that it is there. The snapshot is confirmed up to two beats ago at worst, and
	// max_staleness may be three seconds.
	beatEvery = 500 * time.Millisecond
	// silence is after how long without its own heartbeat a node takes the feed for broken, and without
	// another node's tells of it.
	silence = 3 * time.Second
	// queued is how many messages wait for Redis at most.
	queued = 1024
	// kept is about how many messages the stream keeps for nodes that lag behind.
	kept = 10_000
)

// Feed is this node's end of the stream. Publish may be called at any time; nothing moves but while
// Run runs. It is safe for concurrent use, and lives across config reloads.
type Feed struct {
	cfg    Config
	stream string
	sender *Sender
	queue  chan message

	lost  atomic.Uint64 // messages that found the queue full since the last one was sent
	begun bool          // it has spoken before; of who runs
	down  bool          // the last attempt to publish failed; the publisher's
	wiped time.Time     // when the stream was last found corrupt; the publisher's

	place string              // id of the entry read last, "" for none yet; the reader's
	stuck int                 // readings in a row that took too long at this place while Redis answered; the reader's
	floor time.Time           // what is read next was sent after this; the reader's
	own   time.Time           // when the own heartbeat was sent that came back last; the reader's
	again time.Time           // when the one was sent that came back first after a while without; the reader's
	peers map[uuid.UUID]*peer // the other senders, and this one; the reader's
	mute  time.Time           // since when there is one that fell silent, zero while there is none; the reader's

	mu     sync.Mutex
	beats  map[uint64]beat // heartbeats on their way
	since  time.Time       // when the own heartbeat last came back
	nodes  Nodes           // as of then
	health Health
	turned time.Time // when it became so
	cause  string    // of being down, "" otherwise
}

type beat struct {
	sent  time.Time
	taken bool // Redis has it, so that it has to come back
}

// Health says whether revocations of other nodes arrive.
type Health int

// The states.
const (
	Unknown Health = iota // not run yet
	Up
	Down
)

// New checks cfg. It does not connect.
func New(cfg Config) (*Feed, error) {
	if cfg.Link == nil || cfg.Key == nil || cfg.Snapshot == nil || cfg.Logger == nil {
		return nil, errors.New("redisfeed: link, key, snapshot and logger are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Clock == nil {
		cfg.Clock = cfg.Now
	}
	if cfg.Ending == nil {
		cfg.Ending = func() bool { return true }
	}
	if cfg.Sender == nil {
		cfg.Sender = NewSender(uuid.New())
	}
	if cfg.Count == nil {
		cfg.Count = func(Outcome) {}
	}
	if cfg.Lag == nil {
		cfg.Lag = func(time.Duration) {}
	}
	return &Feed{
		cfg: cfg, stream: cfg.Link.Key(Stream), sender: cfg.Sender, queue: make(chan message, queued),
		peers: make(map[uuid.UUID]*peer), beats: make(map[uint64]beat),
	}, nil
}

// Publish hands revocations that are committed to the other nodes. It never blocks and never fails:
// what Redis does not take, the others read from the database.
func (f *Feed) Publish(rs ...authcore.Revocation) {
	at := f.cfg.Clock()
	for part := range slices.Chunk(rs, perMessage) {
		select {
		case f.queue <- message{node: f.sender.id, at: at, revocations: slices.Clone(part)}:
		default:
			f.lost.Add(1)
			f.cfg.Count(Unsent)
		}
	}
}

// Run publishes and reads until ctx ends. Of several calls, on this feed or on others of its sender, the newest runs, and
// when it ends the one before goes on.
func (f *Feed) Run(ctx context.Context) { f.sender.inTurn(ctx, f.run) }

func (f *Feed) run(ctx context.Context) {
	if !f.begun && f.sender.number > 0 {
		f.sender.number++ // what this node has revoked since its last feed ended, nobody was told
	}
	f.begun = true
	f.mu.Lock()
	f.since = f.cfg.Now() // a while to begin with
	f.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { f.publish(ctx) })
	both.Go(func() { f.read(ctx) })
	both.Wait()
}

// Health returns whether revocations of other nodes arrive.
func (f *Feed) Health() Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.health
}

// Cause says in a few words, which name nothing secret, why revocations of other nodes do not arrive;
// "" unless Health is Down.
func (f *Feed) Cause() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

// setState notes the health, and tells of it once for each change.
func (f *Feed) setState(h Health, err error) {
	f.mu.Lock()
	was, now, since := f.health, f.cfg.Now(), f.turned
	changed := was != h
	f.health, f.cause = h, causeOf(err)
	if changed {
		f.turned = now
	}
	f.mu.Unlock()
	switch {
	case !changed:
	case h == Up && was == Down:
		f.cfg.Logger.Info("revocations from other nodes arrive through Redis", "component", "redis_feed", "state", "up", "outage", now.Sub(since))
	case h == Up:
		f.cfg.Logger.Info("revocations from other nodes arrive through Redis", "component", "redis_feed", "state", "up")
	default:
		f.cfg.Logger.Warn("revocations from other nodes do not arrive through Redis; reading them from the database every second",
			"component", "redis_feed", "state", "away", "error", err)
	}
}
