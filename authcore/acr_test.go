package authcore_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

func TestACR(t *testing.T) {
	t.Parallel()
	for want, rows := range map[string][][]string{
		authcore.ACRSingle: {nil, {"pwd"}, {"pwd", "otp"}, {"email"}, {"MFA"}, {"mfa "}},
		authcore.ACRMulti:  {{"mfa"}, {"pwd", "otp", "mfa"}},
	} {
		for _, amr := range rows {
			if got := authcore.ACR(amr); got != want {
				t.Errorf("%v: %q, want %q", amr, got, want)
			}
		}
	}
}
