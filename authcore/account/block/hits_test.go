package block_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// counting is a store that counts what it is given.
type counting struct {
	block.Store
	hits   int64
	events int
}

func (c *counting) RecordHits(_ context.Context, hits []block.Hits, fx authcore.Effects) error {
	for _, h := range hits {
		c.hits += h.Count
	}
	c.events += len(fx.Events)
	return nil
}

// TestD10_BlockHits: of one address at most one event a second tells, and of addresses without number no more than fit; every hit is counted.
func TestD10_BlockHits(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, rules(rule(t, block.IP, "0.0.0.0/0", block.SignUp)))
	flushed := func() (hits int64, events int) {
		t.Helper()
		c := &counting{}
		if err := e.Blocks.Flush(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return c.hits, c.events
	}
	flood := func(n int, addr func(i int) netip.Addr) {
		for i := range n {
			c := testflow.Client()
			c.Addr = addr(i)
			_ = e.Blocks.MaySignUp(block.Subject{Client: c})
		}
	}
	one := func(int) netip.Addr { return netip.MustParseAddr("203.0.113.7") }
	for second := range 3 {
		for range 4 { // however often it is written
			flood(250, one)
			e.Clock.Advance(time.Second / 4)
		}
		if hits, events := flushed(); hits != 1000 || events != 1 {
			t.Errorf("second %d: %d hits, %d events, want 1000 and 1", second, hits, events)
		}
	}
	e.Clock.Advance(time.Second)
	flushed()
	flood(12_000, func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) })
	if hits, events := flushed(); hits != 12_000 || events != 10_000 {
		t.Errorf("%d hits, %d events, want 12000 and 10000", hits, events)
	}
}
