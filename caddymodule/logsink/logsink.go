// Package logsink writes the lines of Gatehouse to Caddy's log, without ever waiting for it.
package logsink

import (
	"context"
	"log/slog"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Flush waits until the lines written so far are in the log, for a second at most.
func Flush() { pendingLines.flush(lastLines) }

// Lost counts the lines that were not written since the log took none for too long.
func Lost() prometheus.Counter { return pendingLines.total }

// Present returns a logger for what outlives a configuration: it finds Caddy's present log at every line, since the
// one of the configuration that opened the node is closed with it.
func Present() *slog.Logger { return slog.New(&presentLog{}) }

// Of returns the logger of a configuration. Lines about a request have its uuid.
func Of(ctx caddy.Context) *slog.Logger {
	return slog.New(&requestLog{queuedHandler(ctx.Logger().Core())})
}

// queuedHandler writes to a core of Caddy's without ever waiting for it.
func queuedHandler(core zapcore.Core) slog.Handler {
	return zapslog.NewHandler(queuedCore{core, pendingLines}, zapslog.WithName("gatehouse"), zapslog.AddStacktraceAt(slog.Level(127)))
}

// requestLog puts the uuid of the request that a line is about before everything else that the line says, as Caddy does.
type requestLog struct{ slog.Handler }

// Handle implements slog.Handler.
func (h *requestLog) Handle(ctx context.Context, r slog.Record) error {
	in, err := httpauth.RequestInfoFrom(ctx)
	if err != nil || in.RequestID == "" {
		return h.Handler.Handle(ctx, r)
	}
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	line.AddAttrs(slog.String("uuid", in.RequestID))
	r.Attrs(func(a slog.Attr) bool { line.AddAttrs(a); return true })
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h *requestLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &requestLog{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *requestLog) WithGroup(name string) slog.Handler {
	return &requestLog{h.Handler.WithGroup(name)}
}

type presentLog struct {
	wrap []func(slog.Handler) slog.Handler
}

func (p *presentLog) handler() slog.Handler {
	h := queuedHandler(caddy.Log().Core())
	for _, w := range p.wrap {
		h = w(h)
	}
	return h
}

func (p *presentLog) with(w func(slog.Handler) slog.Handler) slog.Handler {
	return &presentLog{wrap: append(append([]func(slog.Handler) slog.Handler(nil), p.wrap...), w)}
}

func (p *presentLog) Enabled(ctx context.Context, l slog.Level) bool {
	return p.handler().Enabled(ctx, l)
}

func (p *presentLog) Handle(ctx context.Context, r slog.Record) error {
	return p.handler().Handle(ctx, r)
}

func (p *presentLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return p.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (p *presentLog) WithGroup(name string) slog.Handler {
	return p.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}
