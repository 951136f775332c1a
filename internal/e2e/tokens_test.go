package e2e

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// refused sends a token as bearer, and as cookie, and demands that neither passes.
func refused(t *testing.T, g *gateway, what, token string) {
	t.Helper()
	a := g.do(t, call{path: "/x", bearer: token})
	if a.status == 431 && len(token) > 16<<10 {
		return // Caddy's own limit comes first
	}
	if a.status != 401 || a.code() != "invalid_token" || a.header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("%s as bearer: %d %s, WWW-Authenticate %q", what, a.status, a.code(), a.header.Get("WWW-Authenticate"))
	}
	if strings.ContainsAny(token, "\r\n\x00\" ;\\") {
		return
	}
	if a := g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse": token}}); a.status != 401 {
		t.Errorf("%s as cookie: %d", what, a.status)
	}
}

// passes is the control of a refusal: the forging works, it is the one wrong thing that is refused.
func passes(t *testing.T, g *gateway, what, token string) {
	t.Helper()
	if a := g.do(t, call{path: "/x", bearer: token}); a.status != 200 {
		t.Errorf("%s: %d %.200s", what, a.status, a.body)
	}
}

func TestT01_AlgNone(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u, b := g.newUser(t), g.newBrowser(t)
	for _, original := range []string{u.access, b.cookies["gatehouse"]} {
		h, segments := members(t, original, 0), strings.Split(original, ".")
		for _, alg := range []any{"none", "None", "nOnE", "NONE", "", nil, 0, gone} {
			head := b64.EncodeToString([]byte(text(t, with(h, "alg", alg))))
			for name, sig := range map[string]string{"no": "", "the old": segments[2]} {
				refused(t, g, fmt.Sprintf("alg %v with %s signature", alg, name), head+"."+segments[1]+"."+sig)
			}
			refused(t, g, "unsecured in two segments", head+"."+segments[1])
		}
	}
}

func TestT02_PublicKeyAsSecret(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			g := start(t, plan{global: "algorithm " + alg})
			u := g.newUser(t)
			k := g.signingKey(t, "bearer")
			for what, key := range publicForms(t, g, k) {
				forged := signingKey{private: key}
				for _, name := range []string{"HS256", "HS512"} {
					h := with(members(t, u.access, 0), "alg", name)
					refused(t, g, name+" keyed with the "+what, forged.sign(t, "HS256", text(t, h), part(t, u.access, 1)))
				}
				refused(t, g, "a MAC of the "+what+" under the right alg", forged.sign(t, "HS256", k.header(), part(t, u.access, 1)))
			}
			passes(t, g, "the same token, rightly signed", k.sign(t, alg, k.header(), part(t, u.access, 1)))
		})
	}
}

