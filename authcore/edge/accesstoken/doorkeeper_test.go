package accesstoken_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// A token is checked at its first sight and at its second, and from then on known.
func TestDoorkeeper_ATokenIsCachedAtItsSecondSight(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	for _, c := range []struct {
		use  jwtkeys.Use
		kind authcore.CredentialKind
	}{{jwtkeys.Bearer, authcore.BearerToken}, {jwtkeys.Cookie, authcore.SessionCookie}} {
		raw, before := m.token(t, c.use), m.Cached()
		for sight, cached := range []int{0, 1, 1, 1} {
			if known := m.seen(raw, c.kind); known != (sight >= 2) {
				t.Errorf("%s, sight %d: known is %v", c.kind, sight+1, known)
			}
			if n := m.Cached() - before; n != cached {
				t.Errorf("%s, sight %d: %d tokens cached, want %d", c.kind, sight+1, n, cached)
			}
		}
	}
}

// Good tokens that come once enter nothing and push nothing out, however many they are.
func TestFlood_TokensSeenOnceNeitherEnterNorEvict(t *testing.T) {
	t.Parallel()
	m := newMint(t, 256<<10)
	used := make([]string, 200)
	for i := range used {
		used[i] = m.token(t, jwtkeys.Cookie)
		m.hold(t, used[i], authcore.SessionCookie)
	}
	flood := soak.N(5_000, 1_000_000)
	for range flood {
		want(t, m.Verifier, m.token(t, jwtkeys.Cookie), authcore.SessionCookie, accesstoken.Admitted)
	}
	// Two tokens with one hash are the exception: one in 2^31 where a place is taken.
	if n := m.Cached(); n > len(used)+flood/100_000+1 {
		t.Errorf("%d tokens are cached, want the %d that came again", n, len(used))
	}
	for _, raw := range used {
		if !m.seen(raw, authcore.SessionCookie) {
			t.Error("a token in use was forgotten")
		}
	}
}

// Whoever brings something that looks like a token that is about to be cached, or has been, is refused: what is remembered
// says what is kept in memory and not what is good.
func TestT13_LookAlikesOfTokensSeenOnceAndTwice(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	raw, other := m.token(t, jwtkeys.Cookie), m.token(t, jwtkeys.Cookie)
	alike := func() {
		t.Helper()
		for _, forged := range []string{
			raw + "A", raw + "=", raw[:len(raw)-43] + other[len(other)-43:], other[:len(other)-43] + raw[len(raw)-43:],
			raw[:len(raw)-100] + raw[len(raw)-99:], " " + raw, raw + "\n", raw + ".", "." + raw, strings.ToUpper(raw),
		} {
			want(t, m.Verifier, forged, authcore.SessionCookie, accesstoken.Invalid)
		}
		for n := range raw {
			want(t, m.Verifier, raw[:n], authcore.SessionCookie, accesstoken.Invalid)
			if other := raw[:n] + "-" + raw[n+1:]; other != raw {
				want(t, m.Verifier, other, authcore.SessionCookie, accesstoken.Invalid)
			}
		}
		want(t, m.Verifier, raw, authcore.BearerToken, accesstoken.Invalid)
	}
	for range 3 {
		alike()
		want(t, m.Verifier, raw, authcore.SessionCookie, accesstoken.Admitted)
		alike()
	}
}
