package sqldb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testlog"
)

// TestHealth_OneLineForEachChange: however many calls an outage concerns, the log has one line when it begins and one
// with its length when it is over. Calls that fail while others are answered have one line a minute.
func TestHealth_OneLineForEachChange(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	at := time.Unix(1_700_000_000, 0)
	c := NewHealth(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return at })
	read, write := Call{Step: "read"}, Call{Step: "write", Writes: true}
	away := fmt.Errorf("read: %w", authcore.ErrUnavailable)
	readOnly := fmt.Errorf("write: %w", ErrReadOnly)
	for i, step := range []struct {
		after time.Duration
		call  Call
		err   error
		is    State
		lines int
	}{
		{0, read, away, Up, 0}, // one call may be unlucky
		{0, write, away, Up, 0},
		{900 * time.Millisecond, read, nil, Up, 1},
		{0, read, away, Up, 1},
		{0, read, nil, Up, 1},
		{0, read, away, Up, 1},
		{900 * time.Millisecond, write, away, Up, 1},
		{time.Second, read, context.Canceled, Up, 1}, // says nothing of the database
		{0, read, away, Away, 2},
		{time.Second, write, away, Away, 2},
		{time.Minute, read, away, Away, 2},
		{time.Second, read, authcore.ErrNotFound, Up, 3},
		{time.Second, write, readOnly, ReadOnly, 4},
		{time.Second, write, readOnly, ReadOnly, 4},
		{time.Second, read, nil, ReadOnly, 4},
		{time.Second, write, errors.New("a fault of ours"), ReadOnly, 4},
		{2 * time.Second, write, nil, Up, 5},
		{0, write, nil, Up, 5},
		{time.Minute, read, away, Up, 5},
		{0, read, nil, Up, 6},
	} {
		at = at.Add(step.after)
		c.Record(step.call, step.err)
		c.write()
		is, _ := c.State()
		if lines := strings.Count(log.String(), "\n"); is != step.is || lines != step.lines {
			t.Fatalf("after step %d the database is %s with %d lines, want %s with %d:\n%s", i, is, lines, step.is, step.lines, &log)
		}
	}
	for _, want := range []string{"level=WARN", "state=late error=\"read: store unavailable\" calls=2", "calls=1", "component=database state=away", "was=away outage=1m2s", "state=read_only", "was=read_only outage=5s"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, &log)
		}
	}
}

// TestHealth_StuckLog: calls of the database do not wait for a log that is stuck, and its lines come in their order when it
// is not any more. Were there too many of them meanwhile, the last ones are there.
func TestHealth_StuckLog(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]int{"some": 20, "too many": 3 * mostUnsaid} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := testlog.NewStuck()
				c := NewHealth(slog.New(log), time.Now)
				ctx, cancel := context.WithCancel(t.Context())
				var telling sync.WaitGroup
				telling.Go(func() { c.Run(ctx) })
				write := Call{Step: "write", Writes: true}
				for i := range changes {
					if i%2 == 0 {
						c.Record(write, ErrReadOnly)
					} else {
						c.Record(write, nil)
					}
					synctest.Wait() // whoever writes is stuck in the log by now
				}
				cancel()
				last := ""
				for i := range min(changes, mostUnsaid+1) { // one of them is being written
					line := log.Line(t)
					if line == last && (i != 1 || name == "some") { // what is left out stands before line 1
						t.Fatalf("line %d is the one before again: %s", i, line)
					}
					last = line
				}
				if !strings.Contains(last, "works again") {
					t.Errorf("the last line is %q", last)
				}
				telling.Wait() // there are no more
			})
		})
	}
}