// publicForms are the spellings of a public key that a library might take for a MAC's key.
func publicForms(t *testing.T, g *gateway, k signingKey) map[string][]byte {
	t.Helper()
	forms := map[string][]byte{"empty key": {}}
	var public any
	switch p := k.private.(type) {
	case *rsa.PrivateKey:
		public = p.Public()
		forms["PKCS#1 DER"] = x509.MarshalPKCS1PublicKey(&p.PublicKey)
		forms["modulus"] = p.N.Bytes()
	case *ecdsa.PrivateKey:
		public = p.Public()
	case ed25519.PrivateKey:
		public = p.Public()
		forms["raw key"] = p.Public().(ed25519.PublicKey)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	forms["DER"], forms["PEM"], forms["PEM without the last newline"] = der, text, text[:len(text)-1]
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(g.api(t, "GET", "/.well-known/jwks.json", nil).must(t, 200, "").body, &set); err != nil {
		t.Fatal(err)
	}
	for i, jwk := range set.Keys {
		forms[fmt.Sprintf("JWK %d", i)] = jwk
	}
	return forms
}

func TestT03_AlgorithmOrUseSwapped(t *testing.T) {
	t.Parallel()
	for alg, others := range map[string][]string{"RS256": {"PS256", "RS384", "RS512", "rs256"}, "ES256": {"ES384", "ES256K", "es256"}, "EdDSA": {"Ed25519", "eddsa", "HS256"}} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			g := start(t, plan{global: "algorithm " + alg})
			u := g.newUser(t)
			k := g.signingKey(t, "bearer")
			for _, other := range others {
				h := text(t, with(members(t, u.access, 0), "alg", other))
				refused(t, g, alg+" called "+other, k.sign(t, other, h, part(t, u.access, 1)))
				refused(t, g, alg+" with its own signature, called "+other, k.sign(t, alg, h, part(t, u.access, 1)))
			}
			claims := part(t, u.access, 1)
			for _, use := range []string{"cookie", "internal"} {
				foreign := g.signingKey(t, use)
				for _, typ := range []string{"at+jwt", "gatehouse-cookie+jwt"} {
					h := fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":%q}`, foreign.kid, typ)
					forged := foreign.sign(t, "HS256", h, claims)
					if a := g.do(t, call{path: "/x", bearer: forged}); a.status != 401 {
						t.Errorf("signed by the %s key as %s, as bearer: %d", use, typ, a.status)
					}
					a := g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse": forged}})
					if want := use == "cookie" && typ == "gatehouse-cookie+jwt"; (a.status == 200) != want {
						t.Errorf("signed by the %s key as %s, as cookie: %d", use, typ, a.status)
					}
				}
			}
			h := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"gatehouse-cookie+jwt"}`, alg, k.kid)
			refused(t, g, "the bearer key signing a cookie", k.sign(t, alg, h, claims))
			passes(t, g, "the control", k.sign(t, alg, k.header(), claims))
		})
	}
}

func TestT04_KeyNamedByTheToken(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var connections atomic.Int64
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close()
		}
	}()
	there := "http://" + listener.Addr().String() + "/jwks.json"
	_, mine, _ := ed25519.GenerateKey(rand.Reader)
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64.EncodeToString(mine.Public().(ed25519.PublicKey)), "kid": "mine"}
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	own, real := signingKey{private: mine}, g.signingKey(t, "bearer")
	h := members(t, u.access, 0)
	for name, value := range map[string]any{"jwk": jwk, "jku": there, "x5u": there, "x5c": []string{b64.EncodeToString([]byte("certificate"))}, "x5t": "abc", "crit": []string{"exp"}, "zip": "DEF", "b64": false} {
		for _, kid := range []any{h["kid"], "mine", gone} {
			head := text(t, with(with(h, name, value), "kid", kid))
			refused(t, g, name+" with a key of the sender", own.sign(t, "EdDSA", head, part(t, u.access, 1)))
			refused(t, g, name+" with an EC key", signingKey{private: ec}.sign(t, "ES256", strings.Replace(head, "EdDSA", "ES256", 1), part(t, u.access, 1)))
		}
		refused(t, g, name+" beside a good signature", real.sign(t, "EdDSA", text(t, with(h, name, value)), part(t, u.access, 1)))
	}
	passes(t, g, "the control", real.sign(t, "EdDSA", text(t, h), part(t, u.access, 1)))
	if n := connections.Load(); n != 0 {
		t.Errorf("the gateway made %d connections to where a token told it to", n)
	}
}

func TestT05_KidInjectionAndStorm(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	k, h := g.signingKey(t, "bearer"), members(t, u.access, 0)
	claims := part(t, u.access, 1)
	for _, kid := range []any{"../../dev/null", "/dev/null", "' OR 1=1--", "a\r\nX: y", "\u0000", strings.Repeat("k", 5000), 7, true, nil, []string{k.kid}, map[string]any{"kid": k.kid}, "", k.kid + " ", strings.ToUpper(k.kid), gone} {
		refused(t, g, fmt.Sprintf("kid %.20v", kid), k.sign(t, k.alg, text(t, with(h, "kid", kid)), claims))
	}
	// A reload that fails says so, which makes reloads countable.
	g.exec(t, "alter table signing_keys rename to moved")
	// The look-ups of kids above may have caused the reload that the minute allows; the slow tick comes every half minute.
	before := strings.Count(g.logs(), "could not reload the signing keys")
	began := time.Now()
	client := g.client
	for i := range 10_000 {
		forged := k.sign(t, k.alg, fmt.Sprintf(`{"alg":"EdDSA","kid":"storm-%d","typ":"at+jwt"}`, i), claims)
		if a := g.do(t, call{path: "/x", bearer: forged, client: client}); a.status != 401 {
			t.Fatalf("random kid: %d", a.status)
		}
	}
	allowed := 2 + int(time.Since(began)/(20*time.Second))
	if n := strings.Count(g.logs(), "could not reload the signing keys") - before; n > allowed {
		t.Errorf("10000 random kids in %s caused %d reloads of the keys", time.Since(began), n)
	}
	g.exec(t, "alter table moved rename to signing_keys")
	passes(t, g, "a good token afterwards", u.access)
}

func TestT08_SegmentBomb(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	parts := strings.Split(u.access, ".")
	for _, token := range []string{parts[0], parts[0] + "." + parts[1], u.access + ".", "." + u.access, u.access + "." + parts[2],
		u.access + ".a.b", "..", "...", ".", strings.Repeat(".", 8000), strings.Repeat(".", 60_000), strings.Repeat("a.", 100_000), strings.Repeat("A", 8193) + ".a.b"} {
		refused(t, g, fmt.Sprintf("%d segments in %d bytes", strings.Count(token, ".")+1, len(token)), token)
	}
	best := time.Hour
	for range 5 {
		began := time.Now()
		a := g.raw(t, "GET /x HTTP/1.1\r\nHost: "+g.Host()+"\r\nConnection: close\r\nAuthorization: Bearer "+strings.Repeat(".", 1<<20)+"\r\n\r\n")
		if a.status != 401 && a.status != 431 {
			t.Fatalf("1 MiB of dots: %d", a.status)
		}
		best = min(best, time.Since(began))
	}
	if best > 250*time.Millisecond { // 10 ms on an idle machine
		t.Errorf("1 MiB of dots took %s", best)
	}
}

func TestT10_TokenTypeConfusion(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u, b := g.newUser(t), g.newBrowser(t)
	address := fmt.Sprintf("confused-%s@example.com", u.username)
	registration := g.api(t, "POST", "/register", map[string]any{"email": address, "password": password}).must(t, 202, "").text("registration")
	link := g.waitMail(t, address, 1)
	g.api(t, "POST", "/password/forgot", map[string]any{"login": u.email}).must(t, 202, "")
	reset := g.waitMail(t, u.email, 2)
	if registration == "" || link.token == "" || reset.token == "" {
		t.Fatalf("missing: registration %t, link %t, reset %t", registration != "", link.token != "", reset.token != "")
	}
	for what, token := range map[string]string{"a refresh token": u.refresh, "a refresh cookie": b.cookies["gatehouse_refresh"], "a registration": registration,
		"a verification link's token": link.token, "a code": link.code, "a reset link's token": reset.token} {
		refused(t, g, what, token)
		if a := g.api(t, "GET", "/me", nil, call{bearer: token}); a.status != 401 {
			t.Errorf("%s at the API: %d", what, a.status)
		}
	}
	g.do(t, call{path: "/x", bearer: b.cookies["gatehouse"]}).want(t, 401, "invalid_token")
	g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse": u.access}}).want(t, 401, "invalid_token")
	for what, token := range map[string]string{"an access token": u.access, "an access cookie": b.cookies["gatehouse"], "a registration": registration, "a link's token": link.token, "a reset": reset.token} {
		g.api(t, "POST", "/refresh", map[string]any{"refresh_token": token}).want(t, 401, "invalid_refresh_token")
		g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse_refresh": token}}).want(t, 401, "invalid_token")
		if what != "a link's token" {
			g.api(t, "POST", "/verify", map[string]any{"token": token, "registration": registration}).want(t, 400, "invalid_code")
		}
		if what != "a reset" {
			g.api(t, "POST", "/password/reset", map[string]any{"token": token, "new_password": "summer pebble beacon 9"}).want(t, 400, "invalid_code")
		}
	}
	k := g.signingKey(t, "bearer")
	for _, typ := range []any{"JWT", "jwt", "at+JWT", "application/at+jwt", "id_token", "gatehouse-cookie+jwt", "", nil, gone} {
		refused(t, g, fmt.Sprintf("typ %v", typ), k.sign(t, k.alg, text(t, with(members(t, u.access, 0), "typ", typ)), part(t, u.access, 1)))
	}
}

func TestT11_AudienceAndIssuer(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "audience app-one https://app.example.com/api"})
	u := g.newUser(t)
	issuer := members(t, u.access, 1)["iss"].(string)
	for _, aud := range []any{"other", []string{"other"}, []string{}, []string{""}, "", 7, nil, gone, "app-on", "app-one ", "APP-ONE", "https://app.example.com/api/",
		"https://app.example.com", "app-one,other", []any{"app-one", 7}, []any{[]string{"app-one"}}, map[string]any{"app-one": true}} {
		refused(t, g, fmt.Sprintf("aud %v", aud), g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, "aud", aud) }))
	}
	for _, iss := range []any{issuer + "/", strings.ToUpper(issuer), strings.Replace(issuer, "http:", "https:", 1), issuer + "0", "", nil, 7, gone, []string{issuer}, "https://evil.test"} {
		refused(t, g, fmt.Sprintf("iss %v", iss), g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, "iss", iss) }))
	}
	for _, aud := range []any{"app-one", []string{"other", "app-one"}, "https://app.example.com/api"} {
		passes(t, g, fmt.Sprintf("aud %v", aud), g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, "aud", aud) }))
	}
}

func TestT12_TimeClaims(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	now := time.Now().Unix()
	claim := func(name string, value any) string {
		return g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, name, value) })
	}
	for _, exp := range []any{gone, nil, fmt.Sprint(now + 300), -1, 0, json.RawMessage("1e400"), json.RawMessage("1e12"), json.RawMessage(fmt.Sprintf("%d.5", now+300)), true, []int64{now + 300},
		json.RawMessage("99999999999999999999"), json.RawMessage("0x7fffffff"), json.RawMessage("+5"), now, now - 1, now - 30} {
		if raw, ok := exp.(json.RawMessage); ok && !json.Valid(raw) {
			h := g.signingKey(t, "bearer")
			broken := strings.Replace(text(t, with(members(t, u.access, 1), "exp", "@")), `"@"`, string(raw), 1)
			refused(t, g, "exp "+string(raw), h.sign(t, h.alg, h.header(), broken))
			continue
		}
		refused(t, g, fmt.Sprintf("exp %s", exp), claim("exp", exp))
	}
	for _, name := range []string{"nbf", "iat"} {
		for _, value := range []any{now + 600, now + 3600*24*365, "soon", gone, json.RawMessage("1e5")} {
			refused(t, g, fmt.Sprintf("%s %v", name, value), g.resign(t, u.access, func(m map[string]any) map[string]any {
				return with(with(m, "exp", now+3600*24*400), name, value)
			}))
		}
		passes(t, g, name+" within the leeway of a minute", claim(name, now+30))
	}
	passes(t, g, "exp in a minute", claim("exp", now+60))
	passes(t, g, "exp in some seconds", claim("exp", time.Now().Unix()+10))
	// What is wrong with a token is never told.
	expired := g.resign(t, u.access, func(m map[string]any) map[string]any {
		return with(with(with(m, "exp", now-10), "iat", now-100), "nbf", now-100)
	})
	bad := expired[:len(expired)-8] + "AAAAAAAA"
	a, b := g.do(t, call{path: "/x", bearer: expired}), g.do(t, call{path: "/x", bearer: bad})
	if a.status != 401 || string(a.body) != string(b.body) || a.header.Get("WWW-Authenticate") != b.header.Get("WWW-Authenticate") {
		t.Errorf("expired: %d %s\nexpired with a bad signature: %d %s", a.status, a.body, b.status, b.body)
	}
}

func TestT13_Truncation(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u, b := g.newUser(t), g.newBrowser(t)
	for n := range len(u.access) {
		if a := g.do(t, call{path: "/x", header: map[string]string{"Authorization": "Bearer " + u.access[:n]}}); a.status != 401 {
			t.Fatalf("the first %d of %d bytes of a bearer token: %d", n, len(u.access), a.status)
		}
	}
	access, refresh := b.cookies["gatehouse"], b.cookies["gatehouse_refresh"]
	for n := range len(access) {
		if a := g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse": access[:n]}}); a.status != 401 {
			t.Fatalf("the first %d of %d bytes of an access cookie: %d", n, len(access), a.status)
		}
	}
	for n := range len(refresh) {
		if a := g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse_refresh": refresh[:n]}}); a.status != 401 {
			t.Fatalf("the first %d of %d bytes of a refresh cookie: %d", n, len(refresh), a.status)
		}
		g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh[:n]}).must(t, 401, "invalid_refresh_token")
	}
	for _, more := range []string{"A", "=", ".", "%00"} {
		g.do(t, call{path: "/x", bearer: u.access + more}).want(t, 401, "invalid_token")
		g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh + more}).want(t, 401, "invalid_refresh_token")
	}
	passes(t, g, "the whole token", u.access)
	g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).want(t, 200, "")
}
