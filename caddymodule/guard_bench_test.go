package caddymodule

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/guard"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
	"github.com/gatehouse-auth/gatehouse/internal/cputime"
)

// oneRing is a set of keys that stays.
type oneRing struct{ set *jwtkeys.KeySet }

func (o oneRing) Set() *jwtkeys.KeySet { return o.set }
func (o oneRing) UnknownKey()          {}

// databaseOfAll knows every session.
type databaseOfAll struct{}

func (databaseOfAll) LiveSessions(_ context.Context, ids []uuid.UUID, _ time.Time) (live []authcore.LiveSession, err error) {
	for _, id := range ids {
		live = append(live, authcore.LiveSession{ID: id})
	}
	return live, nil
}

// registryOver is a registry whose snapshot is never old.
func registryOver(tb testing.TB, over authcore.Revocations) *liveconn.Registry {
	tb.Helper()
	r, err := liveconn.New(liveconn.Config{Revocations: over, Sessions: databaseOfAll{}, Logger: slog.New(slog.DiscardHandler),
		Age: func() time.Duration { return 0 }, Ended: countEnded, Cut: observeCut, Open: openConnections.add})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// benched is a guard with the headers of the family remote over the real verifier, and the tokens of its sessions.
type benched struct {
	guard   *Guard
	mode    authcore.Mode
	keys    *jwtkeys.KeySet
	dialect *jwtkeys.ForeignKeys // where mode is that of dialects
	tokens  []string
}

// newBenched returns a guard, which accepts dialects too where the mode is theirs, the tokens of so many sessions, and so many revocations that concern others.
func newBenched(tb testing.TB, mode authcore.Mode, sessions, revocations int) *benched {
	tb.Helper()
	revoked := revocation.NewSet(nil)
	until := time.Now().Add(time.Hour)
	for range revocations {
		revoked.Apply(authcore.Revocation{SessionID: uuid.New(), AccountID: uuid.New(), Until: until})
	}
	if revocations > 0 {
		revoked.Apply(authcore.Revocation{AccountID: uuid.New(), Epoch: 1, RolesVersion: 1, Until: until})
	}
	keys := bothKeys(tb)
	v, err := accesstoken.New(accesstoken.Config{Keys: oneRing{keys}, Revocations: revoked, CacheBytes: 256 << 20, Now: time.Now})
	if err != nil {
		tb.Fatal(err)
	}
	fresh := revocation.NewStaleness(nil)
	fresh.Database(time.Now())
	app := &App{cfg: &resolved{remoteUser: "email", jars: [2]*httpauth.Jar{httpauth.NewJar("", false), httpauth.NewJar("", true)}}, node: &node{verifier: v, clock: nodeclock.New(logsink.Present()), staleness: fresh, connections: registryOver(tb, revoked)}, logger: logsink.Present()}
	app.sites.issuers.Add([]string{"https://auth.example.com"})
	auth, err := httpauth.NewAuthenticator(httpauth.Config{Verifier: v, Sessions: &session.Sessions{}, Issuers: app.sites.issuers.All, Dialects: app.dialects.Keys})
	if err != nil {
		tb.Fatal(err)
	}
	app.core.Store(&core{auth: auth})
	app.edge = app.newEdge()
	app.edge.Start(&guard.Started{Auth: auth, Staleness: fresh, Connections: app.node.connections})
	app.edge.AddGuard(nil, nil)
	headers, err := sanitize.IdentityHeaders(nil)
	if err != nil {
		tb.Fatal(err)
	}
	b := &benched{guard: &Guard{app: app}, mode: mode, keys: keys}
	b.guard.way = guard.Guard{Edge: app.edge, First: true, Identity: headers, User: accesstoken.EmailAsUser, Tell: b.guard.tell,
		Policy: access.Policy{MaxStaleness: 24 * time.Hour}}
	if mode == authcore.ModeDialect {
		b.acceptDialect(tb)
	}
	for range sessions {
		b.tokens = append(b.tokens, b.token(tb))
	}
	return b
}

func bothKeys(tb testing.TB) *jwtkeys.KeySet {
	tb.Helper()
	var keys []jwtkeys.Key
	for use, alg := range map[jwtkeys.Use]jwtkeys.Algorithm{jwtkeys.Bearer: jwtkeys.EdDSA, jwtkeys.Cookie: jwtkeys.HS256} {
		k, err := jwtkeys.Generate(use, alg)
		if err != nil {
			tb.Fatal(err)
		}
		keys = append(keys, k)
	}
	set, err := jwtkeys.NewKeySet(keys)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// token signs the token of one more session.
func (b *benched) token(tb testing.TB) string {
	tb.Helper()
	use, at := jwtkeys.Bearer, time.Now()
	if b.mode == authcore.ModeCookie {
		use = jwtkeys.Cookie
	}
	account := uuid.New()
	claims := jwtkeys.Claims{
		Issuer: "https://auth.example.com", Audience: []string{"https://auth.example.com"}, Subject: account.String(),
		SessionID: uuid.Must(uuid.NewV7()).String(), ID: "q6Ue0rWzNQm7YkXc1vHt3A", ExpiresAt: at.Add(time.Hour),
		AuthTime: at, AMR: []string{"pwd", "otp", "mfa"}, Roles: []string{"user", "staff"}, Epoch: 3, RolesVersion: 2,
		Email: "ada." + account.String()[:8] + "@example.com", EmailVerified: true, Username: "ada", Name: "Ada Lovelace",
	}
	token, err := b.keys.Sign(use, claims, at)
	if b.mode == authcore.ModeDialect {
		token, err = b.signDialect(claims, at)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// incoming is a request as it reaches the guard: with the headers a browser or a client library sends, one of them forged,
// and with what Caddy puts into its context. It is used again and again, for making one costs more than the guard does.
type incoming struct {
	*http.Request
	mode   authcore.Mode
	names  []string
	values [][]string
	served int
}

func (b *benched) incoming() *incoming {
	in := &incoming{mode: b.mode, Request: httptest.NewRequest(http.MethodGet, "https://app.example.com/items?page=2", nil)}
	for name, value := range map[string]string{
		"Accept": "*/*", "Accept-Encoding": "gzip, deflate, br", "Accept-Language": "en", "User-Agent": "Mozilla/5.0",
		"Remote-User": "root", "X-Request-Id": "8f14e45f", "Referer": "https://app.example.com/", "Sec-Fetch-Site": "same-origin",
	} {
		in.names, in.values = append(in.names, name), append(in.values, []string{value})
	}
	return in
}

// arrive makes it the request that comes with the token. The token is copied, so that it is near the processor as what has
// just been read from a connection is; the Replacer, which grows with every use, is a new one now and then.
func (in *incoming) arrive(token string) {
	if in.served++; in.served%16 == 1 {
		ctx := context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer())
		ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: "192.0.2.1"})
		in.Request = in.WithContext(ctx)
	}
	clear(in.Header)
	for i, name := range in.names {
		in.Header[name] = in.values[i]
	}
	if in.mode == authcore.ModeCookie {
		in.Header["Cookie"] = []string{"theme=dark; __Host-gatehouse=" + token + "; lang=en"}
	} else {
		in.Header["Authorization"] = []string{"Bearer " + token}
	}
}

var nothing = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

// BenchmarkGuard is the whole way of a guarded request through the guard, its token seen before. ns/op is with the making
// of the request; guard-ns/op is processor time without: every request is made twice, and goes through the guard once.
func BenchmarkGuard(b *testing.B) {
	for _, size := range []struct{ sessions, revocations int }{{1, 0}, {1, 1_000_000}, {1000, 0}, {100_000, 0}, {100_000, 1_000_000}} {
		for _, mode := range []authcore.Mode{authcore.ModeBearer, authcore.ModeCookie, authcore.ModeDialect} {
			benched := sync.OnceValue(func() *benched { return seenBy(b, mode, size.sessions, size.revocations) })
			b.Run(fmt.Sprintf("%s/sessions=%d/revocations=%d", mode, size.sessions, size.revocations), func(b *testing.B) {
				over := benched()
				b.ReportAllocs()
				b.ResetTimer()
				var guarded, bare atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					with, without := over.rounds(b, pb)
					guarded.Add(int64(with))
					bare.Add(int64(without))
				})
				b.ReportMetric(float64(guarded.Load()-bare.Load())/float64(b.N), "guard-ns/op")
			})
		}
	}
}

