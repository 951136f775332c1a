package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// With a wrong clock, and without keys, no session is opened or renewed, and the store is not asked to.
func TestIssuing(t *testing.T) {
	t.Parallel()
	wrong, _, look := clockOf(&bytes.Buffer{})
	if err := look(2*time.Minute, 0); err != nil {
		t.Fatal(err)
	}
	wrong.tell()
	right, _, _ := clockOf(&bytes.Buffer{})
	for _, row := range []struct {
		says  string
		store issuing // without a store: who asks it panics
	}{
		{"the clock of this node is wrong", issuing{clock: wrong, signs: func() bool { return true }}},
		{"no keys to sign with", issuing{clock: right, signs: func() bool { return false }}},
	} {
		s := row.store
		for name, issue := range map[string]func(context.Context) error{
			"open":      func(ctx context.Context) error { return s.CreateSession(ctx, authcore.Session{}, authcore.Effects{}) },
			"renew":     func(ctx context.Context) error { _, err := s.RotateRefresh(ctx, authcore.Rotation{}); return err },
			"hand over": func(ctx context.Context) error { _, _, err := s.OpenBranch(ctx, authcore.Branching{}); return err },
			"enrol":     func(ctx context.Context) error { _, _, _, err := s.Enrol(ctx, authcore.Enrolment{}); return err },
		} {
			var refusal *authcore.Error
			if err := issue(t.Context()); !errors.As(err, &refusal) || refusal.Code != authcore.Unavailable || refusal.RetryAfter <= 0 ||
				!strings.Contains(refusal.Detail, row.says) {
				t.Errorf("%s: error is %v", name, err)
			}
		}
	}
}
