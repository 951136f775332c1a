package redisfeed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

const (
	// field is the one field of an entry.
	field = "m"
	// blockFor is how long Redis holds a read back while there is nothing to read. It also bounds how
	// long a reload waits for the reader.
	blockFor = 250 * time.Millisecond
	// readLimit bounds a read beyond that.
	readLimit = time.Second
	// page is how many entries are read at once. Whatever whoever can write to Redis has put there comes
	// whole, before its size can be looked at.
	page = 64
	// rest is the time between attempts to reach a Redis that is away.
	rest = 100 * time.Millisecond
	// knownPeers bounds the senders that are remembered; each start of a node is a new one.
	knownPeers = 1000
)

// read applies what other nodes publish until ctx ends.
func (f *Feed) read(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.find(ctx)
		for err == nil && ctx.Err() == nil {
			err = f.receive(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		f.become(Down, err)
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// find makes sure that nothing can be missing between what was read last and what is read next. The
// entry that was read last is still there: trimming takes the oldest, so all that came after it is
// there too. If it is not, reading goes on at the end of the stream and the database fills the gap.
func (f *Feed) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if f.place != "" {
		found, err := f.cfg.Link.XRangeN(ctx, f.stream, f.place, f.place, 1).Result()
		if err != nil {
			return fmt.Errorf("find the place in the stream of revocations: %w", err)
		}
		if len(found) == 1 {
			return nil
		}
	}
	last, err := f.cfg.Link.XRevRangeN(ctx, f.stream, "+", "-", 1).Result()
	if err != nil {
		return fmt.Errorf("find the end of the stream of revocations: %w", err)
	}
	f.place = "0-0"
	if len(last) == 1 {
		f.place = last[0].ID
	}
	f.missed()
	return nil
}

// receive reads once. Redis answers as soon as there is an entry.
func (f *Feed) receive(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, blockFor+readLimit)
	defer cancel()
	streams, err := f.cfg.Link.XRead(limited, &redis.XReadArgs{
		Streams: []string{f.stream, f.place}, Count: page, Block: blockFor,
	}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("read the stream of revocations: %w", err)
	}
	for _, s := range streams {
		for _, entry := range s.Messages {
			text, _ := entry.Values[field].(string)
			f.handle([]byte(text))
			f.place = entry.ID
		}
	}
	if f.overdue() {
		// Redis takes our messages, but they do not stand behind our place: ids have gone backwards,
		// as they do in a new stream on a server whose clock is behind.
		f.place = ""
		return errSilent
	}
	return nil
}

// handle does what an entry says.
func (f *Feed) handle(entry []byte) {
	m, err := open(f.cfg.Key(), f.stream, entry)
	if err != nil {
		f.cfg.Count(Rejected)
		return
	}
	f.follow(m.node, m.number)
	if m.node == f.id {
		f.returned(m.number)
		return
	}
	if len(m.revocations) == 0 {
		return
	}
	f.cfg.View.Apply(m.revocations...)
	f.cfg.Count(Received)
	f.cfg.Lag(max(f.cfg.Now().Sub(m.at), 0))
}

// follow notices that messages of a sender are missing. One that comes twice or late changes
// nothing: it was applied, or the gap it left was noticed.
//
// A sender that is first heard of in the middle leaves a gap too. What it said before may stand before
// our place in the stream, and then the database has been read since; or it could not reach Redis when
// it started, and revoked something after that reading. Nothing here tells which, and a look into the
// database is cheap: one for each start of a node.
func (f *Feed) follow(node uuid.UUID, number uint64) {
	last := f.peers[node]
	if number <= last {
		return
	}
	if last == 0 && len(f.peers) >= knownPeers {
		clear(f.peers)
	}
	f.peers[node] = number
	if number != last+1 {
		f.missed()
	}
}

func (f *Feed) missed() {
	f.cfg.Count(Gap)
	f.cfg.View.Missed()
}

// returned confirms the view as of when a heartbeat of this node was sent, for all that stood before
// it in the stream has been read. Only one that is on its way counts: nobody can confirm anything by
// sending an old one again.
func (f *Feed) returned(number uint64) {
	f.mu.Lock()
	b, waiting := f.beats[number]
	if waiting {
		for n := range f.beats {
			if n <= number {
				delete(f.beats, n)
			}
		}
		f.since = f.cfg.Now()
	}
	f.mu.Unlock()
	if waiting {
		f.cfg.View.Confirm(b.sent)
		f.become(Up, nil)
	}
}

// overdue reports whether a heartbeat that Redis took should have come back long ago.
func (f *Feed) overdue() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.beats {
		if b.taken && f.cfg.Now().Sub(b.sent) > silence-beatEvery {
			clear(f.beats)
			return true
		}
	}
	return false
}
