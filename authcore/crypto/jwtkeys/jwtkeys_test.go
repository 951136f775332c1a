package jwtkeys

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	now        = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	algorithms = []Algorithm{EdDSA, ES256, RS256, HS256}
)

const issuer = "https://auth.example.com"

func isIssuer(s string) bool { return s == issuer }

func someClaims() Claims {
	return Claims{
		Issuer: issuer, Audience: []string{"app"},
		Subject: "0b6f2c1e-54f7-4c7c-9a56-0d6f6f0f2a11", SessionID: "018f3c5e-7c1a-7b5e-8f00-1a2b3c4d5e6f",
		ID: "j-1", IssuedAt: now, NotBefore: now, ExpiresAt: now.Add(5 * time.Minute), AuthTime: now.Add(-time.Hour),
		AMR: []string{"pwd", "otp"}, ACR: "mfa", Roles: []string{"admin", "ops:eu"}, Epoch: 3, RolesVersion: 7,
		Email: "ada@example.com", EmailVerified: true, Username: "ada", Name: `Ada <"L&L"> 🦊`,
		Fields: `{"age":-7,"news":false,"team":"blue <\"&\"> 🦊"}`,
	}
}

func newKey(t testing.TB, use Use, alg Algorithm) Key {
	t.Helper()
	k, err := Generate(use, alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newSet(t testing.TB, keys ...Key) *KeySet {
	t.Helper()
	s, err := NewKeySet(keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s *KeySet, use Use, c Claims) string {
	t.Helper()
	raw, err := s.Sign(use, c, now)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs any header and payload with the real key, so that only the rule under
// test stands between the token and acceptance.
func forge(t testing.TB, k Key, header, payload string) string {
	t.Helper()
	signed := b64(header) + "." + b64(payload)
	sig, err := k.method().Sign(signed, k.private)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func header(k Key) string {
	return fmt.Sprintf(`{"alg":%q,"typ":%q,"kid":%q}`, k.Algorithm, k.Use.typ(), k.KID)
}

// payload returns the wire claims after change.
func payload(t testing.TB, change func(map[string]any)) string {
	t.Helper()
	text, err := someClaims().encode()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(m)
	}
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func accepted(t testing.TB, s *KeySet, use Use, raw string) Claims {
	t.Helper()
	c, _, err := s.Verify(use, raw, now, isIssuer)
	if err != nil {
		t.Fatalf("a good token is refused: %v", err)
	}
	return c
}

func refused(t testing.TB, s *KeySet, use Use, raw string) {
	t.Helper()
	c, kid, err := s.Verify(use, raw, now, isIssuer)
	if !errors.Is(err, ErrInvalid) || errors.Unwrap(err) != nil || err.Error() != ErrInvalid.Error() { // no reason may show
		t.Fatalf("got %v, want ErrInvalid itself", err)
	}
	if !reflect.DeepEqual(c, Claims{}) || kid != "" {
		t.Fatal("a refused token yields claims")
	}
}

func TestSignVerify(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			k := newKey(t, Bearer, alg)
			s := newSet(t, k, newKey(t, Cookie, HS256))
			for _, use := range []Use{Bearer, Cookie} {
				if got := accepted(t, s, use, sign(t, s, use, someClaims())); !reflect.DeepEqual(got, someClaims()) {
					t.Errorf("%s: got %+v", use, got)
				}
			}
			raw := sign(t, s, Bearer, someClaims())
			if _, kid, _ := s.Verify(Bearer, raw, now, isIssuer); kid != k.KID {
				t.Errorf("kid %q, want %q", kid, k.KID)
			}
			accepted(t, s, Bearer, forge(t, k, header(k), payload(t, nil)))
		})
	}
}

func TestSign_Minimal(t *testing.T) {
	t.Parallel()
	k := newKey(t, Bearer, EdDSA)
	s := newSet(t, k)
	full := someClaims()
	c := Claims{Issuer: full.Issuer, Audience: []string{"a", "b"}, Subject: full.Subject, SessionID: full.SessionID, ID: "j", ExpiresAt: full.ExpiresAt}
	raw := sign(t, s, Bearer, c)
	text, _ := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	want := `{"iss":"https://auth.example.com","aud":["a","b"],"sub":"` + c.Subject + `","sid":"` + c.SessionID +
		`","jti":"j","iat":1772366400,"nbf":1772366400,"exp":1772366700,"amr":[],"roles":[],"epoch":0,"rv":0}`
	if string(text) != want {
		t.Errorf("payload\n got %s\nwant %s", text, want)
	}
	accepted(t, s, Bearer, raw)
	text, _ = full.encode()
	for _, part := range []string{`"name":"Ada <\"L&L\"> 🦊"`, `"aud":"app"`, `"email":"ada@example.com","email_verified":true`, `"auth_time":1772362800`, `"fields":` + someClaims().Fields} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
}

func TestSign_RefusesWhatVerifyRefuses(t *testing.T) {
	t.Parallel()
	s := newSet(t, newKey(t, Bearer, EdDSA))
	for name, change := range map[string]func(*Claims){
		"no exp":           func(c *Claims) { c.ExpiresAt = time.Time{} },
		"exp before iat":   func(c *Claims) { c.ExpiresAt = now },
		"no iss":           func(c *Claims) { c.Issuer = "" },
		"no jti":           func(c *Claims) { c.ID = "" },
		"no aud":           func(c *Claims) { c.Audience = nil },
		"empty aud":        func(c *Claims) { c.Audience = []string{""} },
		"sub no uuid":      func(c *Claims) { c.Subject = "ada" },
		"sid upper case":   func(c *Claims) { c.SessionID = strings.ToUpper(c.SessionID) },
		"negative epoch":   func(c *Claims) { c.Epoch = -1 },
		"unverified email": func(c *Claims) { c.EmailVerified = false },
		"bad UTF-8":        func(c *Claims) { c.Name = "\xff" },
		"fields no object": func(c *Claims) { c.Fields = `["a"]` },
		"fields no JSON":   func(c *Claims) { c.Fields = `{"a":nul}` },
		"fields of fields": func(c *Claims) { c.Fields = `{"a":{"b":1}}` },
		"a field twice":    func(c *Claims) { c.Fields = `{"a":1,"a":2}` },
		"too long":         func(c *Claims) { c.Name = strings.Repeat("x", MaxLength) },
	} {
		c := someClaims()
		change(&c)
		if _, err := s.Sign(Bearer, c, now); err == nil {
			t.Errorf("%s: signed", name)
		} else if strings.Contains(err.Error(), "example.com") {
			t.Errorf("%s: the error holds a claim: %v", name, err)
		}
	}
}

func TestSign_NoKey(t *testing.T) {
	t.Parallel()
	s := newSet(t, newKey(t, Cookie, HS256))
	if _, err := s.Sign(Bearer, someClaims(), now); !errors.Is(err, ErrNoSigningKey) {
		t.Errorf("got %v", err)
	}
}

func TestKey_RoundTripAndRedaction(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms {
		k := newKey(t, Bearer, alg)
		private, err := k.MarshalPrivate()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParsePrivate(k.KID, Bearer, alg, private)
		if err != nil {
			t.Fatal(err)
		}
		accepted(t, newSet(t, k), Bearer, sign(t, newSet(t, back), Bearer, someClaims()))
		if _, err := k.MarshalPublic(); (err != nil) != (alg == HS256) {
			t.Errorf("%s: public part: %v", alg, err)
		}
		want := fmt.Sprintf("key %s (%s, bearer)", k.KID, alg)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			if got := fmt.Sprintf(verb, k); got != want {
				t.Errorf("%s prints %q", verb, got)
			}
		}
		for _, other := range algorithms {
			if _, err := ParsePrivate(k.KID, Bearer, other, private); other != alg && alg != HS256 && other != HS256 && err == nil {
				t.Errorf("%s key taken as %s", alg, other)
			}
		}
	}
}

func TestNewKeySet_Refuses(t *testing.T) {
	t.Parallel()
	k := newKey(t, Bearer, EdDSA)
	with := func(change func(*Key)) Key { c := k; change(&c); return c }
	for name, keys := range map[string][]Key{
		"same kid twice":     {k, k},
		"kid with a dot":     {with(func(k *Key) { k.KID = "a.b" })},
		"kid with a quote":   {with(func(k *Key) { k.KID = `a"` })},
		"no kid":             {with(func(k *Key) { k.KID = "" })},
		"long kid":           {with(func(k *Key) { k.KID = strings.Repeat("a", 65) })},
		"another algorithm":  {with(func(k *Key) { k.Algorithm = ES256 })},
		"unknown algorithm":  {with(func(k *Key) { k.Algorithm = "none" })},
		"unknown use":        {with(func(k *Key) { k.Use = "enc" })},
		"cookie with EdDSA":  {with(func(k *Key) { k.Use = Cookie })},
		"no private part":    {{KID: "a", Use: Bearer, Algorithm: EdDSA}},
		"removed too early":  {with(func(k *Key) { k.RetireAt, k.RemoveAt = now, now.Add(-1) })},
		"retires before use": {with(func(k *Key) { k.NotBefore, k.RetireAt = now, now.Add(-1) })},
	} {
		if _, err := NewKeySet(keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := ParsePrivate("a", Cookie, HS256, make([]byte, 31)); err == nil {
		t.Error("a key of 31 bytes is accepted for HS256")
	}
}

func TestParseAlgorithm(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "none", "eddsa", "RS384", "PS256", "HS512", "EdDSA "} {
		if _, err := ParseAlgorithm(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
	for _, a := range algorithms {
		if got, err := ParseAlgorithm(string(a)); got != a || err != nil {
			t.Errorf("%s: %v %v", a, got, err)
		}
	}
}
