package jwtkeys

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

func TestT25_Rotation(t *testing.T) {
	t.Parallel()
	old, next := newKey(t, Bearer, EdDSA), newKey(t, Bearer, ES256)
	activate, life := now.Add(time.Hour), 5*time.Minute
	old.NotBefore, old.RetireAt, old.RemoveAt = now.Add(-time.Hour), activate, activate.Add(life)
	next.NotBefore = activate
	s := newSet(t, old, next, newKey(t, Cookie, HS256), newKey(t, Bearer, HS256))
	kids := func(at time.Time) string {
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(s.JWKS(at), &set); err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, k := range set.Keys {
			if !k.IsPublic() || !k.Valid() || k.Use != "sig" || k.Algorithm == "" {
				t.Errorf("JWKS has %+v", k)
			}
			list = append(list, map[string]string{old.KID: "old", next.KID: "next"}[k.KeyID])
		}
		return strings.Join(list, " ")
	}
	for _, c := range []struct {
		at     time.Time
		signer string
		jwks   string
	}{
		{now, old.KID, "next old"},
		{activate.Add(-1), old.KID, "next old"},
		{activate, next.KID, "next old"},
		{activate.Add(life - 1), next.KID, "next old"},
		{activate.Add(life), next.KID, "next"},
	} {
		k, err := s.Signer(Bearer, c.at)
		if err != nil || k.KID != c.signer {
			t.Errorf("at %v: signer %v %v", c.at, k, err)
		}
		if got := kids(c.at); got != c.jwks {
			t.Errorf("at %v: JWKS %q, want %q", c.at, got, c.jwks)
		}
		if got := s.Has(old.KID, c.at); got != c.at.Before(old.RemoveAt) {
			t.Errorf("at %v: Has %v", c.at, got)
		}
	}
	last := activate.Add(-time.Second)
	claims := someClaims()
	claims.IssuedAt, claims.NotBefore, claims.ExpiresAt = last, last, last.Add(time.Hour)
	raw, err := s.Sign(Bearer, claims, last)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Verify(Bearer, raw, old.RemoveAt.Add(-1), isIssuer); err != nil {
		t.Error("the last token of the old key is refused before its end")
	}
	if _, _, err := s.Verify(Bearer, raw, old.RemoveAt, isIssuer); !errors.Is(err, ErrInvalid) {
		t.Error("a removed key verifies")
	}
	// A retired key does not sign, even where no other is left.
	if _, err := newSet(t, old).Signer(Bearer, activate); !errors.Is(err, ErrNoSigningKey) {
		t.Errorf("a retired key signs: %v", err)
	}
	// Between two nodes the clock may differ: a key to come verifies already.
	ahead, err := s.Sign(Bearer, claims, activate)
	if err != nil {
		t.Fatal(err)
	}
	if _, kid, err := s.Verify(Bearer, ahead, last, isIssuer); err != nil || kid != next.KID {
		t.Errorf("a token of the next key: %v", err)
	}
}

func TestJWKS_NoSecrets(t *testing.T) {
	t.Parallel()
	var keys []Key
	for _, alg := range algorithms {
		keys = append(keys, newKey(t, Bearer, alg))
	}
	cookie := newKey(t, Cookie, HS256)
	doc := newSet(t, append(keys, cookie)...).JWKS(now)
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(doc, &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 3 {
		t.Fatalf("%d keys, want 3", len(set.Keys))
	}
	public := map[string]bool{"kty": true, "crv": true, "x": true, "y": true, "n": true, "e": true, "use": true, "alg": true, "kid": true}
	for _, k := range set.Keys {
		for name := range k {
			if !public[name] {
				t.Errorf("member %q of %v", name, k["kid"])
			}
		}
		if k["kid"] == cookie.KID {
			t.Error("the cookie key is published")
		}
	}
	if got := string(newSet(t, cookie).JWKS(now)); got != `{"keys":[]}` {
		t.Errorf("without public keys: %s", got)
	}
}

// What we sign must be readable by another implementation from the published keys alone.
func TestSign_ReadByAnother(t *testing.T) {
	t.Parallel()
	for _, alg := range []Algorithm{EdDSA, ES256, RS256} {
		s := newSet(t, newKey(t, Bearer, alg))
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(s.JWKS(now), &set); err != nil {
			t.Fatal(err)
		}
		raw := sign(t, s, Bearer, someClaims())
		token, err := jose.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := token.Verify(set.Keys[0]); err != nil {
			t.Errorf("%s: go-jose: %v", alg, err)
		}
		var claims jwt.RegisteredClaims
		if _, err := jwt.ParseWithClaims(raw, &claims, func(*jwt.Token) (any, error) { return set.Keys[0].Key, nil },
			jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithIssuer(issuer), jwt.WithAudience("app"), jwt.WithExpirationRequired()); err != nil {
			t.Errorf("%s: golang-jwt: %v", alg, err)
		}
	}
}