// BenchmarkGuard_StepUp is what `require mfa` and `require fresh` cost a request that they let through.
func BenchmarkGuard_StepUp(b *testing.B) {
	over := seenBy(b, authcore.ModeBearer, 1000, 0)
	asks := access.Policy{MaxStaleness: 24 * time.Hour, MFA: true, Fresh: time.Hour}
	for name, policy := range map[string]access.Policy{"none": {MaxStaleness: 24 * time.Hour}, "both": asks} {
		b.Run(name, func(b *testing.B) {
			over.guard.way.Policy = policy
			b.ReportAllocs()
			b.ResetTimer()
			var guarded, bare atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				with, without := over.rounds(b, pb)
				guarded.Add(int64(with))
				bare.Add(int64(without))
			})
			b.ReportMetric(float64(guarded.Load()-bare.Load())/float64(b.N), "guard-ns/op")
		})
	}
}

// seenBy is newBenched with every token seen, twice, from when on it is cached.
func seenBy(tb testing.TB, mode authcore.Mode, sessions, revocations int) *benched {
	tb.Helper()
	over := newBenched(tb, mode, sessions, revocations)
	in := over.incoming()
	for _, token := range over.tokens {
		over.serve(tb, in, token)
		over.serve(tb, in, token)
	}
	return over
}

