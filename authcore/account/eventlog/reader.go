package eventlog

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

// Told is an event that a reader is told of, and the mark with which another goes on after it.
type Told struct {
	Entry
	Mark string
}

// Reader is told of events as they happen. Its methods are for one goroutine.
type Reader struct {
	live   *Live
	filter Filter
	passed *passed
	behind bool            // it has not read yet all that happened before it was opened
	at     cursor.Position // up to where it has
	wake   chan struct{}

	mu     sync.Mutex
	queue  []Entry
	over   chan struct{} // closed when it is told of nothing more
	closed bool
}

// News has a value when Next has something to tell.
func (r *Reader) News() <-chan struct{} { return r.wake }

// Over is closed when the reader was too slow, or Live has been closed: nothing more will be told.
func (r *Reader) Over() <-chan struct{} { return r.over }

// Close gives the place to another.
func (r *Reader) Close() {
	l := r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.readers[r]; !there {
		return
	}
	delete(l.readers, r)
	if len(l.readers) == 0 {
		l.stop()
	}
}

// push hands over events. One for whom too many wait is ended: it comes back with its last mark.
func (r *Reader) push(entries []Entry) {
	r.mu.Lock()
	full := len(r.queue)+len(entries) > queueMax
	if !full {
		r.queue = append(r.queue, entries...)
	}
	r.mu.Unlock()
	if full {
		r.end()
		return
	}
	r.signal()
}

func (r *Reader) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.over)
	}
}

// Next hands what there is to tell to do, which may be nothing, the first first. What do returns ends it. [authcore.Unavailable].
func (r *Reader) Next(ctx context.Context, do func(Told) error) error {
	if r.behind {
		return r.catchUp(ctx, do)
	}
	r.mu.Lock()
	queue := r.queue
	r.queue = nil
	r.mu.Unlock()
	return r.tell(queue, do)
}

// tell hands on those that fit of what was not passed before.
func (r *Reader) tell(entries []Entry, do func(Told) error) error {
	for _, e := range entries {
		if !r.passed.pass(positionOf(e.Event), r.live.now.Now()) || !r.filter.Fits(e.Event) {
			continue
		}
		if err := do(Told{e, r.passed.mark()}); err != nil {
			return err
		}
	}
	return nil
}

// catchUp tells some of what has happened since the mark. What happens meanwhile is in the queue too, and told once.
func (r *Reader) catchUp(ctx context.Context, do func(Told) error) error {
	flow := r.live.flow
	page, err := flow.cfg.Store.Newer(ctx, r.at, livePage)
	if err != nil {
		return fmt.Errorf("find newer events: %w", err)
	}
	ids := make([]uuid.UUID, len(page))
	for i, e := range page {
		ids[i] = e.ID
	}
	entries, err := flow.byID(ctx, ids)
	if err != nil {
		return err
	}
	if err := r.tell(entries, do); err != nil {
		return err
	}
	if len(page) < livePage {
		r.passed.metAll()
		r.behind = false
	} else {
		r.at = page[len(page)-1]
	}
	r.signal()
	return nil
}
