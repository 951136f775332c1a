package jwtkeys

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestT01_AlgNone(t *testing.T) {
	t.Parallel()
	for _, a := range algorithms {
		k := newKey(t, Bearer, a)
		s := newSet(t, k)
		good := sign(t, s, Bearer, someClaims())
		for _, alg := range []string{"none", "None", "nOnE", "NONE", ""} {
			h := fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":%q}`, alg, k.KID)
			refused(t, s, Bearer, b64(h)+"."+b64(payload(t, nil))+".")
			refused(t, s, Bearer, forge(t, k, h, payload(t, nil)))
		}
		refused(t, s, Bearer, forge(t, k, fmt.Sprintf(`{"typ":"at+jwt","kid":%q}`, k.KID), payload(t, nil)))
		refused(t, s, Bearer, forge(t, k, fmt.Sprintf(`{"alg":null,"typ":"at+jwt","kid":%q}`, k.KID), payload(t, nil)))
		refused(t, s, Bearer, good[:strings.LastIndexByte(good, '.')+1])
		refused(t, s, Bearer, good[:strings.LastIndexByte(good, '.')])
	}
}

func TestT02_PublicKeyAsMACKey(t *testing.T) {
	t.Parallel()
	for _, alg := range []Algorithm{EdDSA, ES256, RS256} {
		k := newKey(t, Bearer, alg)
		s := newSet(t, k, newKey(t, Cookie, HS256))
		der, err := k.MarshalPublic()
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		jwk, err := json.Marshal(jose.JSONWebKey{Key: k.public, KeyID: k.KID, Algorithm: string(alg), Use: "sig"})
		if err != nil {
			t.Fatal(err)
		}
		for name, material := range map[string][]byte{
			"PEM": text, "PEM without newline": bytes.TrimSpace(text), "DER": der, "JWK": jwk, "JWKS": s.JWKS(now), "nothing": {},
		} {
			for _, label := range []string{"HS256", string(alg)} {
				signed := b64(fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":%q}`, label, k.KID)) + "." + b64(payload(t, nil))
				h := hmac.New(sha256.New, material)
				h.Write([]byte(signed))
				raw := signed + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
				t.Run(string(alg)+"/"+name+"/"+label, func(t *testing.T) { refused(t, s, Bearer, raw) })
			}
		}
	}
}

func TestT03_AlgorithmPinnedToKey(t *testing.T) {
	t.Parallel()
	for _, a := range algorithms {
		k := newKey(t, Bearer, a)
		s := newSet(t, k)
		for _, alg := range []string{"PS256", "RS384", "ES384", "ES512", "HS384", "HS512", "EdDSA", "ES256", "RS256", "HS256", "Ed25519"} {
			if alg != string(a) {
				refused(t, s, Bearer, forge(t, k, fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":%q}`, alg, k.KID), payload(t, nil)))
			}
		}
	}
	// A key of the same algorithm but for the other use.
	cookie, bearer := newKey(t, Cookie, HS256), newKey(t, Bearer, HS256)
	s := newSet(t, cookie, bearer)
	for _, kid := range []string{cookie.KID, bearer.KID} {
		refused(t, s, Bearer, forge(t, cookie, fmt.Sprintf(`{"alg":"HS256","typ":"at+jwt","kid":%q}`, kid), payload(t, nil)))
		refused(t, s, Cookie, forge(t, bearer, fmt.Sprintf(`{"alg":"HS256","typ":"gatehouse-cookie+jwt","kid":%q}`, kid), payload(t, nil)))
	}
}

func TestT04_KeyNamedByToken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close()
		}
	}()
	k := newKey(t, Bearer, RS256)
	s := newSet(t, k)
	jwk, err := json.Marshal(jose.JSONWebKey{Key: k.public, KeyID: k.KID})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"jku": `"http://` + listener.Addr().String() + `/k"`, "x5u": `"http://` + listener.Addr().String() + `/c"`,
		"jwk": string(jwk), "x5c": `["MIIB"]`, "x5t": `"x"`, "crit": `["exp"]`, "b64": `false`, "zip": `"DEF"`, "cty": `"JWT"`, "extra": `1`,
	} {
		h := strings.TrimSuffix(header(k), "}") + fmt.Sprintf(`,%q:%s}`, name, value)
		t.Run(name, func(t *testing.T) { refused(t, s, Bearer, forge(t, k, h, payload(t, nil))) })
	}
	accepted(t, s, Bearer, forge(t, k, header(k), payload(t, nil)))
	_ = listener.Close()
	<-done
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections to the address in the token", n)
	}
}

