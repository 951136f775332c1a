package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/passhash"
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
		"wrong_code": authcore.ErrNoAttempts, "unavailable": fmt.Errorf("x: %w", passhash.ErrBusy), "canceled": context.Canceled,
		"internal_error": errors.New("ada@example.com"), "invalid_credentials": authcore.Refuse(authcore.InvalidCredentials, "ada@example.com"),
	} {
		if got := outcomeOf(err); got != want {
			t.Errorf("the outcome of %v is %q, want %q", err, got, want)
		}
	}
}