// rounds sends requests while pb says so, and returns the processor time of those that were guarded and of as many that
// were not.
func (b *benched) rounds(tb testing.TB, pb *testing.PB) (with, without time.Duration) {
	runtime.LockOSThread() // cpuTime is a thread's
	defer runtime.UnlockOSThread()
	const round = 256
	in, at, more := b.incoming(), time.Now().Nanosecond(), true
	w := httptest.NewRecorder()
	for more {
		n, start := 0, cputime.Thread()
		for ; n < round; n++ {
			if more = pb.Next(); !more {
				break
			}
			in.arrive(b.tokens[(at+n)*7919%len(b.tokens)])
			if err := b.guard.ServeHTTP(w, in.Request, nothing); err != nil || w.Code != http.StatusOK {
				tb.Error(err, w.Code)
				return 0, 0
			}
		}
		half := cputime.Thread()
		for i := range n {
			in.arrive(b.tokens[(at+i)*7919%len(b.tokens)])
			_ = nothing.ServeHTTP(w, in.Request)
		}
		with += half - start
		without += cputime.Thread() - half
		at += n
	}
	return with, without
}

// serve sends one request and wants it admitted.
func (b *benched) serve(tb testing.TB, in *incoming, token string) {
	tb.Helper()
	in.arrive(token)
	w := httptest.NewRecorder()
	if err := b.guard.ServeHTTP(w, in.Request, nothing); err != nil || w.Code != http.StatusOK {
		tb.Fatal(err, w.Code)
	}
}

// A guarded request costs three allocations: the values of the identity headers, the placeholders, and what watches whether
// the answer lasts.
func TestGuard_Allocations(t *testing.T) {
	limits := map[authcore.Mode]float64{authcore.ModeBearer: 3, authcore.ModeDialect: 3, authcore.ModeCookie: 5} // and the other cookies
	for mode, limit := range limits {
		over := newBenched(t, mode, 1, 100)
		over.guard.way.Policy.MFA, over.guard.way.Policy.Fresh = true, time.Hour
		if n := over.allocations(t, over.tokens[0]); n > limit+detectorAllocations {
			t.Errorf("%s: %v allocations, want at most %v", mode, n, limit)
		}
	}
}

// allocations are those of a guarded request whose token was seen before.
func (b *benched) allocations(tb testing.TB, token string) float64 {
	tb.Helper()
	in := b.incoming()
	b.serve(tb, in, token)
	w := httptest.NewRecorder()
	made := testing.AllocsPerRun(1600, func() { in.arrive(token) })
	both := testing.AllocsPerRun(1600, func() {
		in.arrive(token)
		if err := b.guard.ServeHTTP(w, in.Request, nothing); err != nil || w.Code != http.StatusOK {
			tb.Fatal(err, w.Code)
		}
	})
	return both - made
}

// BenchmarkGuard_FirstSight is the way of a token never seen before, its signature check included.
func BenchmarkGuard_FirstSight(b *testing.B) {
	for _, mode := range []authcore.Mode{authcore.ModeBearer, authcore.ModeCookie} {
		b.Run(string(mode), func(b *testing.B) {
			over := newBenched(b, mode, 1, 0)
			in, w := over.incoming(), httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				in.arrive(over.token(b))
				b.StartTimer()
				if err := over.guard.ServeHTTP(w, in.Request, nothing); err != nil || w.Code != http.StatusOK {
					b.Fatal(err, w.Code)
				}
			}
		})
	}
}

// BenchmarkGuard_Junk is what refused tokens cost, by how far they get: every one is another.
func BenchmarkGuard_Junk(b *testing.B) {
	over := newBenched(b, authcore.ModeBearer, 1, 0)
	head, rest, _ := strings.Cut(over.tokens[0], ".")
	payload, _, _ := strings.Cut(rest, ".")
	other := over.token(b)
	good := other[strings.LastIndexByte(other, '.'):]
	for _, junk := range []struct {
		name  string
		token func(end string) string
	}{
		{"no-token", func(end string) string { return strings.Repeat("a", 600) + end }},
		{"unknown-key", func(end string) string { return head[:len(head)-4] + "eyJ9." + payload + "." + end }},
		{"bad-signature", func(end string) string { return head + "." + payload + "." + end }},
		{"forged", func(string) string { // with a signature that is well-formed, of a token sent for the first time
			other, signature := over.token(b), over.tokens[0]
			return other[:strings.LastIndexByte(other, '.')] + signature[strings.LastIndexByte(signature, '.'):]
		}},
		{"forged-again", func(string) string { return head + "." + payload + good }},
	} {
		b.Run(junk.name, func(b *testing.B) {
			in := over.incoming()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				in.arrive(junk.token(fmt.Sprintf("%085dA", i)))
				w := httptest.NewRecorder()
				b.StartTimer()
				if err := over.guard.ServeHTTP(w, in.Request, nothing); err != nil || w.Code != http.StatusUnauthorized {
					b.Fatal(err, w.Code)
				}
			}
		})
	}
}
