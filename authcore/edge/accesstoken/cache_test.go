package accesstoken_test

import (
	"encoding/base64"
	"encoding/binary"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// mint is a verifier with keys of its own and a clock that a test moves.
type mint struct {
	*accesstoken.Verifier
	keys *keys
	at   atomic.Int64 // Unix seconds
	nano atomic.Int64 // and of the second
	n    atomic.Uint64
}

func (m *mint) now() time.Time { return time.Unix(m.at.Load(), m.nano.Load()) }

func newMint(tb testing.TB, capacity uint64) *mint {
	tb.Helper()
	m := &mint{keys: &keys{}}
	m.at.Store(time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC).Unix())
	var all []jwtkeys.Key
	for use, alg := range map[jwtkeys.Use]jwtkeys.Algorithm{jwtkeys.Bearer: jwtkeys.EdDSA, jwtkeys.Cookie: jwtkeys.HS256} {
		k, err := jwtkeys.Generate(use, alg)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, k)
	}
	m.put(tb, all)
	v, err := accesstoken.New(accesstoken.Config{Keys: m.keys, Revocations: revocation.NewSet(m.now), CacheBytes: capacity, Now: m.now})
	if err != nil {
		tb.Fatal(err)
	}
	m.Verifier = v
	return m
}

func (m *mint) put(tb testing.TB, all []jwtkeys.Key) {
	tb.Helper()
	set, err := jwtkeys.NewKeySet(all)
	if err != nil {
		tb.Fatal(err)
	}
	m.keys.set.Store(set)
}

// token signs a token of a session of its own, with as much in it as tokens usually have.
func (m *mint) token(tb testing.TB, use jwtkeys.Use) string {
	tb.Helper()
	return m.tokenOf(tb, use, "user")
}

