package ratelimit

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// TestO19_FailsClosed: what goes to people's addresses and numbers is not counted by one node alone.
func TestO19_FailsClosed(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		want := name == authcore.LimitMail || name == authcore.LimitResend || strings.HasPrefix(name, "sms")
		if toAddresses(name) != want {
			t.Errorf("%s fails closed: %v", name, !want)
		}
	}
}
