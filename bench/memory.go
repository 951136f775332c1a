package main

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
)

// cacheCap is the default cap of the cache of verified tokens.
const cacheCap = 128 << 20

// memory measures by how much the live heap of a fresh gateway grows for as many tokens as fit into its cache, and for far more.
func (b *bench) memory(ctx context.Context) error {
	say("memory of %d and of %d distinct tokens", b.few, b.many)
	t, err := ours(ctx, b)
	if err != nil {
		return err
	}
	// What connections and buffers take is there before the first look.
	if err := b.warm(ctx, t); err != nil {
		return err
	}
	m := &report.Memory{FewTokens: b.few, ManyTokens: b.many, CapBytes: cacheCap}
	if m.Before, err = b.rig.LiveHeap(ctx, t.proxy); err != nil {
		return err
	}
	for _, step := range []struct {
		from, to int
		grown    *uint64
	}{{0, b.few, &m.FewBytes}, {b.few, b.many, &m.ManyBytes}} {
		if err := b.twice(ctx, t.proxy, b.stock.bearers[step.from:step.to]); err != nil {
			return err
		}
		heap, err := b.rig.LiveHeap(ctx, t.proxy)
		if err != nil {
			return err
		}
		*step.grown = heap - min(heap, m.Before)
	}
	m.PerSession = float64(m.FewBytes) / float64(m.FewTokens)
	resident, err := t.proxy.Memory()
	if err != nil {
		return err
	}
	m.Resident = resident.Resident
	b.report.Memory = m
	return b.rig.Stop(t.proxy)
}
