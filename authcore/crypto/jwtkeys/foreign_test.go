package jwtkeys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const foreignSecret = "a key that clients of old know, too"

var foreignNow = time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

func foreignKeys(t testing.TB, dialect string, keys ...string) *ForeignKeys {
	t.Helper()
	seal, err := secret.NewMACKey([]byte("the key that all nodes share, 32b"))
	if err != nil {
		t.Fatal(err)
	}
	var all []Key
	for _, text := range keys {
		k, err := Shared(secret.FromString(text), seal)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	f, err := NewForeignKeys(dialect, all, seal)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func foreignClaims() Claims {
	return Claims{Issuer: "https://auth.example.com", Audience: []string{"https://auth.example.com"}, Subject: "11111111-1111-4111-8111-111111111111",
		SessionID: "22222222-2222-7222-8222-222222222222", ID: "x", IssuedAt: foreignNow, ExpiresAt: foreignNow.Add(time.Minute), Roles: []string{"admin"}}
}

func foreignMembers(user any, c Claims) []Member {
	return []Member{{"user_id", user}, {"exp", c.ExpiresAt.Unix()}, {"iat", c.IssuedAt.Unix()}, {"sid", c.SessionID}}
}

func foreignToken(t testing.TB, f *ForeignKeys, use ForeignUse) string {
	t.Helper()
	token, err := f.Sign(use, foreignMembers(7, foreignClaims()), 7, foreignClaims())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forged signs other members and another header with the shared key, as every service that has it can.
func forged(t testing.TB, header string, members map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(foreignSecret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const plainHeader = `{"alg":"HS256","typ":"JWT"}`

func decoded(t testing.TB, token string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func TestForeign_SignAndOpen(t *testing.T) {
	t.Parallel()
	f := foreignKeys(t, "one", foreignSecret)
	for _, use := range []ForeignUse{ForeignAccess, ForeignRefresh} {
		got, err := f.Open(foreignToken(t, f, use), foreignNow)
		if err != nil || got.Use != use || got.Claims.Subject != foreignClaims().Subject || string(got.Members["user_id"]) != "7" || got.Members["gh"] != nil {
			t.Errorf("%s is %+v, %v", use, got, err)
		}
		if _, err := f.Open(foreignToken(t, f, use), foreignNow.Add(time.Minute)); !errors.Is(err, ErrExpired) {
			t.Errorf("a minute later: %v", err)
		}
	}
	// A test vector of simplejwt: its header is ours.
	if want := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."; !strings.HasPrefix(foreignToken(t, f, ForeignAccess), want) {
		t.Error("the header is not that of PyJWT")
	}
}

// TestForeign_WhoeverHoldsTheKey: services of the old system have the key too. They can change no member that the gateway goes by, and
// cannot move what is sealed into another token: the session's account is the claim's.
func TestForeign_WhoeverHoldsTheKey(t *testing.T) {
	t.Parallel()
	f := foreignKeys(t, "one", foreignSecret)
	good := decoded(t, foreignToken(t, f, ForeignAccess))
	if _, err := f.Open(forged(t, plainHeader, good), foreignNow); err != nil {
		t.Fatalf("the same members: %v", err)
	}
	refresh := decoded(t, foreignToken(t, f, ForeignRefresh))
	for name, change := range map[string]func(m map[string]any){
		"another user":     func(m map[string]any) { m["user_id"] = 8 },
		"the user as text": func(m map[string]any) { m["user_id"] = "7" },
		"another session":  func(m map[string]any) { m["sid"] = "22222222-2222-7222-8222-222222222223" },
		"no session":       func(m map[string]any) { delete(m, "sid") },
		"a longer life":    func(m map[string]any) { m["exp"] = foreignNow.Add(time.Hour).Unix() },
		"no end":           func(m map[string]any) { delete(m, "exp") },
		"nothing sealed":   func(m map[string]any) { delete(m, "gh") },
		"junk sealed":      func(m map[string]any) { m["gh"] = "AAAA" },
		"what another one seals": func(m map[string]any) {
			m["gh"] = decoded(t, foreignToken(t, foreignKeys(t, "two", foreignSecret), ForeignAccess))["gh"]
		},
	} {
		m := decoded(t, forged(t, plainHeader, good))
		change(m)
		if got, err := f.Open(forged(t, plainHeader, m), foreignNow); !errors.Is(err, ErrInvalid) || got.Use != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := f.Open(forged(t, plainHeader, refresh), foreignNow); err != nil || got.Use != ForeignRefresh {
		t.Errorf("a refresh token came back as %+v, %v", got, err)
	}
}

// TestT02_ForeignAlgorithmConfusion: the key says how a token is checked, and nothing in the token.
func TestT02_ForeignAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	f := foreignKeys(t, "one", foreignSecret)
	good := foreignToken(t, f, ForeignAccess)
	rest := good[strings.IndexByte(good, '.'):]
	unsigned := rest[:strings.LastIndexByte(rest, '.')+1]
	for _, header := range []string{
		`{"alg":"none","typ":"JWT"}`, `{"alg":"HS512","typ":"JWT"}`, `{"alg":"RS256","typ":"JWT"}`, `{"typ":"JWT"}`, `{"alg":"HS256","typ":"at+jwt"}`,
		`{"alg":"HS256","typ":"JWT","kid":"x"}`, `{"alg":"HS256","typ":"JWT","jku":"https://evil.example"}`, `{"alg":"HS256","typ":"JWT","crit":["b64"],"b64":false}`,
		`{"alg":"HS256","alg":"HS256","typ":"JWT"}`,
	} {
		text := base64.RawURLEncoding.EncodeToString([]byte(header))
		for _, token := range []string{text + rest, text + unsigned, forged(t, header, decoded(t, good))} {
			if _, err := f.Open(token, foreignNow); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", header, err)
			}
		}
	}
	for _, token := range []string{"", ".", "..", "...", good + ".", good + "A", good[:len(good)-1], "." + good, strings.Repeat("a", MaxLength) + good} {
		if _, err := f.Open(token, foreignNow); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.40q: %v", token, err)
		}
	}
	if _, err := f.Open(forged(t, `{"typ":"JWT","alg":"HS256"}`, decoded(t, good)), foreignNow); err != nil {
		t.Errorf("the header in another order: %v", err)
	}
}

// TestForeign_OtherKeys: a foreign key signs nothing, another dialect's neither, and a second key checks what it signed.
func TestForeign_OtherKeys(t *testing.T) {
	t.Parallel()
	const newer = "the key that came after the first one"
	one, two, other := foreignKeys(t, "one", foreignSecret), foreignKeys(t, "two", foreignSecret), foreignKeys(t, "one", newer)
	token := foreignToken(t, one, ForeignAccess)
	for name, f := range map[string]*ForeignKeys{"another dialect": two, "another key": other} {
		if _, err := f.Open(token, foreignNow); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := foreignKeys(t, "one", newer, foreignSecret).Open(token, foreignNow); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	all := NewForeignSet(two, other, one)
	got, err := all.Open(token, foreignNow)
	if err != nil || !all.Has(got.KID) || NewForeignSet(two, other).Has(got.KID) || !one.Has(got.KID) || two.Has(got.KID) {
		t.Errorf("of all dialects: %v, %v", got.KID, err)
	}
	if !all.Owns(token) || all.Owns(forged(t, plainHeader, map[string]any{"user_id": 7})) || (*ForeignSet)(nil).Owns(token) {
		t.Error("whose a token is")
	}
}

func TestForeignKeys_Short(t *testing.T) {
	t.Parallel()
	seal, err := secret.NewMACKey([]byte("the key that all nodes share, 32b"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Shared(secret.FromString(strings.Repeat("k", 31)), seal); err == nil {
		t.Error("a key of 31 bytes is taken")
	}
}