func (m *mint) tokenOf(tb testing.TB, use jwtkeys.Use, roles ...string) string {
	tb.Helper()
	n := m.n.Add(1)
	var account, sess uuid.UUID
	binary.BigEndian.PutUint64(account[:], n)
	binary.BigEndian.PutUint64(sess[8:], n)
	now := m.now()
	raw, err := m.keys.Set().Sign(use, jwtkeys.Claims{
		Issuer: "https://auth.example.com", Audience: []string{"https://auth.example.com"}, Subject: account.String(), SessionID: sess.String(),
		ID: base64.RawURLEncoding.EncodeToString(account[:]), ExpiresAt: now.Add(5 * time.Minute), AuthTime: now,
		AMR: []string{"pwd"}, Roles: roles, Email: "ada@example.com", EmailVerified: true, Username: "ada", Name: "Ada Lovelace",
	}, now)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// checks returns how many signature checks do causes, with so many look-ups. Each look-up asks for the keys once, and each
// check once more.
func (m *mint) checks(lookups int, do func()) int {
	before := m.keys.asked.Load()
	do()
	return int(m.keys.asked.Load()-before) - lookups
}

// hold looks a good token up twice, so that it is cached.
func (m *mint) hold(tb testing.TB, raw string, kind authcore.CredentialKind) {
	tb.Helper()
	for range 2 {
		if _, outcome := m.Verify(raw, kind); outcome != accesstoken.Admitted {
			tb.Fatalf("outcome %d", outcome)
		}
	}
}

// seen reports whether a token is known, so that its signature is not checked again.
func (m *mint) seen(raw string, kind authcore.CredentialKind) bool {
	return m.checks(1, func() { m.Verify(raw, kind) }) == 0
}

func liveHeap() int64 {
	var s runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// TestCache_HeapStaysWithinTheCap is not parallel: it measures the heap of the process.
func TestCache_HeapStaysWithinTheCap(t *testing.T) {
	const capacity = 8 << 20
	m := newMint(t, capacity)
	before := liveHeap()
	for range soak.N(60_000, 1_000_000) {
		m.hold(t, m.token(t, jwtkeys.Cookie), authcore.SessionCookie)
	}
	used := liveHeap() - before
	t.Logf("%.2f MiB of %d MiB", float64(used)/(1<<20), capacity>>20)
	if used > capacity*12/10 {
		t.Errorf("the cache takes %d KiB, and may take %d", used>>10, capacity>>10)
	}
	if used < capacity*7/10 {
		t.Errorf("the cache takes %d KiB of its %d: it counts more than there is", used>>10, capacity>>10)
	}
	runtime.KeepAlive(m)
}

// TestCache_ASessionTakesAKibibyte is not parallel: it measures the heap of the process.
func TestCache_ASessionTakesAKibibyte(t *testing.T) {
	const sessions = 10_000
	m := newMint(t, 1<<30)
	m.hold(t, m.token(t, jwtkeys.Cookie), authcore.SessionCookie) // what is there once
	before, length := liveHeap(), 0
	for range sessions {
		raw := m.token(t, jwtkeys.Cookie)
		length += len(raw)
		m.hold(t, raw, authcore.SessionCookie)
	}
	each := (liveHeap() - before) / sessions
	t.Logf("%d bytes for tokens of %d", each, length/sessions)
	if each > 1024 {
		t.Errorf("a session takes %d bytes, want at most 1024", each)
	}
	runtime.KeepAlive(m)
}

// TestFlood_HotTokensStay: tokens in use are still known after a flood of others that are in use too, ten times what the
// cache holds.
func TestFlood_HotTokensStay(t *testing.T) {
	t.Parallel()
	m := newMint(t, 1<<20)
	hot := make([]string, 100)
	for i := range hot {
		hot[i] = m.token(t, jwtkeys.Cookie)
		m.hold(t, hot[i], authcore.SessionCookie)
	}
	flood := soak.N(10_000, 200_000)
	checked := 0
	for i := range flood {
		m.hold(t, m.token(t, jwtkeys.Cookie), authcore.SessionCookie)
		if !m.seen(hot[i%len(hot)], authcore.SessionCookie) {
			checked++
		}
		m.Cache() // else the cache counts behind the test's back, which on a busy machine is too late
	}
	t.Logf("%d of %d requests with hot tokens had to be checked", checked, flood)
	if checked > flood/100 {
		t.Errorf("%d of %d requests with hot tokens had to be checked, want at most one in 100", checked, flood)
	}
}

// TestFlood_InvalidTokensNeitherEnterNorEvict: what fails for any reason leaves the cache as it is.
func TestFlood_InvalidTokensNeitherEnterNorEvict(t *testing.T) {
	t.Parallel()
	m := newMint(t, 1<<20)
	good := make([]string, 200)
	for i := range good {
		good[i] = m.token(t, jwtkeys.Cookie)
		m.hold(t, good[i], authcore.SessionCookie)
	}
	bearer := m.token(t, jwtkeys.Bearer)
	for i := range soak.N(20_000, 1_000_000) {
		raw := good[i%len(good)]
		junk := []string{
			raw[:len(raw)-43] + m.n64()[:43],   // another signature
			m.n64() + raw,                      // another header
			raw[:200] + m.n64() + raw[200+44:], // other claims
			raw + m.n64(), m.n64(), raw + "\n", // no token
			bearer, bearer[:90] + raw[90:], // another kind
		}[i%8]
		if _, outcome := m.Verify(junk, authcore.SessionCookie); outcome != accesstoken.Invalid {
			t.Fatalf("outcome %d of junk", outcome)
		}
	}
	if n := m.Cached(); n != len(good) {
		t.Errorf("%d tokens are cached, want the %d good ones", n, len(good))
	}
	for _, raw := range good {
		if !m.seen(raw, authcore.SessionCookie) {
			t.Error("a good token was forgotten")
		}
	}
}

// n64 is text of 64 characters that was not there before.
func (m *mint) n64() string {
	var b [48]byte
	binary.BigEndian.PutUint64(b[8:], m.n.Add(1)*0x9e3779b97f4a7c15)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// A forged token costs one signature check however often it comes, and says nothing about others.
func TestBadTokens_OneCheckForEachForgedToken(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	good := m.token(t, jwtkeys.Bearer)
	other := m.token(t, jwtkeys.Bearer)
	forged := good[:len(good)-86] + other[len(other)-86:]
	if n := m.checks(100, func() {
		for range 100 {
			m.Verify(forged, authcore.BearerToken)
		}
	}); n != 1 {
		t.Errorf("%d checks of one forged token", n)
	}
	want(t, m.Verifier, good, authcore.BearerToken, accesstoken.Admitted)
	want(t, m.Verifier, other, authcore.BearerToken, accesstoken.Admitted)
}

// What time or a key to come can change is not remembered: a token that is not good yet is good later.
func TestBadTokens_OnlyWhatStaysTrue(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	next := newMint(t, 0)
	raw := next.token(t, jwtkeys.Cookie)
	want(t, m.Verifier, raw, authcore.SessionCookie, accesstoken.Invalid)
	m.keys.set.Store(next.keys.set.Load())
	want(t, m.Verifier, raw, authcore.SessionCookie, accesstoken.Admitted)

	next.at.Add(120)
	early := next.token(t, jwtkeys.Cookie)
	want(t, m.Verifier, early, authcore.SessionCookie, accesstoken.Invalid)
	m.at.Add(120)
	want(t, m.Verifier, early, authcore.SessionCookie, accesstoken.Admitted)
}

// Of a removed key no token is good, and the tokens of the others stay known.
func TestCache_KeyRemovalForgetsOnlyItsTokens(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	bearer, cookie := m.token(t, jwtkeys.Bearer), m.token(t, jwtkeys.Cookie)
	m.hold(t, bearer, authcore.BearerToken)
	m.hold(t, cookie, authcore.SessionCookie)
	all := m.keys.Set().Keys(m.now())
	for i := range all {
		if all[i].Use == jwtkeys.Bearer {
			all[i].RemoveAt = m.now().Add(time.Minute)
		}
	}
	m.put(t, all)
	if !m.seen(bearer, authcore.BearerToken) || !m.seen(cookie, authcore.SessionCookie) {
		t.Error("a new set of keys made the cache forget")
	}
	m.at.Add(60) // and nobody tells
	want(t, m.Verifier, bearer, authcore.BearerToken, accesstoken.Invalid)
	if !m.seen(cookie, authcore.SessionCookie) {
		t.Error("a removed key made the cache forget tokens of another")
	}
}

// However many requests bring a token that was never seen, it is checked at its first sight and at its second, once each.
func TestCache_ConcurrentFirstSightsCheckOnce(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	const requests = 64
	for range soak.N(20, 500) {
		raw := m.token(t, jwtkeys.Bearer)
		n := m.checks(requests, func() {
			var wg sync.WaitGroup
			for range requests {
				wg.Go(func() { want(t, m.Verifier, raw, authcore.BearerToken, accesstoken.Admitted) })
			}
			wg.Wait()
		})
		if n > 2 {
			t.Fatalf("%d checks of one token", n)
		}
	}
}

// A cached token keeps nothing of the request that brought it.
func TestCache_KeepsNothingOfTheRequest(t *testing.T) {
	m := newMint(t, 0)
	before := liveHeap()
	for range 64 {
		raw := m.token(t, jwtkeys.Cookie)
		line := strings.Repeat("x", 1<<20) + raw
		m.hold(t, line[1<<20:], authcore.SessionCookie)
	}
	if used := liveHeap() - before; used > 4<<20 {
		t.Errorf("64 tokens keep %d MiB", used>>20)
	}
	runtime.KeepAlive(m)
}

// A cached token's claims and signature under another key's header are another token: its key is not that which signed it.
func TestT03_CachedTokenUnderAnotherHeader(t *testing.T) {
	t.Parallel()
	m := newMint(t, 0)
	other, err := jwtkeys.Generate(jwtkeys.Bearer, jwtkeys.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	raw := m.token(t, jwtkeys.Bearer)
	other.NotBefore = m.now().Add(time.Second)
	m.put(t, append(m.keys.Set().Keys(m.now()), other))
	m.hold(t, raw, authcore.BearerToken)
	m.at.Add(1)
	head, _, _ := strings.Cut(m.token(t, jwtkeys.Bearer), ".")
	_, rest, _ := strings.Cut(raw, ".")
	if strings.HasPrefix(raw, head) {
		t.Fatal("both keys have one header")
	}
	for range 2 {
		want(t, m.Verifier, head+"."+rest, authcore.BearerToken, accesstoken.Invalid)
		want(t, m.Verifier, raw, authcore.BearerToken, accesstoken.Admitted)
	}
}
