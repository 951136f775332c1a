package accesstoken_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// TestCache_TellsHowFullItIs: a cache that is full tells of what it drops before its time, and stays within its bound.
func TestCache_TellsHowFullItIs(t *testing.T) {
	t.Parallel()
	const capacity = 64 << 10
	m := newMint(t, capacity)
	look := func(n int) {
		t.Helper()
		for range n {
			m.hold(t, m.token(t, jwtkeys.Cookie), authcore.SessionCookie)
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

// TestCache_CountsWhatHelpedAndWhatDidNot: junk, however it fails, is neither.
func TestCache_CountsWhatHelpedAndWhatDidNot(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	raw, other := m.token(t, jwtkeys.Bearer), m.token(t, jwtkeys.Bearer)
	for range 5 {
		want(t, m.Verifier, raw, authcore.BearerToken, accesstoken.Admitted)
		want(t, m.Verifier, raw[:len(raw)-86]+other[len(other)-86:], authcore.BearerToken, accesstoken.Invalid)
		want(t, m.Verifier, "a.b.c", authcore.BearerToken, accesstoken.Invalid)
		want(t, m.Verifier, raw, authcore.SessionCookie, accesstoken.Invalid)
	}
	if o := m.Cache(); o.Hits != 3 || o.Misses != 2 {
		t.Errorf("%d hits and %d misses of a token that came five times, want 3 and 2", o.Hits, o.Misses)
	}
}

// TestCache_Resize: a cache that grows keeps everything, one that shrinks keeps what fits, and both go on.
func TestCache_Resize(t *testing.T) {
	t.Parallel()
	m := newMint(t, 1<<20)
	var tokens []string
	more := func(n int) {
		t.Helper()
		for range n {
			tokens = append(tokens, m.token(t, jwtkeys.Cookie))
			m.hold(t, tokens[len(tokens)-1], authcore.SessionCookie)
		}
	}
	more(200)
	m.Resize(16 << 20)
	for _, raw := range tokens {
		if !m.seen(raw, authcore.SessionCookie) {
			t.Fatal("a larger cache has forgotten a token")
		}
	}
	more(3000)
	if o := m.Cache(); o.Entries != len(tokens) || o.Max != 16<<20 || o.Bytes < 2<<20 {
		t.Errorf("after it has grown: %+v", o)
	}
	m.Resize(1 << 20)
	if o := m.Cache(); o.Entries < 500 || o.Bytes > 1<<20 || o.Max != 1<<20 || int(o.Evictions)+o.Entries != len(tokens) {
		t.Errorf("after it has shrunk: %+v", o)
	}
	for _, raw := range tokens {
		want(t, m.Verifier, raw, authcore.SessionCookie, accesstoken.Admitted)
	}
}
