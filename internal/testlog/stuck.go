// Package testlog is a log for tests that a test reads line by line.
package testlog

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"
)

// Stuck is a log whose lines are taken by nobody until somebody reads them.
type Stuck struct {
	slog.Handler
	lines chan string
}

// NewStuck returns one with no lines.
func NewStuck() Stuck {
	return Stuck{slog.NewTextHandler(io.Discard, nil), make(chan string)}
}

// Line takes the message of the next line. It waits for a minute, by the clock of the bubble (testing/synctest) that it is called in.
func (l Stuck) Line(t testing.TB) string {
	t.Helper()
	select {
	case line := <-l.lines:
		return line
	case <-time.After(time.Minute):
		t.Fatal("there is no line")
		return ""
	}
}

// WithAttrs implements slog.Handler.
func (l Stuck) WithAttrs(attrs []slog.Attr) slog.Handler {
	return Stuck{l.Handler.WithAttrs(attrs), l.lines}
}

// Handle implements slog.Handler. It returns once somebody has read the line.
func (l Stuck) Handle(_ context.Context, r slog.Record) error {
	l.lines <- r.Message
	return nil
}
