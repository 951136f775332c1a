package revocation_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
)

func TestStaleness_EitherSourceConfirms(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := revocation.NewStaleness(c.now)
	if f.Age() < 24*time.Hour {
		t.Errorf("a snapshot that nothing confirmed is %s old", f.Age())
	}
	want := func(age time.Duration) {
		t.Helper()
		if f.Age() != age {
			t.Errorf("the snapshot is %s old, want %s", f.Age(), age)
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

func TestStaleness_AfterAGapTheDatabaseDecides(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := revocation.NewStaleness(c.now)
	f.Database(c.now())
	c.advance(10 * time.Second)
	f.Feed(c.now())
	if _, fed := f.FeedAge(); !fed || f.Age() != 0 {
		t.Fatalf("the feed does not confirm: %s", f.Age())
	}
	reading := c.now()
	c.advance(time.Second)
	f.ReportGap()
	if f.Age() != 11*time.Second {
		t.Errorf("after a gap the snapshot is %s old, want what the database says", f.Age())
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

// TestStaleness_SuspendedMachine: the monotonic clock stands still while a machine sleeps, and the wall clock may be set
// back; whichever has moved more tells.
func TestStaleness_SuspendedMachine(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for name, c := range map[string]struct {
		now  time.Time
		want time.Duration
	}{
		"asleep":                   {wallMoved(t, at, time.Hour), time.Hour},
		"asleep, then awake":       {wallMoved(t, at.Add(time.Minute), time.Hour), time.Hour + time.Minute},
		"set back":                 {wallMoved(t, at.Add(time.Minute), -time.Hour), time.Minute},
		"no monotonic clock there": {at.Add(time.Hour).Round(0), time.Hour},
	} {
		now := at
		f := revocation.NewStaleness(func() time.Time { return now })
		f.Database(at)
		now = c.now
		if age := f.Age(); age != c.want {
			t.Errorf("%s: the snapshot is %s old, want %s", name, age, c.want)
		}
	}
}

// wallMoved returns at with another wall clock, by whole seconds, and the same monotonic one, as no function of package
// time does: in a Time that has both, the seconds lie above 30 bits of nanoseconds.
func wallMoved(t *testing.T, at time.Time, by time.Duration) time.Time {
	t.Helper()
	moved := at
	*(*uint64)(unsafe.Pointer(&moved)) += uint64(int64(by/time.Second) << 30)
	if moved.Sub(at) != 0 || moved.UnixNano()-at.UnixNano() != int64(by) {
		t.Fatalf("%s is not %s with the wall clock moved by %s", moved, at, by)
	}
	return moved
}

func BenchmarkStaleness_Age(b *testing.B) {
	f := revocation.NewStaleness(nil)
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
