package revocation_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// lose takes the rows from a number on out of the database, which gives their numbers again.
func (r *rows) lose(from int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = slices.DeleteFunc(r.shown, func(row authcore.Revocation) bool { return row.Seq >= from })
}

// ends lets a row end in so long.
func (r *rows) ends(seq int64, in time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.shown {
		if r.shown[i].Seq == seq {
			r.shown[i].Until = time.Now().Add(in)
		}
	}
}

// TestFollower_NumbersGoBack: a standby that lagged has taken over, or a backup was restored: rows are gone, and others
// come under their numbers, or under higher ones too before this node looks again.
func TestFollower_NumbersGoBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lost    int64 // from here on
		away    bool  // the node reads nothing meanwhile
		numbers []int64
		rest    time.Duration // between what was read last and the loss
		quiet   bool          // what was lost stood behind where reading begins, so that nothing is noticed, and nothing missed
	}{
		"all of them":                     {lost: 1, numbers: []int64{1, 2}, rest: time.Minute},
		"some, and read at once":          {lost: 15, numbers: []int64{15, 16, 17}, rest: time.Minute},
		"the numbers have passed by":      {lost: 10, numbers: numbers(10, 40), away: true, rest: time.Minute},
		"just before the last is settled": {lost: 18, numbers: []int64{18, 19}, rest: 3 * time.Second, quiet: true},
		"the sequence ran ahead":          {lost: 10, numbers: []int64{43, 44}, rest: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := follow(t)
				for _, n := range numbers(1, 17) {
					x.commit(n)
				}
				after(30 * time.Second)
				for _, n := range numbers(18, 20) {
					x.commit(n)
				}
				after(c.rest)
				x.goesBack(t, c.lost, c.numbers, c.away)
				if n := strings.Count(x.logs.String(), "a standby took over"); n != 1 && !c.quiet {
					t.Errorf("told of %d times:\n%s", n, x.logs)
				}
			})
		})
	}
}

func numbers(from, to int64) (ns []int64) {
	for ; from <= to; from++ {
		ns = append(ns, from)
	}
	return ns
}

func (x *followed) goesBack(t *testing.T, lost int64, numbers []int64, away bool) {
	t.Helper()
	if away {
		x.fail(authcore.ErrUnavailable)
		after(2 * time.Second)
	}
	x.lose(lost)
	var fresh []uuid.UUID
	for i, n := range numbers {
		if i == len(numbers)-1 && !away {
			after(25 * time.Second) // long after the others
		}
		fresh = append(fresh, x.commit(n))
		if !away {
			after(1100 * time.Millisecond)
			if !x.heeds(fresh[i]) {
				t.Errorf("row %d, a second after it was committed, is not heeded", n)
			}
		}
	}
	x.fail(nil)
	after(1100 * time.Millisecond)
	for i, session := range fresh {
		if !x.heeds(session) {
			t.Errorf("row %d is not heeded", numbers[i])
		}
	}
	x.count()
	after(10 * time.Second)
	if n := x.count(); n > 11 { // one for the end of a walk
		t.Errorf("%d reads in ten seconds afterwards", n)
	}
}

// TestFollower_EndedRows: rows that have ended, and later are swept, are no loss.
func TestFollower_EndedRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := follow(t)
		for _, n := range numbers(1, 4) {
			x.commit(n)
		}
		after(30 * time.Second)
		x.commit(5)
		x.ends(5, 5*time.Second)
		after(20 * time.Second)
		for _, n := range numbers(1, 4) {
			x.ends(n, 0)
		}
		after(30 * time.Second)
		session := x.commit(6)
		after(1100 * time.Millisecond)
		if !x.heeds(session) {
			t.Error("a row after those that have ended is not heeded")
		}
		x.ends(6, 0)
		after(30 * time.Second)
		x.lose(1) // the sweep
		after(30 * time.Second)
		session = x.commit(7)
		after(1100 * time.Millisecond)
		if !x.heeds(session) {
			t.Error("a row after the sweep is not heeded")
		}
		if x.logs.Len() != 0 {
			t.Errorf("told of something:\n%s", x.logs)
		}
	})
}

// TestFollower_WalksThroughAll: what stands where no reading of what is new looks, for whatever reason, is found in the end.
func TestFollower_WalksThroughAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := follow(t)
		x.commit(100)
		after(45 * time.Second)
		session := x.commit(3)
		after(62 * time.Second)
		if !x.heeds(session) {
			t.Error("never found")
		}
	})
}
