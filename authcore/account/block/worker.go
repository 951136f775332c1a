package block

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	// readEvery is how often the database is asked whether a rule has changed on another node: it holds here within a second.
	readEvery = 300 * time.Millisecond
	// writeEvery is how often hits are written.
	writeEvery = time.Second
	// maxWritten is how many events, and how many hits, one transaction writes.
	maxWritten = 500
)

// Run writes hits until ctx ends, and what is left then. Where there are other nodes it reads what they change. What cannot be written is told
// to log, and lost: the events of a flood are not worth waiting for.
func (b *Blocks) Run(ctx context.Context, store Store, others bool, log *slog.Logger) {
	write := time.NewTicker(writeEvery)
	defer write.Stop()
	read := time.NewTicker(readEvery)
	defer read.Stop()
	if !others {
		read.Stop()
	}
	failing := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeEvery)
			defer cancel()
			tell(b.Flush(last, store), log)
			return
		case <-write.C:
			tell(b.Flush(ctx, store), log)
		case <-read.C:
			err := b.Read(ctx, store)
			if err != nil && !failing && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
				log.Error("could not read block rules; those known here stay in force", "component", "blocks", "state", "failing", "error", err)
			}
			if err == nil && failing {
				log.Info("block rules can be read again", "component", "blocks", "state", "up")
			}
			failing = err != nil && !errors.Is(err, authcore.ErrUnavailable)
		}
	}
}

// Flush writes the hits that have been collected. What it could not write is lost.
func (b *Blocks) Flush(ctx context.Context, store Store) error {
	hits, events := b.hits.take(b.cfg.Now.Now())
	for len(hits) > 0 || len(events) > 0 {
		h, e := min(len(hits), maxWritten), min(len(events), maxWritten)
		if err := store.RecordHits(ctx, hits[:h], authcore.Effects{Events: events[:e]}); err != nil {
			return err
		}
		hits, events = hits[h:], events[e:]
	}
	return nil
}

func tell(err error, log *slog.Logger) {
	if err != nil && !errors.Is(err, authcore.ErrUnavailable) { // a database that is away tells of itself
		log.Error("could not write hits of block rules", "error", err)
	}
}
