package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

const (
	// MaxReaders is how many readers follow the events on a node at once.
	MaxReaders = 30
	pollEvery  = 400 * time.Millisecond
	livePage   = 500  // how many events are read at once
	queueMax   = 5000 // how many events wait for a reader that is slow
)

// Live tells readers of events as they happen, on whatever node. While there are readers it asks the database, once for all of them. It is
// safe for concurrent use.
type Live struct {
	flow *Flow
	now  authcore.Clock

	mu      sync.Mutex
	readers map[*Reader]struct{}
	passed  *passed // by the polling; of use while there are readers
	stop    context.CancelFunc
	closed  bool
}

// NewLive checks what it is made of; all of it is required.
func NewLive(flow *Flow, now authcore.Clock) (*Live, error) {
	if flow == nil || now == nil {
		return nil, errors.New("eventlog: flow and clock are required")
	}
	return &Live{flow: flow, now: now, readers: map[*Reader]struct{}{}}, nil
}

// Readers returns how many there are.
func (l *Live) Readers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.readers)
}

// Open returns a reader of the events that fit. It begins with what happens from now on or, given the mark of an event that a reader was told
// of, or the id of an event, with what that reader had not been told yet: each event once. The caller closes it. Refusals:
// [authcore.InvalidRequest] for a mark that is none; [authcore.LimitReached] where there are [MaxReaders]; [authcore.Unavailable], also when Live is
// closed.
func (l *Live) Open(ctx context.Context, filter Filter, mark string) (*Reader, error) {
	was, err := l.flow.passedBy(ctx, mark)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, fmt.Errorf("this configuration ends: %w", authcore.ErrUnavailable)
	case len(l.readers) >= MaxReaders:
		return nil, authcore.Refuse(authcore.LimitReached, fmt.Sprintf("This node has %d readers of events, which are as many as it takes. Close one, or list events.", MaxReaders))
	}
	if len(l.readers) == 0 {
		if l.passed, err = l.flow.present(ctx); err != nil {
			return nil, err
		}
		var polling context.Context
		polling, l.stop = context.WithCancel(context.WithoutCancel(ctx))
		go l.poll(polling, l.passed)
	}
	r := &Reader{live: l, filter: filter, passed: was, behind: was != nil, wake: make(chan struct{}, 1), over: make(chan struct{})}
	if was == nil {
		r.passed = l.passed.clone()
	} else {
		r.at = was.after()
		r.signal()
	}
	l.readers[r] = struct{}{}
	return r, nil
}

// Close ends every reader, and those that are still to come.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for r := range l.readers {
		r.end()
	}
}

// poll asks for news until ctx ends. p is written by it alone, under the lock.
func (l *Live) poll(ctx context.Context, p *passed) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = l.look(ctx, p) // the next look finds what this one has not; whoever watches the database tells of it
		}
	}
}

// look hands what is new to the readers.
func (l *Live) look(ctx context.Context, p *passed) error {
	var fresh []uuid.UUID
	err := l.flow.eachAfter(ctx, p.after(), func(page []cursor.Position) error {
		for _, e := range page {
			if !p.has(e) {
				fresh = append(fresh, e.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(fresh, livePage) {
		entries, err := l.flow.byID(ctx, ids)
		if err != nil {
			return err // none of them is passed: they are read again
		}
		l.mu.Lock()
		if ctx.Err() == nil { // or else another polls, for other readers
			for _, e := range entries {
				p.pass(positionOf(e.Event), l.now.Now())
			}
			for r := range l.readers {
				r.push(entries)
			}
		}
		l.mu.Unlock()
	}
	return nil
}

// passedBy returns what a mark stands for; nil for none.
func (f *Flow) passedBy(ctx context.Context, mark string) (*passed, error) {
	if mark == "" {
		return nil, nil
	}
	id, err := uuid.Parse(mark)
	if err != nil {
		return passedOf(mark)
	}
	found, err := f.cfg.Store.EventsByID(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, fmt.Errorf("find event: %w", err)
	}
	if len(found) == 0 {
		return nil, errNoMark()
	}
	last := positionOf(found[0])
	p := newPassed(last.At.Add(-time.Microsecond))
	return p, f.eachAfter(ctx, p.after(), func(page []cursor.Position) error {
		for _, e := range page { // of one instant those up to it
			if e.At.After(last.At) || slices.Compare(e.ID[:], last.ID[:]) > 0 {
				return errEnough
			}
			p.pass(e, last.At)
		}
		return nil
	})
}

var errEnough = errors.New("no more is asked for")

// present is through with everything that is visible now.
func (f *Flow) present(ctx context.Context) (*passed, error) {
	newest, err := f.cfg.Store.Newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("find newest event: %w", err)
	}
	p := newPassed(newest.At.Add(-lateness))
	if newest.IsZero() {
		p = newPassed(time.UnixMicro(0))
	}
	return p, f.eachAfter(ctx, p.after(), func(page []cursor.Position) error {
		for _, e := range page {
			p.pass(e, newest.At)
		}
		return nil
	})
}

// eachAfter hands the events after a position to do, in pages, the first first.
func (f *Flow) eachAfter(ctx context.Context, after cursor.Position, do func([]cursor.Position) error) error {
	for {
		page, err := f.cfg.Store.Newer(ctx, after, livePage)
		if err != nil {
			return fmt.Errorf("find newer events: %w", err)
		}
		if err := do(page); errors.Is(err, errEnough) {
			return nil
		} else if err != nil || len(page) < livePage {
			return err
		}
		after = page[len(page)-1]
	}
}

// byID reads events, the first first, and what accounts are called.
func (f *Flow) byID(ctx context.Context, ids []uuid.UUID) ([]Entry, error) {
	events, err := f.cfg.Store.EventsByID(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	slices.SortFunc(events, func(a, b authcore.Event) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return f.label(ctx, events)
}
