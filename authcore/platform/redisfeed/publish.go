package redisfeed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

const (
	// sendLimit bounds one attempt; nobody waits for it but the messages behind.
	sendLimit = 500 * time.Millisecond
	// probeEvery is how often a node that could not publish tries again.
	probeEvery = 200 * time.Millisecond
	// drainTimeout bounds the sending of what is queued when the node stops.
	drainTimeout = time.Second
	// batch is how many messages travel together.
	batch = 64
)

var errSilent = errors.New("heartbeats do not come back")

// publish sends what is queued, and heartbeats, until ctx ends. It alone numbers messages, and sends
// them one batch after the other, so that they stand in the stream in the order of their numbers.
func (f *Feed) publish(ctx context.Context) {
	sending := context.WithoutCancel(ctx) // what has been taken from the queue goes out
	beats, probes := time.NewTicker(beatEvery), time.NewTicker(probeEvery)
	defer beats.Stop()
	defer probes.Stop()
	f.send(sending, f.heartbeat())
	for {
		select {
		case <-ctx.Done():
			f.flush()
			return
		case m := <-f.queue:
			if f.down {
				f.sender.number++ // the others see that one is missing
				f.cfg.Count(Unsent)
				continue
			}
			f.send(sending, f.take(m)...)
		case <-beats.C:
			f.send(sending, f.heartbeat())
			f.listen()
		case <-probes.C:
			if f.down {
				f.send(sending, f.heartbeat())
			}
		}
	}
}

// flush sends what is still queued, so that a node that is told to stop keeps nothing back, and says that
// it goes.
func (f *Feed) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	for !f.down && ctx.Err() == nil {
		select {
		case m := <-f.queue:
			f.send(ctx, f.take(m)...)
		default:
			if f.cfg.Ending() {
				f.send(ctx, message{node: f.sender.id, last: true})
			}
			return
		}
	}
}

// take adds what else is queued to a batch.
func (f *Feed) take(m message) []message {
	ms := []message{m}
	for len(ms) < batch {
		select {
		case m := <-f.queue:
			ms = append(ms, m)
		default:
			return ms
		}
	}
	return ms
}

func (f *Feed) heartbeat() message { return message{node: f.sender.id, at: f.cfg.Clock()} }

// send tries twice, the second time on another connection, for the first may have been a dead one, or
// in a stream begun anew. What cannot be sent is given up, but its numbers are used up.
func (f *Feed) send(ctx context.Context, ms ...message) {
	f.sender.number += f.lost.Swap(0)
	var beats []uint64
	for i := range ms {
		f.sender.number++
		ms[i].number = f.sender.number
		if len(ms[i].revocations) == 0 {
			beats = append(beats, f.sender.number)
		}
	}
	f.expect(beats)
	err := f.add(ctx, ms)
	again := err != nil && !f.down
	if redislink.Corrupt(err) {
		if failed := f.clear(ctx, err); failed != nil {
			again, err = false, failed
		} else {
			again = true
		}
	}
	if again && ctx.Err() == nil {
		err = f.add(ctx, ms)
	}
	f.down = err != nil
	f.noteBeats(beats, err)
	outcome := Sent
	if err != nil {
		outcome = Unsent
	}
	for range len(ms) - len(beats) {
		f.cfg.Count(outcome)
	}
	if err != nil && ctx.Err() == nil {
		f.setState(Down, err)
	}
}

// add appends messages to the stream.
func (f *Feed) add(ctx context.Context, ms []message) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	key := f.cfg.Key()
	texts := make([][]byte, len(ms))
	for i, m := range ms {
		texts[i] = m.seal(key, f.stream)
	}
	if err := f.cfg.Link.Append(ctx, f.stream, kept, texts...); err != nil {
		return fmt.Errorf("publish revocations: %w", err)
	}
	return nil
}

// expect notes heartbeats before they are sent: one that comes back was on its way since then.
func (f *Feed) expect(beats []uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.cfg.Now()
	maps.DeleteFunc(f.beats, func(_ uint64, b beat) bool { return now.Sub(b.sent) > 2*silence }) // who may write but not read
	for _, n := range beats {
		f.beats[n] = beat{sent: now}
	}
}

// noteBeats notes which heartbeats Redis has taken.
func (f *Feed) noteBeats(beats []uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range beats {
		b, waiting := f.beats[n]
		switch {
		case !waiting: // it came back already
		case err != nil:
			delete(f.beats, n)
		default:
			b.taken = true
			f.beats[n] = b
		}
	}
}

// listen takes the feed for broken when no heartbeat has come back for too long.
func (f *Feed) listen() {
	f.mu.Lock()
	silent := f.cfg.Now().Sub(f.since) > silence
	f.mu.Unlock()
	if silent {
		f.setState(Down, errSilent)
	}
}
