package stats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Store is what the flow reads.
type Store interface {
	// OutboxDepth returns how many mails wait to be sent, and since when the oldest does.
	OutboxDepth(context.Context) (waiting int, oldest time.Time, err error)
	// SMSDepth is OutboxDepth for SMS.
	SMSDepth(context.Context) (waiting int, oldest time.Time, err error)
	// Figures returns the figures of the hours that begin at from or later, and before to. Their order is not defined.
	Figures(ctx context.Context, from, to time.Time) ([]Figure, error)
	// Nodes returns the row of every node, as it wrote it. Their order is not defined.
	Nodes(ctx context.Context) ([]Node, error)
}

// Config is what a Flow needs; all of it is required.
type Config struct {
	Store Store
	Now   authcore.Clock
}

// Flow reads figures. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Now == nil {
		return nil, errors.New("stats: store and clock are required")
	}
	return &Flow{cfg}, nil
}

// Queue is what waits to be sent. Since is when the oldest of it was written; zero where nothing waits.
type Queue struct {
	Mails, SMS int
	Since      time.Time
}

// Queue returns what waits to be sent. Refusal: [authcore.Unavailable].
func (f *Flow) Queue(ctx context.Context) (q Queue, err error) {
	mails, mailSince, err := f.cfg.Store.OutboxDepth(ctx)
	if err != nil {
		return q, fmt.Errorf("count waiting mails: %w", err)
	}
	texts, textSince, err := f.cfg.Store.SMSDepth(ctx)
	if err != nil {
		return q, fmt.Errorf("count waiting SMS: %w", err)
	}
	q = Queue{Mails: mails, SMS: texts}
	if mails > 0 {
		q.Since = mailSince
	}
	if texts > 0 && (q.Since.IsZero() || textSince.Before(q.Since)) {
		q.Since = textSince
	}
	return q, nil
}

// The hours that are shown.
const (
	// DefaultSpan is what is shown where nobody says from when.
	DefaultSpan = 24 * time.Hour
	maxDays     = 366
)

// Series returns what has happened in each hour, from the hour that from lies in to the last one that begins before to. A zero to is now; a
// zero from is [DefaultSpan] before to. Refusals: [authcore.InvalidFields] for a span that is empty or longer than a year; [authcore.Unavailable].
func (f *Flow) Series(ctx context.Context, from, to time.Time) ([]Series, error) {
	if to.IsZero() {
		to = f.cfg.Now().Add(time.Microsecond) // the hour that begins at this moment is there
	}
	if from.IsZero() {
		from = to.Add(-DefaultSpan)
	}
	switch {
	case !from.Before(to):
		return nil, authcore.RefuseField("from", authcore.SpanEmpty)
	case to.Sub(from) > maxDays*24*time.Hour:
		return nil, authcore.RefuseValue("from", authcore.FieldError{Rule: authcore.SpanTooLong, Params: authcore.Params{N: maxDays}})
	}
	all, err := f.cfg.Store.Figures(ctx, hourOf(from), to)
	if err != nil {
		return nil, fmt.Errorf("read figures: %w", err)
	}
	return series(all), nil
}
