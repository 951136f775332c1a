package nodeclock

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// clockOf returns a node's clock on a machine whose clock the test moves, and which hears of the server's what the test says.
func clockOf(log *bytes.Buffer) (c *Clock, pass func(time.Duration), look func(shown, travel time.Duration) error) {
	begin := time.Now()
	at := begin
	c = New(slog.New(slog.NewTextHandler(log, nil)))
	c.machine = func() time.Time { return at }
	pass = func(d time.Duration) { at = at.Add(d) }
	look = func(shown, travel time.Duration) error {
		return c.Look(context.Background(), func(context.Context) (time.Time, bool, error) {
			pass(travel)
			return begin.Add(shown).Round(0), true, nil
		})
	}
	return c, pass, look
}

// A look moves the time no further than the way to the server and back leaves it open.
func TestNodeClock_Corrected(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, row := range map[string]struct{ ahead, travel, want time.Duration }{
		"it fits":                {40 * ms, 100 * ms, 0},
		"at once":                {0, 0, 0},
		"just":                   {100 * ms, 100 * ms, 0},
		"ahead":                  {6 * time.Minute, 100 * ms, 6*time.Minute - 100*ms},
		"behind":                 {-time.Minute, 100 * ms, -time.Minute},
		"ahead by a little":      {130 * ms, 100 * ms, 30 * ms},
		"slow, and thus nothing": {30 * time.Second, time.Minute, 0},
	} {
		c, pass, look := clockOf(&bytes.Buffer{})
		begin := c.machine()
		if time.Until(c.Now()).Abs() > time.Minute || c.Skew() != 0 || c.Compared() {
			t.Errorf("%s: before the first look it is not the machine's clock", name)
		}
		for _, passed := range []time.Duration{0, time.Hour} { // the first look, and one an hour later
			pass(passed)
			if err := look(c.machine().Sub(begin)+row.ahead, row.travel); err != nil {
				t.Fatal(err)
			}
			if got := c.Now().Round(0).Sub(c.machine().Round(0)); got != row.want || c.Skew() != -row.want {
				t.Errorf("%s: ahead of the machine's clock by %s and by the metric by %s, want %s", name, got, -c.Skew(), row.want)
			}
		}
		before := c.Now()
		if err := c.Look(t.Context(), func(context.Context) (time.Time, bool, error) {
			return time.Time{}, false, errors.New("gone")
		}); err == nil || c.Now() != before {
			t.Errorf("%s: without an answer (%v) it is %s, want %s", name, err, c.Now(), before)
		}
	}
}

// Each change of state is told once, and a clock on a bound does not change with each look.
func TestNodeClock_Tells(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c, _, look := clockOf(&log)
	for i, row := range []struct {
		ahead time.Duration
		state string // that is told, "" for none
		wrong bool
	}{
		{0, "", false},
		{10 * time.Second, "", false},
		{11 * time.Second, "off", false},
		{9500 * time.Millisecond, "", false},
		{60 * time.Second, "", false},
		{-61 * time.Second, "wrong", true},
		{6 * time.Minute, "", true},
		{55 * time.Second, "", true},
		{53 * time.Second, "off", false},
		{8 * time.Second, "right", false},
		{time.Hour, "wrong", true},
		{0, "right", false},
	} {
		if err := look(row.ahead, 0); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			c.Tell()
		}
		lines := strings.Count(log.String(), "component=clock")
		if c.Wrong() != row.wrong || (row.state == "") != (lines == 0) || lines > 1 || !strings.Contains(log.String(), "state="+row.state) && lines > 0 {
			t.Errorf("%d, %s ahead: wrong %t, and the log says %q", i, row.ahead, c.Wrong(), log.String())
		}
		log.Reset()
	}
}
