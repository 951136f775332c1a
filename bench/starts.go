package main

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

// starts measures how long the binary takes from its start until readyz says 200, with no database yet and with one, and what
// it holds in memory then.
func (b *bench) starts(ctx context.Context) error {
	say("%d starts of either kind", b.rounds)
	result := &report.Starts{}
	var first, again, resident []float64
	for range b.rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		took, s, err := b.start("")
		if err != nil {
			return err
		}
		memory, err := s.Memory()
		if err != nil {
			return err
		}
		if err := b.rig.Stop(s); err != nil {
			return err
		}
		first = append(first, took)
		result.Memory = append(result.Memory, memory)
		resident = append(resident, float64(memory.Resident)/(1<<20))
		if took, s, err = b.start(b.stock.data); err != nil {
			return err
		}
		if err := b.rig.Stop(s); err != nil {
			return err
		}
		again = append(again, took)
	}
	result.FirstMillis, result.AgainMillis, result.ResidentMiB = figures.Of(first), figures.Of(again), figures.Of(resident)
	b.report.Starts = result
	return nil
}

// start starts a gateway on a copy of a data folder and returns how many milliseconds it took.
func (b *bench) start(data string) (millis float64, s *rig.Server, err error) {
	if s, err = b.rig.Prepared(data); err != nil {
		return 0, nil, err
	}
	took, err := b.rig.StartTime(s)
	return float64(took.Microseconds()) / 1e3, s, err
}
