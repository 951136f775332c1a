package revocation_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/revocation"
)

func TestFreshness_EitherSourceConfirms(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := revocation.NewFreshness(c.now)
	if f.Age() < 24*time.Hour {
		t.Errorf("a view that nothing confirmed is %s old", f.Age())
	}
	want := func(age time.Duration) {
		t.Helper()
		if f.Age() != age {
			t.Errorf("the view is %s old, want %s", f.Age(), age)
		}
	}
	f.Database(c.now())
	want(0)
	c.advance(20 * time.Second)
	want(20 * time.Second)
	f.Feed(c.now().Add(-time.Second)) // sent a second ago, and back now
	want(time.Second)
	c.advance(10 * time.Second)
	f.Database(c.now().Add(-15 * time.Second)) // a slow read that began before
	want(11 * time.Second)
	f.Database(c.now())
	want(0)
	c.advance(-time.Hour) // a clock set back makes nothing older
	want(0)
}

func TestFreshness_AfterAGapTheDatabaseDecides(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := revocation.NewFreshness(c.now)
	f.Database(c.now())
	c.advance(10 * time.Second)
	f.Feed(c.now())
	if _, fed := f.FeedAge(); !fed || f.Age() != 0 {
		t.Fatalf("the feed does not confirm: %s", f.Age())
	}
	reading := c.now()
	c.advance(time.Second)
	f.Missed()
	if f.Age() != 11*time.Second {
		t.Errorf("after a gap the view is %s old, want what the database says", f.Age())
	}
	f.Feed(c.now())
	f.Database(reading) // had begun before the gap was noticed
	f.Feed(c.now())
	if _, fed := f.FeedAge(); fed || f.Age() != time.Second {
		t.Errorf("the feed confirms although something is missing; %s old", f.Age())
	}
	f.Database(c.now())
	f.Feed(c.now())
	if _, fed := f.FeedAge(); !fed || f.Age() != 0 {
		t.Errorf("after a read of the database the feed does not confirm; %s old", f.Age())
	}
}

// TestFreshness_SuspendedMachine: the monotonic clock stands still while a machine sleeps; the wall clock tells.
func TestFreshness_SuspendedMachine(t *testing.T) {
	t.Parallel()
	at := time.Now()
	slept := at.Add(time.Hour).Round(0) // a later wall clock, no monotonic reading of it
	now := at
	f := revocation.NewFreshness(func() time.Time { return now })
	f.Database(at)
	now = slept
	if age := f.Age(); age < time.Hour-time.Second {
		t.Errorf("after an hour's sleep the view is %s old", age)
	}
}

func BenchmarkFreshness_Age(b *testing.B) {
	f := revocation.NewFreshness(nil)
	f.Database(time.Now())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if f.Age() > time.Hour {
				b.Error("old")
			}
		}
	})
}
