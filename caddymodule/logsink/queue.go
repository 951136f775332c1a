package logsink

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// mostLines is how many lines wait for a log that takes none; each is some hundred bytes.
	mostLines = 4096
	// lastLines bounds how long the end of a configuration waits for its lines.
	lastLines = time.Second
)

// pendingLines is what is on its way to Caddy's log. Caddy writes while the caller waits, and a pipe that nobody reads, or
// a peer that takes nothing, takes nothing for ever: whoever signs in with a wrong password would wait with it, and so
// would the worker that reads revocations. So one goroutine waits for all, and what it has no room for is counted.
var pendingLines = newLineQueue(mostLines)

// lineQueue writes lines in the order they come. It is safe for concurrent use.
type lineQueue struct {
	lines chan pendingLine
	begin sync.Once
	lost  atomic.Int64 // since it was last told
	total prometheus.Counter
}

type pendingLine struct {
	core   zapcore.Core
	entry  zapcore.Entry
	fields []zapcore.Field
	done   chan<- struct{} // for one that only waits for those before it
}

func newLineQueue(most int) *lineQueue {
	return &lineQueue{lines: make(chan pendingLine, most), total: prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "gatehouse", Name: "log_lines_lost_total", Help: "Log lines that were dropped because the log blocked for too long.",
	})}
}

func (q *lineQueue) add(l pendingLine) {
	q.begin.Do(func() { go q.write() })
	select {
	case q.lines <- l:
	default:
		q.lost.Add(1)
		q.total.Inc()
	}
}

func (q *lineQueue) write() {
	var last pendingLine
	for l := range q.lines {
		if l.core != nil {
			last = l
			put(l.core, l.entry, l.fields...)
		}
		if len(q.lines) == 0 && last.core != nil { // what is lost came after those that were waiting
			q.reportDropped(last)
		}
		if l.done != nil {
			close(l.done)
		}
	}
}

func put(core zapcore.Core, e zapcore.Entry, fields ...zapcore.Field) {
	if checked := core.Check(e, nil); checked != nil {
		checked.Write(fields...)
	}
}

// reportDropped says in the log of the last line how many were lost after it.
func (q *lineQueue) reportDropped(last pendingLine) {
	if n := q.lost.Swap(0); n > 0 {
		put(last.core, zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), LoggerName: last.entry.LoggerName,
			Message: "the log took no lines for a while; some are lost"}, zap.Int64("lines", n))
	}
}

// flush waits until what was added before is written, for no longer than limit.
func (q *lineQueue) flush(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	done := make(chan struct{})
	q.begin.Do(func() { go q.write() })
	select {
	case q.lines <- pendingLine{done: done}:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// queuedCore hands what a core is to write to a queue. Whether it writes an entry at all the core decides then.
type queuedCore struct {
	zapcore.Core
	queue *lineQueue
}

// With implements zapcore.Core.
func (c queuedCore) With(fields []zapcore.Field) zapcore.Core {
	return queuedCore{c.Core.With(fields), c.queue}
}

// Check implements zapcore.Core.
func (c queuedCore) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

// Write implements zapcore.Core.
func (c queuedCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.queue.add(pendingLine{core: c.Core, entry: e, fields: slices.Clone(fields)})
	return nil
}

// Sync implements zapcore.Core.
func (c queuedCore) Sync() error { return nil }
