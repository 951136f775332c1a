package stats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// WorkerStore is what the Worker reads and writes.
type WorkerStore interface {
	// LastFigures returns the last hour that has figures; zero where none has.
	LastFigures(ctx context.Context) (time.Time, error)
	// CountEvents returns how many events of the kinds each hour from the given one on has. The beginning of an hour is a multiple of an hour
	// since 1970.
	CountEvents(ctx context.Context, kinds []authcore.EventKind, from time.Time) ([]Count, error)
	// CountSessions returns how many sessions can be refreshed at now; a sign-in with sessions on further hosts is one.
	CountSessions(ctx context.Context, now time.Time) (int64, error)
	// SaveFigures writes figures; one that is there already is replaced.
	SaveFigures(ctx context.Context, all []Figure) error
	// Lease gives what is named to the caller until then, and reports whether it was free at now: to one of several that ask at once.
	Lease(ctx context.Context, name string, now, until time.Time) (bool, error)

	OutboxDepth(context.Context) (waiting int, oldest time.Time, err error)
	SMSDepth(context.Context) (waiting int, oldest time.Time, err error)
}

// Worker writes the figures of each hour. It counts an hour over again until the next has begun and been counted once, so that a node
// that is killed leaves nothing out, and nothing is counted twice. Of several nodes one works at a time.
type Worker struct {
	store WorkerStore
	now   authcore.Clock

	sessionsAt time.Time // when they were last counted
	sessions   int64
}

// NewWorker returns a Worker. It belongs to one goroutine.
func NewWorker(store WorkerStore, now authcore.Clock) *Worker { return &Worker{store: store, now: now} }

const (
	lease    = "stats"
	every    = time.Minute
	backfill = 7 * 24 * time.Hour // what is counted of the time before the first figures
	// Sessions are found by reading all of them: of a million that takes a second.
	sessionsEvery = 5 * time.Minute
	// patience is by how much longer than it worked the worker rests: under a flood of events counting them must not add to it.
	patience = 20
)

// Run counts until ctx ends.
func (w *Worker) Run(ctx context.Context, logger *slog.Logger) {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-rest.C:
		}
		began := time.Now()
		if _, err := w.Count(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
			logger.Error("could not count what happened in the last hour; will retry", "error", err)
		}
		rest.Reset(max(every, patience*time.Since(began)))
	}
}

// Count writes the figures of the hours since the last that has some, and reports whether it was this worker's turn.
func (w *Worker) Count(ctx context.Context) (worked bool, err error) {
	now := w.now()
	// A little less than the pause, so that the node that worked last, and knows how many sessions there are, goes on.
	if worked, err = w.store.Lease(ctx, lease, now, now.Add(every-every/20)); err != nil || !worked {
		return false, err
	}
	last, err := w.store.LastFigures(ctx)
	if err != nil {
		return false, fmt.Errorf("find last figures: %w", err)
	}
	from := last
	if last.IsZero() {
		from = hourOf(now.Add(-backfill))
	}
	counts, err := w.store.CountEvents(ctx, countedKinds, from)
	if err != nil {
		return false, fmt.Errorf("count events: %w", err)
	}
	this := hourOf(now)
	if last.IsZero() {
		from = this
		for _, c := range counts {
			if c.Hour.Before(from) {
				from = c.Hour
			}
		}
	}
	all := figures(counts, from, this)
	present, err := w.present(ctx, now)
	if err != nil {
		return false, err
	}
	if err := w.store.SaveFigures(ctx, append(all, present...)); err != nil {
		return false, fmt.Errorf("save figures: %w", err)
	}
	return true, nil
}

// present returns the figures of this moment.
func (w *Worker) present(ctx context.Context, now time.Time) ([]Figure, error) {
	mails, _, err := w.store.OutboxDepth(ctx)
	if err != nil {
		return nil, fmt.Errorf("count waiting mails: %w", err)
	}
	texts, _, err := w.store.SMSDepth(ctx)
	if err != nil {
		return nil, fmt.Errorf("count waiting SMS: %w", err)
	}
	if hourOf(w.sessionsAt) != hourOf(now) || now.Sub(w.sessionsAt) >= sessionsEvery {
		if w.sessions, err = w.store.CountSessions(ctx, now); err != nil {
			return nil, fmt.Errorf("count sessions: %w", err)
		}
		w.sessionsAt = now
	}
	hour := hourOf(now)
	return []Figure{{Hour: hour, Name: MailQueue, N: int64(mails + texts)}, {Hour: hour, Name: SessionsActive, N: w.sessions}}, nil
}

// hourOf returns the beginning of the hour.
func hourOf(at time.Time) time.Time { return at.UTC().Truncate(time.Hour) }
