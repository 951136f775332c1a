package accesstoken_test

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// kinds are principals that differ from the first in one thing each, and in where lists or texts end.
func kinds() map[string]authcore.Principal {
	plain := authcore.Principal{
		KeyID: "k1", Issuer: "https://a.example", Credential: authcore.BearerToken, ExpiresAt: time.Unix(2_000_000_000, 0).UTC(),
		Audience: []string{"a", "b"}, AMR: []string{"c", "d"}, Roles: []string{"e", "f"},
	}
	all := map[string]authcore.Principal{"plain": plain}
	but := func(name string, change func(*authcore.Principal)) {
		p := plain
		change(&p)
		all[name] = p
	}
	but("key", func(p *authcore.Principal) { p.KeyID = "k2" })
	but("issuer", func(p *authcore.Principal) { p.Issuer = "https://b.example" })
	but("kind", func(p *authcore.Principal) { p.Credential = authcore.SessionCookie })
	but("audience", func(p *authcore.Principal) { p.Audience = []string{"a", "x"} })
	but("amr", func(p *authcore.Principal) { p.AMR = []string{"c", "x"} })
	but("roles", func(p *authcore.Principal) { p.Roles = []string{"e", "admin"} })
	but("audience in one text", func(p *authcore.Principal) { p.Audience = []string{"ab"} })
	but("amr in one text", func(p *authcore.Principal) { p.AMR = []string{"cd"} })
	but("roles in one text", func(p *authcore.Principal) { p.Roles = []string{"ef"} })
	but("roles cut elsewhere", func(p *authcore.Principal) { p.Roles = []string{"", "ef"} })
	but("a method as a role", func(p *authcore.Principal) { p.AMR, p.Roles = []string{"c"}, []string{"d", "e", "f"} })
	but("an audience as a method", func(p *authcore.Principal) { p.Audience, p.AMR = []string{"a"}, []string{"b", "c", "d"} })
	but("no roles", func(p *authcore.Principal) { p.AMR, p.Roles = []string{"c", "d", "e", "f"}, nil })
	return all
}

// TestGrants_CollidingTokensKeepTheirOwn: tokens whose kinds share a place share nothing else. Each pair comes in either
// order, so that each comparison decides once.
func TestGrants_CollidingTokensKeepTheirOwn(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	m.Crowd()
	all := kinds()
	for a, first := range all {
		for b, second := range all {
			m.Admit(first)
			if got := m.Admit(second).Principal(); !reflect.DeepEqual(got, second) {
				t.Errorf("%q after %q: %+v", b, a, got)
			}
		}
	}
}

// TestGrants_KindsThatLookAlikeHaveTheirPlaces: what differs only in where texts and lists end does not collide always.
func TestGrants_KindsThatLookAlikeHaveTheirPlaces(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	of := make(map[uint64]string)
	for name, p := range kinds() {
		if other := of[m.Kind(p)]; other != "" {
			t.Errorf("%q and %q have one hash", name, other)
		}
		of[m.Kind(p)] = name
	}
}

// TestGrants_SignedTokensOfCollidingKinds: what a guard and an upstream see of two users whose tokens collide, cached or not.
func TestGrants_SignedTokensOfCollidingKinds(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	m.Crowd()
	roles := [][]string{{"admin"}, {"ad", "min"}, {"user"}}
	raws := make([]string, len(roles))
	for i := range roles {
		raws[i] = m.tokenOf(t, jwtkeys.Cookie, roles[i]...)
	}
	for range 2 {
		for i, raw := range raws {
			seen, outcome := m.Verify(raw, authcore.SessionCookie)
			if outcome != accesstoken.Admitted {
				t.Fatalf("outcome %d", outcome)
			}
			if p := seen.Principal(); !slices.Equal(p.Roles, roles[i]) {
				t.Errorf("a token with roles %q speaks for %q", roles[i], p.Roles)
			}
			if id := seen.Identity(); id.Groups != strings.Join(roles[i], ",") {
				t.Errorf("a token with roles %q has groups %q", roles[i], id.Groups)
			}
		}
	}
}

// TestCache_GrantsCount is not parallel: it measures the heap of the process. Tokens with many roles, all of other kinds,
// hold far more than their text.
func TestCache_GrantsCount(t *testing.T) {
	const capacity = 4 << 20
	m := newMint(t, capacity)
	m.Crowd() // so that nothing but tokens holds claims
	before := liveHeap()
	roles := make([]string, 120)
	for n := range soak.N(4_000, 40_000) {
		for i := range roles {
			roles[i] = fmt.Sprintf("r%x", n*len(roles)+i)
		}
		m.hold(t, m.tokenOf(t, jwtkeys.Cookie, roles...), authcore.SessionCookie)
	}
	used := liveHeap() - before
	t.Logf("%.2f MiB of %d MiB, %d tokens", float64(used)/(1<<20), capacity>>20, m.Cached())
	if used > capacity*12/10 {
		t.Errorf("the cache takes %d KiB, and may take %d", used>>10, capacity>>10)
	}
	runtime.KeepAlive(m)
}

// TestLookup_ExpiresInTimeAlthoughTheCacheIsBehind: the cache's clock is not moved by every request.
func TestLookup_ExpiresInTimeAlthoughTheCacheIsBehind(t *testing.T) {
	t.Parallel()
	for kind, use := range map[authcore.CredentialKind]jwtkeys.Use{authcore.BearerToken: jwtkeys.Bearer, authcore.SessionCookie: jwtkeys.Cookie} {
		m := newMint(t, 0)
		raw := m.token(t, use)
		m.hold(t, raw, kind)
		m.at.Add(5*60 - 1)
		m.nano.Store(int64(950 * time.Millisecond))
		want(t, m.Verifier, raw, kind, accesstoken.Admitted)
		m.at.Add(1)
		m.nano.Store(0)
		want(t, m.Verifier, raw, kind, accesstoken.Invalid)
		if !m.seen(raw, kind) {
			t.Error("the cache has dropped it, so this says nothing about the request's own time")
		}
	}
}

// TestBadTokens_RespelledHeader: a forged token whose header has its members in another order is remembered too.
func TestBadTokens_RespelledHeader(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	good := m.token(t, jwtkeys.Bearer)
	head, rest, _ := strings.Cut(good, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	members := strings.Split(strings.Trim(string(text), "{}"), ",")
	slices.Reverse(members)
	respelled := base64.RawURLEncoding.EncodeToString([]byte("{"+strings.Join(members, ",")+"}")) + "." + rest
	if n := m.checks(100, func() {
		for range 100 {
			want(t, m.Verifier, respelled, authcore.BearerToken, accesstoken.Invalid)
		}
	}); n != 1 {
		t.Errorf("%d checks of one forged token", n)
	}
	want(t, m.Verifier, good, authcore.BearerToken, accesstoken.Admitted)
}
