package passpolicy

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/matching"
)

// TestEstimate_IsTheLibrarys compares scores with those of the library whose matchers these are, for texts of all that they find.
func TestEstimate_IsTheLibrarys(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"password", "Lovelace", "qwerty", "WSX", "zaq1", "mnbv", "abcdef", "ZYX", "fedcba", "987", "012", "aaa", "BBBB", "!!!", "ada", "Example",
		"correct", "horse", "battery", "staple", "sunshine", "x", "Q", "~", "7", "smith", "jennifer", "aoeu", "[]", "the", "ba!", "cba{"}
	words := []string{"example", "ada", "lovelace.ada"}
	for range 3_000 {
		var text strings.Builder
		for range 1 + r.IntN(6) {
			if r.IntN(4) == 0 {
				text.WriteByte(byte('a' + r.IntN(26)))
			} else {
				text.WriteString(pieces[r.IntN(len(pieces))])
			}
		}
		s := text.String()
		if digits.MatchString(s) {
			continue
		}
		if got, want := estimate(s, words), zxcvbn.PasswordStrength(s, words, matching.FilterL33tMatcher).Score; got != want {
			t.Fatalf("%q has the score %d, and %d from the library", s, got, want)
		}
	}
}

// A date costs a guesser less than its digits, wherever it stands, and what is no date costs as much as they do.
func TestEstimate_Dates(t *testing.T) {
	t.Parallel()
	for text, date := range map[string]bool{
		"kfWpz12/31/1999": true, "12.31.1999kfWpz": true, "kf1999-12-31Wpz": true, "kfWpz31121999": true, "19991231kfWpz": true,
		"kfWpz99/99/9999": false, "kfWpz99_45_1999": false, "kfWpz71718282": false,
	} {
		found := false
		for _, m := range dates(text) {
			found = found || m.J-m.I+1 >= 8
		}
		if found != date {
			t.Errorf("%q has a date: %v", text, found)
		}
		if other := strings.NewReplacer("1", "j", "2", "v", "3", "q", "9", "x").Replace(text); date && estimate(text, nil) > estimate(other, nil) {
			t.Errorf("%q is harder to guess than %q", text, other)
		}
	}
}
