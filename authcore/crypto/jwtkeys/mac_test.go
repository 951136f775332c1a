package jwtkeys

import (
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// The MACs are those of the library, from many goroutines at once, and cost no allocation to compare.
func TestMACs(t *testing.T) {
	key := newKey(t, Cookie, HS256)
	m := newMACs(key.private.([]byte))
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			for range 50 {
				text := strings.Repeat(string(rune('a'+n)), 500+n)
				sig, err := jwt.SigningMethodHS256.Sign(text, key.private)
				if err != nil {
					t.Error(err)
				}
				right := strictURL.EncodeToString(sig)
				if m.of(text) != right || !m.matches(text, right) || m.matches(text+"a", right) {
					t.Errorf("the MAC of %d letters is wrong", len(text))
				}
				for _, wrong := range []string{"", right[1:], right[:42], right + "A", right + "=", right[:42] + "\n" + right[42:], strings.ToLower(right)} {
					if m.matches(text, wrong) {
						t.Errorf("%q is taken for the MAC %q", wrong, right)
					}
				}
			}
		})
	}
	wg.Wait()
	text, sig := strings.Repeat("a", 600), m.of(strings.Repeat("a", 600))
	if n := testing.AllocsPerRun(1000, func() { m.matches(text, sig) }); n != 0 {
		t.Errorf("%v allocations to compare a MAC", n)
	}
}
