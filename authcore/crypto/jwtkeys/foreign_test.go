package jwtkeys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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
	token, err := f.Sign(use, foreignMembers(7, foreignClaims()), foreignClaims())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forged signs another text and another header with the shared key, as every service that has it can.
func forged(header, members string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(members))
	mac := hmac.New(sha256.New, []byte(foreignSecret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const plainHeader = `{"alg":"HS256","typ":"JWT"}`

// written are the members of a token, as they are written.
func written(t testing.TB, token string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sealed is the member gh of a token.
func sealed(t testing.TB, token string) string {
	t.Helper()
	_, after, _ := strings.Cut(written(t, token), `"gh":"`)
	return strings.TrimSuffix(after, `"}`)
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
		if _, err := f.Open(foreignToken(t, f, use), foreignNow.Add(-Leeway-time.Second)); !errors.Is(err, ErrInvalid) {
			t.Errorf("before it was issued: %v", err)
		}
	}
	// A test vector of simplejwt: its header is ours.
	if want := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."; !strings.HasPrefix(foreignToken(t, f, ForeignAccess), want) {
		t.Error("the header is not that of PyJWT")
	}
}

// TestForeign_WhoeverHoldsTheKey: services of the old system have the key too. They can change, add and take away no member, and cannot move what
// is sealed into another token: the session's account is the claim's, and what the API says of a token the gateway has written.
func TestForeign_WhoeverHoldsTheKey(t *testing.T) {
	t.Parallel()
	f := foreignKeys(t, "one", foreignSecret)
	token, refresh := foreignToken(t, f, ForeignAccess), foreignToken(t, f, ForeignRefresh)
	good := written(t, token)
	for use, text := range map[ForeignUse]string{ForeignAccess: good, ForeignRefresh: written(t, refresh)} {
		if got, err := f.Open(forged(plainHeader, text), foreignNow); err != nil || got.Use != use {
			t.Fatalf("the same members: %+v, %v", got, err)
		}
	}
	foreign := sealed(t, foreignToken(t, foreignKeys(t, "two", foreignSecret), ForeignAccess))
	for name, change := range map[string][2]string{
		"another user":           {`"user_id":7`, `"user_id":8`},
		"the user as text":       {`"user_id":7`, `"user_id":"7"`},
		"another session":        {`222222222222"`, `222222222223"`},
		"no session":             {`"sid"`, `"s"`},
		"a longer life":          {`"exp":`, `"exp":1`},
		"no end":                 {`"exp"`, `"e"`},
		"nothing sealed":         {`,"gh":"` + sealed(t, token) + `"`, ""},
		"junk sealed":            {sealed(t, token), "AAAA"},
		"what another one seals": {sealed(t, token), foreign},
		"that of a refresh":      {sealed(t, token), "a" + sealed(t, refresh)[1:]},
		"told as of a refresh":   {`"gh":"a`, `"gh":"r`},
		"a role":                 {`{`, `{"roles":["admin"],`},
		"a role behind":          {`"}`, `","roles":["admin"]}`},
		"another spelling":       {`{`, `{ `},
		"a blank behind":         {`"}`, `"} `},
		"a name twice":           {`{`, `{"user_id":8,`},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if got, err := f.Open(forged(plainHeader, text), foreignNow); text == good || !errors.Is(err, ErrInvalid) || got.Use != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
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
		for _, token := range []string{text + rest, text + unsigned, forged(header, written(t, good))} {
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
	if _, err := f.Open(forged(`{"typ":"JWT","alg":"HS256"}`, written(t, good)), foreignNow); err != nil {
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
	if !all.Owns(token) || all.Owns(forged(plainHeader, `{"user_id":7}`)) || (*ForeignSet)(nil).Owns(token) {
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
