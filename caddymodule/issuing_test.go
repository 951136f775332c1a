package caddymodule

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

func TestMayIssue(t *testing.T) {
	t.Parallel()
	wrong, _, look := clockOf(&bytes.Buffer{})
	if err := look(2*time.Minute, 0); err != nil {
		t.Fatal(err)
	}
	wrong.tell()
	right, _, _ := clockOf(&bytes.Buffer{})
	signs := func(yes bool) func() bool { return func() bool { return yes } }
	for says, err := range map[string]error{
		"the clock of this node is wrong": mayIssue(wrong, signs(true)),
		"no keys to sign with":            mayIssue(right, signs(false)),
	} {
		var refusal *authcore.Error
		if !errors.As(err, &refusal) || refusal.Code != authcore.Unavailable || refusal.RetryAfter <= 0 || !strings.Contains(refusal.Detail, says) {
			t.Errorf("%s: error is %v", says, err)
		}
	}
	if err := mayIssue(right, signs(true)); err != nil {
		t.Errorf("with the right clock and keys: error is %v", err)
	}
}
