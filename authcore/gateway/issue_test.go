package gateway_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
)

func TestMayIssue(t *testing.T) {
	t.Parallel()
	always := func(yes bool) func() bool { return func() bool { return yes } }
	for says, err := range map[string]error{
		"the clock of this node is wrong": gateway.MayIssue(always(true), always(true)),
		"no keys to sign with":            gateway.MayIssue(always(false), always(false)),
	} {
		var refusal *authcore.Error
		if !errors.As(err, &refusal) || refusal.Code != authcore.Unavailable || refusal.RetryAfter <= 0 || !strings.Contains(refusal.Detail, says) {
			t.Errorf("%s: error is %v", says, err)
		}
	}
	if err := gateway.MayIssue(always(false), always(true)); err != nil {
		t.Errorf("with the right clock and keys: error is %v", err)
	}
}