func TestT04_HeaderIsExact(t *testing.T) {
	t.Parallel()
	k := newKey(t, Bearer, EdDSA)
	s := newSet(t, k)
	kid := k.KID
	for _, h := range []string{
		`{}`, `[]`, `null`, `""`, ``, `{`, header(k) + " {}", header(k) + "x",
		`{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"` + kid + `"}`,
		`{"alg":"EdDSA","typ":"at+jwt","kid":"x","kid":"` + kid + `"}`,
		`{"alg":"EdDSA","typ":"at+jwt","kid":"` + kid + `","KID":"` + kid + `"}`,
		`{"ALG":"EdDSA","typ":"at+jwt","kid":"` + kid + `"}`,
		`{"alg":["EdDSA"],"typ":"at+jwt","kid":"` + kid + `"}`,
		`{"alg":"EdDSA","typ":"at+jwt","kid":"` + kid + `",}`,
		`{"\u0061lg":"EdDSA","typ":"at+jwt","kid":"` + kid + `"}`,
		`{"alg":"EdDSA","kid":"` + kid + `"}`,
		`{"alg":"EdDSA","typ":"at+jwt"}`,
	} {
		t.Run(h, func(t *testing.T) { refused(t, s, Bearer, forge(t, k, h, payload(t, nil))) })
	}
	for _, h := range []string{
		`{"kid":"` + kid + `","alg":"EdDSA","typ":"at+jwt"}`,
		"{ \"alg\" : \"EdDSA\",\n\t\"kid\":\"" + kid + "\", \"typ\":\"at+jwt\" }\r\n",
	} {
		accepted(t, s, Bearer, forge(t, k, h, payload(t, nil)))
	}
}

func TestT05_KidInjection(t *testing.T) {
	t.Parallel()
	k := newKey(t, Bearer, EdDSA)
	s := newSet(t, k)
	for _, kid := range []string{
		`"../../dev/null"`, `"' OR 1=1--"`, `"a\r\nSet-Cookie: x"`, `""`, `5`, `null`, `["` + k.KID + `"]`, `{"a":1}`, `true`,
		`"` + k.KID + `\u0000"`, `"` + k.KID + ` "`, `"` + strings.Repeat("a", 4<<10) + `"`, `"` + strings.Repeat("a", 64<<10) + `"`,
	} {
		refused(t, s, Bearer, forge(t, k, `{"alg":"EdDSA","typ":"at+jwt","kid":`+kid+`}`, payload(t, nil)))
	}
}

