package main

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/proc"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

// starts measures how long the binary takes from its start until readyz says 200, with no database yet and with one, and what
// it holds in memory then.
func (b *bench) starts(ctx context.Context) error {
	say("%d starts of either kind", b.rounds)
	result := &report.Starts{}
	var first, again, resident, added, anonymous []float64
	for range b.rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		bare, err := b.bareMemory()
		if err != nil {
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
		result.Bare = append(result.Bare, bare)
		added = append(added, mebibytes(memory.Resident)-mebibytes(bare.Resident))
		anonymous = append(anonymous, mebibytes(memory.Anonymous)-mebibytes(bare.Anonymous))
		first = append(first, took)
		result.Memory = append(result.Memory, memory)
		resident = append(resident, mebibytes(memory.Resident))
		if took, s, err = b.start(b.stock.data); err != nil {
			return err
		}
		if err := b.rig.Stop(s); err != nil {
			return err
		}
		again = append(again, took)
	}
	result.FirstMillis, result.AgainMillis, result.ResidentMiB = figures.Of(first), figures.Of(again), figures.Of(resident)
	result.AddedMiB, result.AddedAnonymousMiB = figures.Of(added), figures.Of(anonymous)
	b.report.Starts = result
	return nil
}

func mebibytes(n uint64) float64 { return float64(n) / (1 << 20) }

// bareMemory returns what bare Caddy holds once it serves.
func (b *bench) bareMemory() (m proc.Memory, err error) {
	s, err := b.rig.Bare()
	if err != nil {
		return m, err
	}
	if m, err = s.Memory(); err != nil {
		return m, err
	}
	return m, b.rig.Stop(s)
}

// start starts a gateway on a copy of a data folder and returns how many milliseconds it took.
func (b *bench) start(data string) (millis float64, s *rig.Server, err error) {
	if s, err = b.rig.Prepared(data); err != nil {
		return 0, nil, err
	}
	took, err := b.rig.StartTime(s)
	return float64(took.Microseconds()) / 1e3, s, err
}
