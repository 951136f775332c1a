package caddymodule

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
)

// spanOutcome is the one attribute of our spans: how the step ended. Nothing of who asked for it is in a span.
const spanOutcome = attribute.Key("gatehouse.outcome")

// span begins a span for a step where the request is traced, which Caddy's `tracing` directive decides, and costs next to
// nothing where it is not. The provider is that of the request's own span, since Caddy registers none globally.
func span(ctx context.Context, step string) (within context.Context, done func(error)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return authcore.NoTrace(ctx, step)
	}
	within, s := parent.TracerProvider().Tracer(module).Start(ctx, step)
	return within, func(err error) {
		outcome := outcomeOf(err)
		s.SetAttributes(spanOutcome.String(outcome))
		if outcome == string(authcore.Internal) || outcome == string(authcore.Unavailable) {
			s.SetStatus(codes.Error, "") // a refusal is an answer; what it says beyond its code may be about people
		}
		s.End()
	}
}

// traceOf makes a span of each step and tells count how it ended.
func traceOf(count func(error)) authcore.Trace {
	return func(ctx context.Context, step string) (context.Context, func(error)) {
		within, done := span(ctx, step)
		return within, func(err error) {
			count(err)
			done(err)
		}
	}
}

// Outcomes of steps that are no refusals: what a store or the hasher says to who asked it.
const (
	outcomeNotFound  = "not_found"
	outcomeConflict  = "conflict"
	outcomeWrongCode = "wrong_code"
	outcomeCanceled  = "canceled"
	outcomePending   = "pending"  // a sign-in waits for its second step, or for what it lacks
	outcomeDeclined  = "declined" // at the provider
)

// outcomeOf names how a step ended, by a word from a closed set.
func outcomeOf(err error) string {
	var taken *authcore.TakenError
	switch {
	case err == nil:
		return outcomeSuccess
	case errors.Is(err, authcore.ErrSecondStep):
		return outcomePending
	case errors.Is(err, authcore.ErrDeclined):
		return outcomeDeclined
	case errors.Is(err, authcore.ErrNotFound):
		return outcomeNotFound
	case errors.As(err, &taken):
		return outcomeConflict
	case errors.Is(err, authcore.ErrWrongCode), errors.Is(err, authcore.ErrNoAttempts):
		return outcomeWrongCode
	case errors.Is(err, passhash.ErrBusy):
		return string(authcore.Unavailable)
	}
	code := authcore.CodeOf(err)
	if code == authcore.Internal && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return outcomeCanceled
	}
	return string(code)
}
