package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
)

// TestSpan_CostsNothingUntraced: without a span of Caddy's in the request none of ours is made. It is not parallel: it
// counts allocations.
func TestSpan_CostsNothingUntraced(t *testing.T) {
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		within, done := span(ctx, "renewal")
		done(nil)
		if within != ctx {
			t.Error("the context is another")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestOutcomeOf_IsClosed: whatever an error says, its outcome is a word that says nothing of it.
func TestOutcomeOf_IsClosed(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"success": nil, "not_found": fmt.Errorf("x: %w", authcore.ErrNotFound), "conflict": &authcore.TakenError{Field: "ada@example.com"},
		"pending": authcore.ErrSecondStep, "declined": authcore.ErrDeclined, "wrong_code": authcore.ErrNoAttempts, "unavailable": fmt.Errorf("x: %w", passhash.ErrBusy), "canceled": context.Canceled,
		"internal_error": errors.New("ada@example.com"), "invalid_credentials": authcore.Refuse(authcore.InvalidCredentials, "ada@example.com"),
	} {
		if got := outcomeOf(err); got != want {
			t.Errorf("the outcome of %v is %q, want %q", err, got, want)
		}
	}
}

// recorder is a span, the request's own and each of ours within it, that writes down what it is told.
type recorder struct {
	noop.Span
	told *strings.Builder
}

func (r recorder) IsRecording() bool                               { return true }
func (r recorder) TracerProvider() trace.TracerProvider            { return recorders{of: r} }
func (r recorder) SetStatus(c codes.Code, text string)             { fmt.Fprintf(r.told, "%s %q\n", c, text) }
func (r recorder) SetAttributes(all ...attribute.KeyValue)         { fmt.Fprintln(r.told, all) }
func (r recorder) SetName(name string)                             { fmt.Fprintln(r.told, name) }
func (r recorder) RecordError(err error, _ ...trace.EventOption)   { fmt.Fprintln(r.told, err) }
func (r recorder) AddEvent(name string, more ...trace.EventOption) { fmt.Fprintln(r.told, name, more) }

type recorders struct {
	noop.TracerProvider
	of recorder
}

func (p recorders) Tracer(string, ...trace.TracerOption) trace.Tracer { return recording{of: p.of} }

type recording struct {
	noop.Tracer
	of recorder
}

func (t recording) Start(ctx context.Context, name string, more ...trace.SpanStartOption) (context.Context, trace.Span) {
	fmt.Fprintln(t.of.told, name, more)
	return trace.ContextWithSpan(ctx, t.of), t.of
}

// TestM06_SpansOfFailures: a step that failed is marked so where the failure is ours, and its span says nothing of the
// error but a word.
func TestM06_SpansOfFailures(t *testing.T) {
	t.Parallel()
	const person = "ada@example.com"
	for _, c := range []struct {
		err    error
		failed bool
		want   string
	}{
		{errors.New("step for " + person), true, "internal_error"},
		{fmt.Errorf("read account of %s: %w", person, authcore.ErrUnavailable), true, "unavailable"},
		{authcore.Refuse(authcore.InvalidCredentials, person), false, "invalid_credentials"},
		{&authcore.TakenError{Field: person}, false, "conflict"},
		{nil, false, "success"},
	} {
		told := &strings.Builder{}
		_, done := span(trace.ContextWithSpan(t.Context(), recorder{told: told}), "sign_in")
		done(c.err)
		text := told.String()
		if strings.Contains(text, "ada") || !strings.Contains(text, "sign_in") || !strings.Contains(text, c.want) {
			t.Errorf("the span of %v says %q", c.err, text)
		}
		if failed := strings.Contains(text, "Error"); failed != c.failed {
			t.Errorf("the span of %v counts as failed: %t; %q", c.err, failed, text)
		}
	}
}
