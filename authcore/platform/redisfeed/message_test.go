package redisfeed_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

// FuzzOpen: nothing is read but what was sealed under the key for this stream, and that says the same when it is sealed
// again. Under a good MAC too, exactly what is well-formed is read, and nothing of anything else.
func FuzzOpen(f *testing.F) {
	const stream, head, item, most = "test:revocations", 35, 56, 100
	at := time.UnixMicro(1_795_000_000_123_456)
	one := authcore.Revocation{SessionID: uuid.New(), AccountID: uuid.New(), Epoch: 7, RolesVersion: -3, Until: at.Add(time.Hour)}
	good := redisfeed.Seal(clusterKey, stream, uuid.New(), 9, at, one, one)
	body := good[:len(good)-32]
	for _, seed := range []struct {
		body []byte
		ok   bool
	}{
		{body, true},
		{body[:head], false}, // says that there are two
		{append(slices.Clone(body[:head-1]), 0), true},
		{body[:len(body)-1], false}, {append(slices.Clone(body), 0), false}, {nil, false}, {body[:head-1], false},
		{append([]byte{2}, body[1:]...), false}, // another version
		{good, false},
		{full(good, most), true}, {full(good, most+1), false},
	} {
		mac := clusterKey.MAC([]byte(stream), seed.body)
		if _, _, ok := redisfeed.Reseal(clusterKey, stream, slices.Concat(seed.body, mac[:])); ok != seed.ok {
			f.Fatalf("%x: %v", seed.body, ok)
		}
		f.Add(seed.body)
	}
	f.Add(good)
	stranger := mustKey("x")
	f.Fuzz(func(t *testing.T, body []byte) {
		if again, n, ok := redisfeed.Reseal(clusterKey, stream, body); n != 0 && !ok || ok && !bytes.Equal(again, body) {
			t.Fatalf("%x without the key: %v, %d revocations, again %x", body, ok, n, again)
		}
		mac := clusterKey.MAC([]byte(stream), body)
		entry := slices.Concat(body, mac[:])
		count := 0
		if len(body) >= head {
			count = int(body[head-2])<<8 | int(body[head-1])
		}
		want := len(body) >= head && body[0] == 1 && count <= most && len(body) == head+count*item
		again, n, ok := redisfeed.Reseal(clusterKey, stream, entry)
		if ok != want || ok && (n != count || !bytes.Equal(again, entry)) || !ok && n != 0 {
			t.Fatalf("%x: %v, want %v; %d revocations, again %x", entry, ok, want, n, again)
		}
		bent := slices.Clone(entry)
		bent[len(body)/2] ^= 1
		for what, entry := range map[string][]byte{"cut": entry[:len(entry)-1], "longer": append(slices.Clone(entry), 0), "bent": bent} {
			if _, _, ok := redisfeed.Reseal(clusterKey, stream, entry); ok {
				t.Fatalf("%s: %x is read", what, entry)
			}
		}
		if _, _, ok := redisfeed.Reseal(clusterKey, stream+"2", entry); ok {
			t.Fatalf("%x is read in another stream", entry)
		}
		if _, _, ok := redisfeed.Reseal(stranger, stream, entry); ok {
			t.Fatalf("%x is read under another key", entry)
		}
	})
}

// full is the body of a message with n revocations.
func full(good []byte, n int) []byte {
	body := append(slices.Clone(good[:33]), byte(n>>8), byte(n))
	return append(body, bytes.Repeat([]byte{1}, n*56)...)
}

// TestFollow_WhatIsMissingIsAGap: after every number that is missing the feed confirms nothing until the database has been
// read, after none else. A sender that is first heard of in the middle may have said something that never arrived.
func TestFollow_WhatIsMissingIsAGap(t *testing.T) {
	t.Parallel()
	link, err := redislink.New(redislink.Config{Addrs: []string{"127.0.0.1:1"}, Prefix: "test:"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = link.Close() })
	n := makeNode(t, link, clusterKey, nothing)
	first, second := uuid.New(), uuid.New()
	for _, step := range []struct {
		node   uuid.UUID
		number uint64
		gap    bool
	}{
		{first, 1, false}, {first, 2, false}, {first, 4, true}, {first, 3, false}, {first, 4, false}, {first, 5, false},
		{second, 3, true}, {second, 4, false}, {first, 6, false}, {second, 2, false}, {second, 1000, true},
	} {
		n.staleness.Database(time.Now())
		n.staleness.Feed(time.Now())
		gaps := n.counts[redisfeed.Gap].Load()
		n.feed.Handle(redisfeed.Seal(clusterKey, link.Key(redisfeed.Stream), step.node, step.number, common()))
		if got := n.counts[redisfeed.Gap].Load() - gaps; got != 0 != step.gap {
			t.Errorf("message %d of the first %v: %d gaps", step.number, step.node == first, got)
		}
		if _, fed := n.staleness.FeedAge(); fed == step.gap {
			t.Errorf("message %d of the first %v: the feed confirms the snapshot: %v", step.number, step.node == first, fed)
		}
	}
}
