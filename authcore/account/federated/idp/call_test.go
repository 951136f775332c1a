package idp_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
)

// What a provider calls an error stands in the log only where it looks like a code: it may write a token there.
func TestErrorCode(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"invalid_client": "invalid_client", "": "", "eyJhbGciOiJSUzI1NiJ9": "", "two words": "", "a\nb": "", strings.Repeat("x", 65): "",
	} {
		if got := idp.ErrorCode(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}
