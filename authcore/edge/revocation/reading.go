package revocation

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Read reads what is new, and confirms the snapshot as of the moment when it began.
//
// A row that was read once is the proof that numbers after its own are new. Where it is not what it was,
// the database has lost what it had, because a standby that lagged took over or a backup was restored,
// and gives numbers a second time: then everything is read again. So it is when the row has been swept,
// long after its end, and little matters that is older.
func (f *Poller) Read(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg.Staleness.runs() // so that what begins now counts, should the process have been paused until now
	at := f.cfg.Now()
	newest, there, err := f.since(ctx, f.settled)
	if err == nil && !there {
		if f.settled.Until.After(f.cfg.Set.now()) {
			f.cfg.Logger.Warn("revocations read earlier are missing from the database: a standby took over without them, or a backup was "+
				"restored; reading all of them again", "component", "revocation_reader", "state", "lost")
		}
		f.settled, f.next, f.nextAt = authcore.Revocation{}, authcore.Revocation{}, time.Time{}
		newest, _, err = f.since(ctx, f.settled)
	}
	if err != nil {
		return err
	}
	if at.Sub(f.nextAt) >= f.cfg.Late {
		f.settled, f.next, f.nextAt = f.next, newest, f.cfg.Now()
	}
	f.readAt = at
	f.cfg.Staleness.Database(at)
	return nil
}

// since applies all that the database has from a row on, and returns the newest, and whether the row itself
// is there as it was.
func (f *Poller) since(ctx context.Context, settled authcore.Revocation) (newest authcore.Revocation, there bool, err error) {
	there = settled.Seq == 0
	_, err = f.cfg.Set.Load(ctx, func(ctx context.Context, after int64, now time.Time) ([]authcore.Revocation, error) {
		rs, err := f.cfg.Source(ctx, after, now)
		for _, r := range rs {
			there = there || same(r, settled)
			if r.Seq > newest.Seq {
				newest = r
			}
		}
		return rs, err
	}, max(settled.Seq-1, 0))
	return newest, there, err
}

func same(a, b authcore.Revocation) bool {
	until := a.Until.Equal(b.Until)
	a.Until, b.Until = time.Time{}, time.Time{}
	return until && a == b
}

// walkEvery is how often a reading of all that the database has begins, a page (some thousand rows) with each
// reading of what is new: whatever was missed, for a reason that nobody has thought of, is missed for little longer
// than that, or where there are a million rows for ten minutes.
const walkEvery = time.Minute

// walk is how far a walk through the rows has come.
type walk struct {
	began time.Time
	last  int64 // number of the last row; 0 between walks
}

// step reads the next page of the walk when one is due.
func (f *Poller) step(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.walk.last == 0 {
		now := f.cfg.Now()
		if now.Sub(f.walk.began) < walkEvery {
			return nil
		}
		f.walk.began = now
	}
	rs, err := f.cfg.Source(ctx, f.walk.last, f.cfg.Set.now())
	if err != nil {
		return err
	}
	f.cfg.Set.Apply(rs...)
	f.walk.last = 0
	if len(rs) > 0 {
		f.walk.last = rs[len(rs)-1].Seq
	}
	return nil
}