func TestT05_KidStorm(t *testing.T) {
	t.Parallel()
	k := newKey(t, Bearer, EdDSA)
	s := newSet(t, k)
	body := "." + b64(payload(t, nil)) + "." + strings.Repeat("A", 86)
	raws := make([]string, 10_000)
	for i := range raws {
		raws[i] = b64(fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q}`, rand.Text())) + body
	}
	var asked atomic.Int32
	start := time.Now()
	for _, raw := range raws {
		if _, _, err := s.Verify(Bearer, raw, now, func(string) bool { asked.Add(1); return true }); !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
	}
	// Far below the 0.1 ms of one signature check each.
	if took := time.Since(start); took > time.Second {
		t.Errorf("10 000 unknown kids took %v", took)
	}
	if asked.Load() != 0 {
		t.Error("the claims of a token without a key were read")
	}
	if n := len(s.byKID) + len(s.byHeader); n != 2 {
		t.Errorf("the set grew to %d", n)
	}
}

func TestT08_SegmentBomb(t *testing.T) {
	k := newKey(t, Bearer, EdDSA)
	s := newSet(t, k)
	good := sign(t, s, Bearer, someClaims())
	parts := strings.Split(good, ".")
	deep := forge(t, k, header(k), `{"x":`+strings.Repeat("[", 4000))
	var names strings.Builder
	for i := range 700 {
		fmt.Fprintf(&names, `"%d":1,`, i)
	}
	wide := forge(t, k, header(k), `{`+names.String()+`"b":1}`)
	// Signed and well-formed, but for its length.
	long := forge(t, k, header(k), payload(t, func(m map[string]any) { m["name"] = strings.Repeat("x", MaxLength*3/4) }))
	for name, raw := range map[string]string{
		"long": long, "dots": strings.Repeat(".", 1<<20), "letters": strings.Repeat("a", 1<<20), "8 KiB of dots": strings.Repeat(".", MaxLength),
		"one dot over": good + strings.Repeat("A", MaxLength+1-len(good)), "empty": "", "1 segment": parts[0], "2 segments": parts[0] + "." + parts[1],
		"4 segments": good + ".", "4 segments in front": "." + good, "5 segments": good + ".a.b", "JWE": "a.b.c.d.e",
		"deep": deep, "wide": wide,
	} {
		refused(t, s, Bearer, raw)
		const rounds = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		for range rounds {
			_, _, _ = s.Verify(Bearer, raw, now, isIssuer)
		}
		took := time.Since(start) / rounds
		runtime.ReadMemStats(&after)
		if size := (after.TotalAlloc - before.TotalAlloc) / rounds; size > 64<<10 || took > 10*time.Millisecond {
			t.Errorf("%s: %d bytes and %v", name, size, took)
		}
		if n := testing.AllocsPerRun(rounds, func() { _, _, _ = s.Verify(Bearer, raw, now, isIssuer) }); n != 0 && strings.Contains(name, "dots") {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestT10_TokenTypes(t *testing.T) {
	t.Parallel()
	bearer, cookie := newKey(t, Bearer, HS256), newKey(t, Cookie, HS256)
	s := newSet(t, bearer, cookie)
	refused(t, s, Cookie, sign(t, s, Bearer, someClaims()))
	refused(t, s, Bearer, sign(t, s, Cookie, someClaims()))
	for _, typ := range []string{"JWT", "jwt", "", "AT+JWT", "at+JWT", "application/at+jwt", "at+jwt ", "id+jwt", "gatehouse-cookie+jwt", "dpop+jwt", "logout+jwt"} {
		refused(t, s, Bearer, forge(t, bearer, fmt.Sprintf(`{"alg":"HS256","typ":%q,"kid":%q}`, typ, bearer.KID), payload(t, nil)))
	}
	for _, typ := range []string{"at+jwt", "JWT", "GATEHOUSE-COOKIE+JWT"} {
		refused(t, s, Cookie, forge(t, cookie, fmt.Sprintf(`{"alg":"HS256","typ":%q,"kid":%q}`, typ, cookie.KID), payload(t, nil)))
	}
	// An ID token: right key and typ, but none of the claims that make an access token.
	refused(t, s, Bearer, forge(t, bearer, header(bearer), payload(t, func(m map[string]any) { delete(m, "sid"); delete(m, "jti") })))
}

func TestT11_AudienceAndIssuer(t *testing.T) {
	t.Parallel()
	k := newKey(t, Bearer, EdDSA)
	s := newSet(t, k)
	for _, iss := range []any{issuer + "/", "HTTPS://AUTH.EXAMPLE.COM", issuer + ":443", "", 1, nil, []string{issuer}, "http://auth.example.com"} {
		refused(t, s, Bearer, forge(t, k, header(k), payload(t, func(m map[string]any) { m["iss"] = iss })))
	}
	for _, aud := range []any{"", []string{}, []any{}, 5, nil, true, map[string]any{"app": 1}, []any{"app", 5}, []any{"app", nil}, []any{[]string{"app"}}, []any{"app", ""}} {
		refused(t, s, Bearer, forge(t, k, header(k), payload(t, func(m map[string]any) { m["aud"] = aud })))
	}
	for _, name := range []string{"iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"} {
		refused(t, s, Bearer, forge(t, k, header(k), payload(t, func(m map[string]any) { delete(m, name) })))
	}
	for want, aud := range map[string]any{"app": "app", "a,b": []string{"a", "b"}, "one": []string{"one"}} {
		c := accepted(t, s, Bearer, forge(t, k, header(k), payload(t, func(m map[string]any) { m["aud"] = aud })))
		if got := strings.Join(c.Audience, ","); got != want {
			t.Errorf("aud %q, want %q", got, want)
		}
	}
	if _, _, err := s.Verify(Bearer, sign(t, s, Bearer, someClaims()), now, nil); !errors.Is(err, ErrInvalid) {
		t.Error("without an issuer check a token is accepted")
	}
}

func TestT12_TimeClaims(t *testing.T) {
	t.Parallel()
	k := newKey(t, Bearer, EdDSA)
	s := newSet(t, k)
	exp := now.Add(5 * time.Minute).Unix()
	set := func(name, value string) string {
		p := payload(t, func(m map[string]any) { delete(m, name) })
		return forge(t, k, header(k), strings.TrimSuffix(p, "}")+`,"`+name+`":`+value+`}`)
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		for _, value := range []string{
			fmt.Sprintf("%q", fmt.Sprint(exp)), "-1", "0", "1e400", "1e9", "1E9", "1772366400.0", "1772366400.5", "null", "true", "[]", "{}",
			"99999999999999999999", "253402300800", "0177236640", "+1772366400", "NaN", "",
		} {
			refused(t, s, Bearer, set(name, value))
		}
	}
	for _, c := range []struct {
		name  string
		value time.Time
		at    time.Time
		good  bool
	}{
		{"exp", now.Add(time.Minute), now.Add(time.Minute - 1), true},
		{"exp", now.Add(time.Minute), now.Add(time.Minute), false},
		{"exp", now.Add(time.Minute), now.Add(time.Minute + time.Second), false},
		{"nbf", now.Add(Leeway), now, true},
		{"nbf", now.Add(Leeway + time.Second), now, false},
		{"nbf", now.Add(10 * time.Minute), now, false},
		{"iat", now.Add(Leeway), now, true},
		{"iat", now.Add(Leeway + time.Second), now, false},
		{"iat", now.AddDate(1, 0, 0), now, false},
		{"auth_time", now, now, true},
	} {
		_, _, err := s.Verify(Bearer, set(c.name, fmt.Sprint(c.value.Unix())), c.at, isIssuer)
		if good := err == nil; good != c.good {
			t.Errorf("%s %v at %v: %v", c.name, c.value, c.at, err)
		}
	}
	// Expired with a bad signature: the same error as every other, by identity.
	raw := sign(t, s, Bearer, someClaims())
	bad := raw[:len(raw)-4] + "AAAA"
	for _, at := range []time.Time{now, now.Add(time.Hour)} {
		for _, r := range []string{bad, raw[:len(raw)-1]} {
			if _, _, err := s.Verify(Bearer, r, at, isIssuer); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
		}
	}
}

func TestT13_EveryPrefixRefused(t *testing.T) {
	t.Parallel()
	for _, alg := range []Algorithm{HS256, EdDSA, ES256} {
		s := newSet(t, newKey(t, Bearer, alg))
		raw := sign(t, s, Bearer, someClaims())
		for n := range len(raw) {
			refused(t, s, Bearer, raw[:n])
		}
	}
}

func TestClaims_Strict(t *testing.T) {
	t.Parallel()
	k := newKey(t, Bearer, EdDSA)
	s := newSet(t, k)
	good := payload(t, nil)
	body := strings.TrimSuffix(good, "}")
	filled := "" // what fills a payload up to 64 members; one more is too many
	all, _ := membersOf(good)
	for i := len(all); i < maxMembers; i++ {
		filled += fmt.Sprintf(`,"x%d":0`, i)
	}
	filled += "}"
	for _, p := range []string{
		"", "{}", "null", "[]", good + "{}", body, body + ",}", good + "x", "\ufeff" + good,
		body + `,"sub":"0b6f2c1e-54f7-4c7c-9a56-0d6f6f0f2a12"}`, body + `,"x":1,"x":1}`, body + `,"\u0073ub":"a"}`,
		body + `,"x":}`, body + `,"x":[1}}`, body + `,"x":nul}`, body + `,"x":'a'}`, body + `,"x":"` + "\n" + `"}`, body + ",\"x\":\"\xff\"}",
		strings.Replace(good, `"ada"`, "\"a\nda\"", 1), strings.Replace(good, `"ada"`, "\"a\x00da\"", 1), strings.Replace(good, `"ada"`, "\"a\xffda\"", 1),
		body + filled[:len(filled)-1] + `,"z":0}`,
	} {
		refused(t, s, Bearer, forge(t, k, header(k), p))
	}
	for name, values := range map[string][]any{
		"sub": {"ada", "0B6F2C1E-54F7-4C7C-9A56-0D6F6F0F2A11", "{0b6f2c1e-54f7-4c7c-9a56-0d6f6f0f2a11}", "0b6f2c1e54f74c7c9a560d6f6f0f2a11", "urn:uuid:0b6f2c1e-54f7-4c7c-9a56-0d6f6f0f2a11", 1, nil},
		"sid": {"", 5, "018f3c5e-7c1a-7b5e-8f00-1a2b3c4d5e6g"}, "jti": {"", 1, nil}, "roles": {"admin", []any{1}, nil, map[string]any{}}, "amr": {"pwd", []any{nil}},
		"epoch": {"3", -1, 1.5, nil}, "rv": {"7", -1, nil}, "email": {1, nil}, "email_verified": {"true", 1, false, nil}, "name": {1, nil}, "username": {[]string{"a"}},
		"fields": {nil, "team", []any{}, map[string]any{"a": nil}, map[string]any{"a": []any{}}, map[string]any{"a": map[string]any{}}},
	} {
		for _, v := range values {
			refused(t, s, Bearer, forge(t, k, header(k), payload(t, func(m map[string]any) { m[name] = v })))
		}
	}
	accepted(t, s, Bearer, forge(t, k, header(k), body+filled))
	c := accepted(t, s, Bearer, forge(t, k, header(k), body+`,"later":{"a":[1,"]}",{}]},"n":-1.5e3}`))
	if c.Username != "ada" {
		t.Errorf("got %+v", c)
	}
}
