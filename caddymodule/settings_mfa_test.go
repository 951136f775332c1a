package caddymodule

import (
	"strings"
	"testing"
)

// A requirement that an account without a factor could never meet is refused.
func TestCheckMFA_Enrolable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		factors, signIn string
		refused         bool
	}{
		{"", "", false}, {"none", "", true}, {"none", "code", true}, {"email", "", false}, {"email", "password code", false},
		{"email recovery", "code link", true}, {"email totp", "code link", false}, {"totp", "code", false}, {"passkey", "passkey", false},
	} {
		s := &Settings{Factors: strings.Fields(c.factors), SignIn: strings.Fields(c.signIn), MFA: &MFASettings{Mode: mfaRequired}}
		if err := checkMFA(s); (err != nil) != c.refused {
			t.Errorf("factors %q, sign_in %q: %v", c.factors, c.signIn, err)
		}
		s.MFA.Mode = mfaOptional
		if err := checkMFA(s); err != nil {
			t.Errorf("factors %q, sign_in %q, optional: %v", c.factors, c.signIn, err)
		}
	}
}
