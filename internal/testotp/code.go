// Package testotp is an authenticator app for tests: a program that is not ours (oathtool) generates the codes.
package testotp

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Code returns the code that an app with this seed, in base 32, shows at a time.
func Code(t testing.TB, seed string, at time.Time) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "oathtool", "--totp", "--base32", "-N", fmt.Sprintf("@%d", at.Unix()), seed).CombinedOutput()
	if err != nil {
		t.Fatalf("oathtool: %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}
