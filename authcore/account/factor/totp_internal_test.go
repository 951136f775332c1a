package factor

import (
	"encoding/hex"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// seed20 is the secret of the test vectors: RFC 4226 appendix D, RFC 6238 appendix B for SHA-1.
var seed20 = []byte("12345678901234567890")

// TestHOTP_RFC4226 has the values of appendix D.
func TestHOTP_RFC4226(t *testing.T) {
	for counter, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := hotp(seed20, int64(counter), 6); got != want {
			t.Errorf("counter %d: %s, want %s", counter, got, want)
		}
	}
}

// TestTOTP_RFC6238 has the values of appendix B for SHA-1, which have eight digits.
func TestTOTP_RFC6238(t *testing.T) {
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		now := time.Unix(at, 0)
		if got := hotp(seed20, stepAt(now), 8); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
		if step, ok := matchStep(seed20, want[2:], 0, now); !ok || step != at/30 {
			t.Errorf("at %d: step %d (%v), want %d", at, step, ok, at/30)
		}
	}
}

// TestTOTP_Oathtool: what another program generates is taken, at any time and with any seed.
func TestTOTP_Oathtool(t *testing.T) {
	for i := range 5 {
		seed, now := []byte(strings.Repeat(string(rune('a'+i)), seedBytes)), time.Unix(1790000000+int64(i)*7919, 0)
		out, err := exec.CommandContext(t.Context(), "oathtool", "--totp=sha1", "-d6", "-s30s", "-N",
			fmt.Sprintf("@%d", now.Unix()), hex.EncodeToString(seed)).Output()
		if err != nil {
			t.Fatalf("oathtool: %v", err)
		}
		if step, ok := matchStep(seed, strings.TrimSpace(string(out)), 0, now); !ok || step != stepAt(now) {
			t.Errorf("%s is not taken at %s (step %d)", out, now, step)
		}
	}
}

// TestO15_TOTPSteps: one step of skew, no more (ASVS 6.5.5).
func TestO15_TOTPSteps(t *testing.T) {
	now := time.Unix(1790000010, 0)
	for off := int64(-3); off <= 3; off++ {
		step, ok := matchStep(seed20, hotp(seed20, stepAt(now)+off, totpDigits), 0, now)
		if want := off >= -1 && off <= 1; ok != want || ok && step != stepAt(now)+off {
			t.Errorf("the code of t%+d: taken %v as step %d", off, ok, step)
		}
	}
}

// TestO05_TOTPNeverBackwards: neither the step that was used nor one before it is taken, whatever the skew.
func TestO05_TOTPNeverBackwards(t *testing.T) {
	now := time.Unix(1790000010, 0)
	for off := int64(-1); off <= 1; off++ {
		_, ok := matchStep(seed20, hotp(seed20, stepAt(now)+off, totpDigits), stepAt(now), now)
		if want := off == 1; ok != want {
			t.Errorf("the code of t%+d after that of t: taken %v", off, ok)
		}
	}
}

// TestO14_RecoveryCodes: they look as promised, every character is as likely, and what people change in copying them does not count.
func TestO14_RecoveryCodes(t *testing.T) {
	counts, seen := map[rune]int{}, map[string]bool{}
	const n = 10_000
	for range n {
		code := newRecoveryCode()
		if len(code) != 11 || code[5] != '-' || seen[code] {
			t.Fatalf("the code %s", code)
		}
		seen[code] = true
		for _, r := range strings.ReplaceAll(code, "-", "") {
			counts[r]++
		}
		if got := plainRecoveryCode(" " + strings.ToUpper(strings.ReplaceAll(code, "-", " - ")) + " "); got != strings.ReplaceAll(code, "-", "") {
			t.Fatalf("%s is read as %s", code, got)
		}
	}
	chi, expected := 0.0, float64(n*recoveryChars)/32
	for _, r := range recoveryAlphabet {
		d := float64(counts[r]) - expected
		chi += d * d / expected
	}
	if len(counts) != 32 || chi > 80 { // 31 degrees of freedom: 1 in 300 000
		t.Errorf("%d characters, chi-squared %.1f", len(counts), chi)
	}
	if got := plainRecoveryCode("OIL00-abcde"); got != "01100abcde" {
		t.Errorf("read as %s", got)
	}
}
