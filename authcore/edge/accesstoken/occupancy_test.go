package accesstoken_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
)

// TestCache_TellsHowFullItIs: a cache that is full tells of what it drops before its time, and stays within its bound.
func TestCache_TellsHowFullItIs(t *testing.T) {
	t.Parallel()
	const capacity = 64 << 10
	m := newMint(t, capacity)
	look := func(n int) {
		t.Helper()
		for range n {
			m.hold(t, m.token(t, jwtkeys.Cookie), authcore.ModeCookie)
		}
	}
	look(10)
	if o := m.Cache(); o.Entries != 10 || o.Evictions != 0 || o.Max != capacity || o.Bytes < 10*400 || o.Bytes > 10*2000 {
		t.Errorf("with ten tokens: %+v", o)
	}
	look(500)
	if o := m.Cache(); o.Bytes > capacity || o.Entries < 30 || o.Evictions+int64(o.Entries) != 510 {
		t.Errorf("after 510 tokens: %+v", o)
	}
}
