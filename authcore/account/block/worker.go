package block

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Recorder writes what the worker has collected.
type Recorder interface {
	// Record writes events that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
}

// writeEvery is how often hits are written.
const writeEvery = time.Second

// Run writes hits until ctx ends, and what is left then. What cannot be written is told to log, and lost: the events of a flood are not
// worth waiting for.
func (b *Blocks) Run(ctx context.Context, store Recorder, log *slog.Logger) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeEvery)
			defer cancel()
			b.write(last, store, log)
			return
		case <-tick.C:
			b.write(ctx, store, log)
		}
	}
}

func (b *Blocks) write(ctx context.Context, store Recorder, log *slog.Logger) {
	events := b.hits.take(b.cfg.Now.Now())
	for len(events) > 0 {
		n := min(len(events), maxWritten)
		err := store.Record(ctx, authcore.Effects{Events: events[:n]})
		if err != nil && !errors.Is(err, authcore.ErrUnavailable) {
			log.Error("could not write hits of block rules", "error", err, "events", len(events))
		}
		if err != nil {
			return
		}
		events = events[n:]
	}
}

// maxWritten is how many events one statement writes.
const maxWritten = 500
