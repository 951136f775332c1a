package redisfeed

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Handle does what an entry of the stream says, as if it had been read.
func (f *Feed) Handle(entry []byte) { f.handle(entry) }

// Take handles an entry at a moment, when the stream has just been empty; the clock of all nodes is ahead.
func (f *Feed) Take(entry []byte, at time.Time, ahead time.Duration) {
	f.cfg.Now = func() time.Time { return at }
	f.cfg.Clock = func() time.Time { return at.Add(ahead) }
	f.floor = at
	f.handle(entry)
}

// Receive reads once, behind a place where the stream was empty at a moment before.
func (f *Feed) Receive(ctx context.Context, place string, floor time.Time) error {
	if place != "" {
		f.place, f.floor = place, floor
	}
	return f.receive(ctx)
}

// Find comes back to a place.
func (f *Feed) Find(ctx context.Context, place string) error {
	if place != "" {
		f.place = place
	}
	return f.find(ctx)
}

// Clear begins a corrupt stream anew at a moment.
func (f *Feed) Clear(ctx context.Context, at time.Time) error {
	f.cfg.Now = func() time.Time { return at }
	return f.clear(ctx, errSilent)
}

// Beat takes back a heartbeat of the feed's own, sent at a moment.
func (f *Feed) Beat(at time.Time) {
	f.sender.number++
	f.beats[f.sender.number] = beat{sent: at, taken: true}
	f.Take(message{node: f.sender.id, number: f.sender.number, at: at}.seal(f.cfg.Key(), f.stream), at, 0)
}

// Confirmed confirms as if an own heartbeat had come back that was sent just now.
func (f *Feed) Confirmed() {
	f.own = time.Now()
	f.confirm()
}

// Expect notes a heartbeat that is sent at a moment.
func (f *Feed) Expect(at time.Time) {
	f.cfg.Now = func() time.Time { return at }
	f.sender.number++
	f.expect([]uint64{f.sender.number})
}

// InTurn is inTurn.
func (s *Sender) InTurn(ctx context.Context, speak func(context.Context)) { s.inTurn(ctx, speak) }

// Beats returns how many heartbeats are thought to be on their way.
func (f *Feed) Beats() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.beats)
}

// Peers returns how many senders are remembered, this one left out.
func (f *Feed) Peers() int { return len(f.peers) - 1 }

// Goodbye writes out a node's last message.
func Goodbye(key secret.MACKey, stream string, node uuid.UUID, number uint64) []byte {
	return message{node: node, number: number, last: true}.seal(key, stream)
}

// Seal writes out a message of a node.
func Seal(key secret.MACKey, stream string, node uuid.UUID, number uint64, at time.Time, rs ...authcore.Revocation) []byte {
	return message{node: node, number: number, at: at, revocations: rs}.seal(key, stream)
}

// Said is when a message was handed in, by the clock of all nodes; zero for none.
func Said(key secret.MACKey, stream string, entry []byte) time.Time {
	m, err := open(key, stream, entry)
	if err != nil {
		return time.Time{}
	}
	return m.at
}

// Reseal opens an entry and writes out what it says.
func Reseal(key secret.MACKey, stream string, entry []byte) (again []byte, revocations int, ok bool) {
	m, err := open(key, stream, entry)
	if err != nil {
		return nil, len(m.revocations), false
	}
	return m.seal(key, stream), len(m.revocations), true
}
