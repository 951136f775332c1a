package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// signingKey is a key of a gateway, taken out of its database: what nobody outside has, so that a token can be wrong in
// exactly one thing.
type signingKey struct {
	kid, use, alg string
	private       any // crypto.Signer or []byte
	active        bool
}

// signingKeys opens the keys of a gateway on SQLite with its secret.
func (g *gateway) signingKeys(t testing.TB) []signingKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.Dir, "data", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(secret.FromString(strings.TrimSpace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	var out []signingKey
	for _, row := range g.query(t, "select kid, key_use, algorithm, sealed, not_before is not null and retire_at is null from signing_keys") {
		plain, err := sealer.Open("signing key", row[3].([]byte))
		if err != nil {
			t.Fatal(err)
		}
		k := signingKey{kid: row[0].(string), use: row[1].(string), alg: row[2].(string), private: plain, active: row[4].(int64) == 1}
		if parsed, err := x509.ParsePKCS8PrivateKey(plain); err == nil {
			k.private = parsed
		}
		out = append(out, k)
	}
	return out
}

// signingKey returns the active key of a use: bearer, cookie or internal.
func (g *gateway) signingKey(t testing.TB, use string) signingKey {
	t.Helper()
	for _, k := range g.signingKeys(t) {
		if k.use == use && k.active {
			return k
		}
	}
	t.Fatalf("the gateway has no active %s key", use)
	return signingKey{}
}

var b64 = base64.RawURLEncoding

// sign makes a token of exactly this header and these claims, under the key's own or another algorithm.
func (k signingKey) sign(t testing.TB, alg, header, claims string) string {
	t.Helper()
	text := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(claims))
	var sig []byte
	var err error
	switch key := k.private.(type) {
	case []byte:
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		sig = m.Sum(nil)
	case ed25519.PrivateKey:
		sig = ed25519.Sign(key, []byte(text))
	case *rsa.PrivateKey:
		sum := sha256.Sum256([]byte(text))
		if alg == "PS256" {
			sig, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		}
	case *ecdsa.PrivateKey:
		sum256, sum384 := sha256.Sum256([]byte(text)), sha512.Sum384([]byte(text))
		sum := sum256[:]
		if alg == "ES384" {
			sum = sum384[:]
		}
		r, s, e := ecdsa.Sign(rand.Reader, key, sum)
		if err = e; err == nil {
			sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64.EncodeToString(sig)
}

// header is a token's header as the gateway writes it for a key.
func (k signingKey) header() string {
	typ := "at+jwt"
	if k.use == "cookie" {
		typ = "gatehouse-cookie+jwt"
	}
	return `{"alg":"` + k.alg + `","kid":"` + k.kid + `","typ":"` + typ + `"}`
}

// part decodes one segment of a token.
func part(t testing.TB, token string, i int) string {
	t.Helper()
	text, err := b64.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// members decodes one segment of a token as an object.
func members(t testing.TB, token string, i int) map[string]any {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(strings.NewReader(part(t, token, i)))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// with returns a copy of an object with one member set, or removed where value is gone. A json.RawMessage stays as it is.
func with(m map[string]any, name string, value any) map[string]any {
	c := maps.Clone(m)
	if value == gone {
		delete(c, name)
	} else {
		c[name] = value
	}
	return c
}

type absent struct{}

var gone any = absent{}

func text(t testing.TB, m map[string]any) string {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// resign gives a user's bearer token another header or other claims, under the gateway's own key.
func (g *gateway) resign(t testing.TB, token string, change func(claims map[string]any) map[string]any) string {
	t.Helper()
	k := g.signingKey(t, "bearer")
	return k.sign(t, k.alg, k.header(), text(t, change(members(t, token, 1))))
}
