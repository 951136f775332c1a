package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

// Store is what the flow reads.
type Store interface {
	// FindEvents returns events that fit, the latest first. It goes along an index by one filter, and tests the others on at most q.Test rows;
	// where there are more, tested is the last of those, and the zero position where there are none.
	FindEvents(ctx context.Context, q Query) (events []authcore.Event, tested cursor.Position, err error)
	// CountFitting returns how many FindEvents would return without a limit.
	CountFitting(ctx context.Context, q Query) (n int64, tested cursor.Position, err error)
	// Newest returns the position of the latest event; zero for none.
	Newest(ctx context.Context) (cursor.Position, error)
	// Newer returns the positions of events after another, the first first.
	Newer(ctx context.Context, after cursor.Position, limit int) ([]cursor.Position, error)
	// EventsByID returns those of the events that there are. Their order is not defined.
	EventsByID(ctx context.Context, ids []uuid.UUID) ([]authcore.Event, error)
	// Labels returns what those of the accounts are called now that there are: their address, or else a name.
	Labels(ctx context.Context, accounts []uuid.UUID) (map[uuid.UUID]string, error)
}

// Query asks a Store for events.
type Query struct {
	Filter
	Older cursor.Position // those before it; zero: from the latest on
	Limit int
	Test  int // how many rows are tested at most
}

const (
	testedRows  = 10_000
	countedRows = 100_000 // of one statement that counts
	exportPage  = 500
	exportMax   = 1_000_000
)

// Config is what a Flow needs; all of it is required.
type Config struct {
	Store   Store
	Cursors *cursor.Signer
}

// Flow reads events. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Cursors == nil {
		return nil, errors.New("eventlog: store and cursors are required")
	}
	return &Flow{cfg}, nil
}

// Entry is an event, and what the accounts that it names are called now; "" for one that there is no more.
type Entry struct {
	authcore.Event
	Account, Actor string
}

// List is one page, the latest event first.
type List struct {
	Entries []Entry
	Next    string // the cursor of the next page; "" at the end
}

// List returns a page of at most limit events (0: [cursor.DefaultLimit]), read for an account: a cursor is good for it alone. A page may
// have fewer, or none, and there is a next all the same: so many events were looked at. Refusals: [authcore.InvalidRequest] for a limit or
// cursor that is none; [authcore.Unavailable].
func (f *Flow) List(ctx context.Context, reader uuid.UUID, filter Filter, limit int, from string) (l List, err error) {
	limit = cmp.Or(limit, cursor.DefaultLimit)
	if err := cursor.CheckLimit(limit); err != nil {
		return l, err
	}
	q := Query{Filter: filter, Limit: limit + 1, Test: testedRows}
	if q.Older, err = f.cfg.Cursors.Read(cursor.AllEvents, reader, from); err != nil {
		return l, err
	}
	events, tested, err := f.cfg.Store.FindEvents(ctx, q)
	if err != nil {
		return l, fmt.Errorf("find events: %w", err)
	}
	if len(events) > limit {
		events = events[:limit]
		tested = positionOf(events[limit-1])
	}
	if !tested.IsZero() {
		l.Next = f.cfg.Cursors.Sign(cursor.AllEvents, reader, tested)
	}
	l.Entries, err = f.label(ctx, events)
	return l, err
}

func positionOf(e authcore.Event) cursor.Position { return cursor.Position{At: e.At, ID: e.ID} }

// Labels returns what the accounts are called now; there is none for one that is gone. [authcore.Unavailable].
func (f *Flow) Labels(ctx context.Context, ids ...uuid.UUID) (map[uuid.UUID]string, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id uuid.UUID) bool { return id == uuid.Nil })
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	if ids = slices.Compact(ids); len(ids) == 0 {
		return nil, nil
	}
	labels, err := f.cfg.Store.Labels(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("find names of accounts: %w", err)
	}
	return labels, nil
}

// label looks up what accounts are called.
func (f *Flow) label(ctx context.Context, events []authcore.Event) ([]Entry, error) {
	var ids []uuid.UUID
	for _, e := range events {
		ids = append(ids, e.AccountID, ActorOf(e))
	}
	labels, err := f.Labels(ctx, ids...)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(events))
	for i, e := range events {
		entries[i] = Entry{e, labels[e.AccountID], labels[ActorOf(e)]}
	}
	return entries, nil
}

// CheckExport refuses a filter that more events fit than a file takes: [authcore.InvalidFields]; [authcore.Unavailable].
func (f *Flow) CheckExport(ctx context.Context, filter Filter) error {
	for total, q := int64(0), (Query{Filter: filter, Test: countedRows}); ; {
		n, tested, err := f.cfg.Store.CountFitting(ctx, q)
		if err != nil {
			return fmt.Errorf("count events: %w", err)
		}
		if total += n; total > exportMax {
			return authcore.RefuseValue("from", authcore.FieldError{Rule: authcore.TooManyRows, Params: authcore.Params{N: exportMax}})
		}
		if tested.IsZero() {
			return nil
		}
		q.Older = tested
	}
}

// Export hands every event that fits to write, the latest first. It holds a few hundred at a time. What write returns ends it.
func (f *Flow) Export(ctx context.Context, filter Filter, write func(Entry) error) error {
	for q := (Query{Filter: filter, Limit: exportPage, Test: testedRows}); ; {
		events, tested, err := f.cfg.Store.FindEvents(ctx, q)
		if err != nil {
			return fmt.Errorf("find events: %w", err)
		}
		entries, err := f.label(ctx, events)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := write(e); err != nil {
				return err
			}
		}
		switch {
		case len(events) == exportPage:
			q.Older = positionOf(events[len(events)-1])
		case tested.IsZero():
			return nil
		default:
			q.Older = tested
		}
	}
}
