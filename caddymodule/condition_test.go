package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/sqlstore"
)

// TestCondition_OneLineForEachChange: however many calls an outage concerns, the log has one line when it begins and one
// with its length when it is over.
func TestCondition_OneLineForEachChange(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	at := time.Unix(1_700_000_000, 0)
	c := newCondition(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return at })
	read, write := sqlstore.Call{Step: "read"}, sqlstore.Call{Step: "write", Writes: true}
	away := fmt.Errorf("read: %w", authcore.ErrUnavailable)
	readOnly := fmt.Errorf("write: %w", sqlstore.ErrReadOnly)
	for i, step := range []struct {
		after time.Duration
		call  sqlstore.Call
		err   error
		is    databaseState
		lines int
	}{
		{0, read, away, databaseUp, 0}, // one call may be unlucky
		{900 * time.Millisecond, read, nil, databaseUp, 0},
		{0, read, away, databaseUp, 0},
		{900 * time.Millisecond, write, away, databaseUp, 0},
		{time.Second, read, context.Canceled, databaseUp, 0}, // says nothing of the database
		{0, read, away, databaseAway, 1},
		{time.Second, write, away, databaseAway, 1},
		{time.Minute, read, away, databaseAway, 1},
		{time.Second, read, authcore.ErrNotFound, databaseUp, 2},
		{time.Second, write, readOnly, databaseReadOnly, 3},
		{time.Second, write, readOnly, databaseReadOnly, 3},
		{time.Second, read, nil, databaseReadOnly, 3},
		{time.Second, write, errors.New("a fault of ours"), databaseReadOnly, 3},
		{2 * time.Second, write, nil, databaseUp, 4},
		{0, write, nil, databaseUp, 4},
	} {
		at = at.Add(step.after)
		c.told(step.call, step.err)
		is, _ := c.state()
		if lines := strings.Count(log.String(), "\n"); is != step.is || lines != step.lines {
			t.Fatalf("after step %d the database is %s with %d lines, want %s with %d:\n%s", i, is, lines, step.is, step.lines, &log)
		}
	}
	for _, want := range []string{"level=WARN", "component=database state=away", "was=away outage=1m2s", "state=read_only", "was=read_only outage=5s"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, &log)
		}
	}
}
