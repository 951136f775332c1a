package redisfeed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

const (
	// blockFor is how long Redis holds a read back while there is nothing to read. It also bounds how
	// long a reload waits for the reader.
	blockFor = 250 * time.Millisecond
	// readLimit bounds a read beyond that.
	readLimit = time.Second
	// page is how many entries are read at once. They come whole: what is too large together does not come at all.
	page = 64
	// rest is the time between attempts to reach a Redis that is away.
	rest = 100 * time.Millisecond
	// mostStuck is how many readings may take too long at one place while Redis answers.
	mostStuck = 2
)

// read applies what other nodes publish until ctx ends.
func (f *Feed) read(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.find(ctx)
		for err == nil && ctx.Err() == nil {
			err = f.receive(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		f.setState(Down, err)
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// find makes sure that nothing can be missing between what was read last and what is read next. The
// entry that was read last is still there: trimming takes the oldest, so all that came after it is
// there too. If it is not, reading goes on at the end of the stream and the database fills the gap.
func (f *Feed) find(ctx context.Context) error {
	if f.stuck >= mostStuck {
		// Redis answers, and what stands there does not get through: whoever can write to Redis may have put
		// something very large there.
		f.place, f.stuck = "", 0
	}
	if f.place != "" {
		found, err := f.holds(ctx)
		if err != nil {
			return fmt.Errorf("find the place in the stream of revocations: %w", err)
		}
		if found {
			return nil
		}
	}
	began := f.cfg.Now()
	last, err := f.last(ctx)
	if err != nil {
		return fmt.Errorf("find the end of the stream of revocations: %w", err)
	}
	f.place, f.floor = cmp.Or(last, "0-0"), began
	f.missed()
	return nil
}

// holds reports whether the entry that was read last is still there.
func (f *Feed) holds(ctx context.Context) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	found, err := f.cfg.Link.Holds(limited, f.stream, f.place)
	switch {
	case redislink.Oversized(err):
		f.stuck = mostStuck
	case tookTooLong(limited, err):
		// Where Redis answers nothing at all, the place is kept: what comes after it is read when it is back.
		if _, silent := f.last(ctx); silent == nil {
			f.stuck++
		}
	}
	return found, err
}

// tookTooLong reports whether an error is that ctx ended; a connection's deadline is the same, and may be noticed first.
func tookTooLong(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded))
}

// last returns the id of the last entry.
func (f *Feed) last(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return f.cfg.Link.Last(ctx, f.stream)
}

// receive reads once. Redis answers as soon as there is an entry.
func (f *Feed) receive(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, blockFor+readLimit)
	defer cancel()
	began := f.cfg.Now()
	entries, err := f.cfg.Link.Read(limited, f.stream, f.place, page, blockFor)
	if err != nil {
		if redislink.Oversized(err) {
			f.stuck = mostStuck
		} else if tookTooLong(limited, err) {
			f.stuck++
		}
		return fmt.Errorf("read the stream of revocations: %w", err)
	}
	f.stuck = 0
	for _, entry := range entries {
		f.handle(entry.Text)
		f.place = entry.ID
	}
	if len(entries) < page {
		f.floor = began // that was the end of the stream
	}
	if f.overdue() {
		// Redis takes our messages, but they do not stand behind our place: ids have gone backwards,
		// as they do in a new stream on a server whose clock is behind.
		f.place = ""
		return errSilent
	}
	return nil
}

// handle does what an entry says.
func (f *Feed) handle(entry []byte) {
	m, err := open(f.cfg.Key(), f.stream, entry)
	if err != nil {
		f.cfg.Count(Rejected)
		return
	}
	f.follow(m)
	switch {
	case m.node == f.sender.id:
		f.returned(m.number)
	case len(m.revocations) == 0:
		f.confirm()
	default:
		f.cfg.Snapshot.Apply(m.revocations...)
		f.cfg.Count(Received)
		f.cfg.Lag(max(f.cfg.Clock().Sub(m.at), 0))
	}
}

func (f *Feed) missed() {
	f.cfg.Count(Gap)
	f.cfg.Snapshot.ReportGap()
}

// returned takes a heartbeat of this node: all that stood before it in the stream has been read. Only one that is on
// its way counts: nobody can confirm anything by sending an old one again.
func (f *Feed) returned(number uint64) {
	f.mu.Lock()
	b, waiting := f.beats[number]
	if waiting {
		for n := range f.beats {
			if n <= number {
				delete(f.beats, n)
			}
		}
		f.since = f.cfg.Now()
	}
	f.mu.Unlock()
	if waiting {
		if b.sent.Sub(f.own) > silence {
			f.again = b.sent
		}
		f.own = b.sent
		f.mourn()
		f.confirm()
		f.setState(Up, nil)
	}
}

// overdue reports whether a heartbeat that Redis took should have come back long ago.
func (f *Feed) overdue() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.beats {
		if b.taken && f.cfg.Now().Sub(b.sent) > silence-beatEvery {
			clear(f.beats)
			return true
		}
	}
	return false
}
