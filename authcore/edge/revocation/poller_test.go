package revocation_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
)

// rows is a database's revocations, in which numbers are given before rows show.
type rows struct {
	mu    sync.Mutex
	shown []authcore.Revocation
	reads int
	down  error
	slow  time.Duration // how long the next page takes
}

func (r *rows) source(_ context.Context, after int64, now time.Time) (page []authcore.Revocation, _ error) {
	r.mu.Lock()
	slow := r.slow
	r.slow = 0
	r.mu.Unlock()
	time.Sleep(slow)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return nil, r.down
	}
	var newest int64
	for _, row := range r.shown {
		newest = max(newest, row.Seq)
	}
	for _, row := range r.shown {
		if row.Seq > after && (row.Until.After(now) || row.Seq == after+1 || row.Seq == newest) {
			page = append(page, row)
		}
	}
	slices.SortFunc(page, func(a, b authcore.Revocation) int { return cmp.Compare(a.Seq, b.Seq) })
	if len(page) == 0 { // the last page of each read
		r.reads++
	}
	return page, nil
}

func (r *rows) commit(seq int64) uuid.UUID {
	r.mu.Lock()
	defer r.mu.Unlock()
	row := authcore.Revocation{Seq: seq, SessionID: uuid.New(), Until: time.Now().Add(24 * time.Hour)}
	r.shown = append(r.shown, row)
	return row.SessionID
}

func (r *rows) fail(down error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// count returns how many reads there were since the last call.
func (r *rows) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, r.reads = r.reads, 0
	return n
}

type followed struct {
	*rows
	set  *revocation.Set
	age  *revocation.Staleness
	f    *revocation.Poller
	logs *bytes.Buffer
}

// newFollowed makes a poller that has read nothing.
func newFollowed(t *testing.T) *followed {
	t.Helper()
	return followOver(t, revocation.NewStaleness(nil), time.Now)
}

func followOver(t *testing.T, age *revocation.Staleness, now func() time.Time) *followed {
	t.Helper()
	x := &followed{rows: new(rows), set: revocation.NewSet(nil), age: age, logs: new(bytes.Buffer)}
	var err error
	x.f, err = revocation.NewPoller(revocation.PollerConfig{Set: x.set, Source: x.source, Late: 10 * time.Second, Staleness: x.age, Now: now,
		Logger: slog.New(slog.NewTextHandler(x.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// follow runs a poller on the clock of a synctest bubble.
func follow(t *testing.T) *followed {
	t.Helper()
	x := newFollowed(t)
	if err := x.f.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go x.f.Run(ctx)
	t.Cleanup(cancel)
	return x
}

func (x *followed) heeds(session uuid.UUID) bool {
	return x.set.Check(session, uuid.Nil, 0, 0) == authcore.Revoked
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestFollower_ReadsEverySecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := follow(t)
		session := x.commit(1)
		after(1100 * time.Millisecond)
		if !x.heeds(session) || x.age.Age() > time.Second {
			t.Errorf("after a second: heeded %t, snapshot %s old", x.heeds(session), x.age.Age())
		}
		x.count()
		after(10 * time.Second)
		if n := x.count(); n != 10 {
			t.Errorf("%d reads in ten seconds", n)
		}
	})
}

// TestFollower_RowsCommittedLate: a transaction takes its number first and shows its row up to ten seconds later, when
// higher numbers have long been read.
func TestFollower_RowsCommittedLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := follow(t)
		var number int64
		for range 60 {
			taken := number + 1
			for range 9 { // others commit meanwhile
				number += 10
				x.commit(number)
				after(time.Second)
			}
			late := x.commit(taken)
			after(1100 * time.Millisecond)
			if !x.heeds(late) {
				t.Fatalf("row %d, shown nine seconds late, was never read", taken)
			}
		}
	})
}

// TestFollower_RowsCommittedLateInALongReading: a million rows take a while, and numbers that are taken meanwhile may show ten
// seconds after that.
func TestFollower_RowsCommittedLateInALongReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newFollowed(t)
		x.slow = 8 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			if err := x.f.Read(ctx); err != nil {
				t.Error(err)
			}
			x.f.Run(ctx)
		}()
		after(7900 * time.Millisecond)
		x.commit(100) // 99 is taken
		after(9500 * time.Millisecond)
		late := x.commit(99)
		after(1200 * time.Millisecond)
		if !x.heeds(late) {
			t.Error("a row shown ten seconds late was never read")
		}
	})
}

func TestFollower_ReadsLessWhileFed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := follow(t)
		x.count()
		for range 30 {
			x.age.Feed(time.Now())
			after(time.Second)
		}
		if n := x.count(); n < 9 || n > 11 {
			t.Errorf("%d reads in 30 seconds while the feed confirms", n)
		}
		after(12 * time.Second) // the feed is silent
		if n := x.count(); n < 9 {
			t.Errorf("%d reads in 12 seconds without the feed", n)
		}
	})
}

func TestFollower_LooksWhenAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := follow(t)
		after(300 * time.Millisecond)
		session := x.commit(1)
		x.f.Look()
		synctest.Wait()
		if !x.heeds(session) {
			t.Error("asked to look, it did not")
		}
		x.count()
		for range 500 {
			x.f.Look()
			after(time.Millisecond)
		}
		if n := x.count(); n > 7 {
			t.Errorf("%d reads in half a second of asking", n)
		}
		last := x.commit(2)
		x.f.Look()
		after(200 * time.Millisecond)
		if !x.heeds(last) {
			t.Error("the last request to look was dropped")
		}
	})
}

// TestFollower_TellsOnceOfAnOutage: two lines for one that concerns only this; none for a database that is away, which
// tells of itself.
func TestFollower_TellsOnceOfAnOutage(t *testing.T) {
	t.Parallel()
	for lines, fault := range map[int]error{2: errors.New("no such column"), 0: authcore.ErrUnavailable} {
		tellsOfAnOutage(t, fault, lines)
	}
}

func tellsOfAnOutage(t *testing.T, fault error, lines int) {
	synctest.Test(t, func(t *testing.T) {
		x := follow(t)
		after(2 * time.Second)
		x.fail(fault)
		after(20 * time.Second)
		if x.age.Age() < 19*time.Second {
			t.Errorf("without a source the snapshot is %s old", x.age.Age())
		}
		x.fail(nil)
		after(2 * time.Second)
		if x.age.Age() > time.Second {
			t.Errorf("afterwards the snapshot is %s old", x.age.Age())
		}
		if got := strings.Count(x.logs.String(), "level="); got != lines {
			t.Errorf("%d lines for %v:\n%s", got, fault, x.logs)
		}
	})
}
