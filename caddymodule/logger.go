package caddymodule

import (
	"context"
	"log/slog"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap/exp/zapslog"
)

// nodeLogger returns a logger for what outlives a configuration: it finds Caddy's present log at every line, since the
// one of the configuration that opened the node is closed with it.
func nodeLogger() *slog.Logger { return slog.New(&presentLog{}) }

type presentLog struct {
	wrap []func(slog.Handler) slog.Handler
}

func (p *presentLog) handler() slog.Handler {
	var h slog.Handler = zapslog.NewHandler(caddy.Log().Core(), zapslog.WithName("gatehouse"))
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
