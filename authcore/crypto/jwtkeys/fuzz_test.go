package jwtkeys

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// A token is one text: no other spelling of it, and no change to it, verifies.
func TestMalleability_EveryChange(t *testing.T) {
	t.Parallel()
	for _, alg := range []Algorithm{HS256, EdDSA, ES256} {
		s := newSet(t, newKey(t, Bearer, alg))
		raw := sign(t, s, Bearer, someClaims())
		for i := range len(raw) {
			for bit := range 8 {
				changed := []byte(raw)
				changed[i] ^= 1 << bit
				refused(t, s, Bearer, string(changed))
			}
		}
		end := len(raw) - 1
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for _, c := range alphabet { // the last character has bits that mean nothing
			if changed := raw[:end] + string(c); changed != raw {
				refused(t, s, Bearer, changed)
			}
		}
		dot := strings.LastIndexByte(raw, '.')
		for _, junk := range []string{"\n", "\r\n", "=", "==", " ", "\x00", "%3D"} {
			for _, at := range []int{0, dot, dot + 1, dot + 9, len(raw)} {
				refused(t, s, Bearer, raw[:at]+junk+raw[at:])
			}
		}
	}
}

func FuzzVerify(f *testing.F) {
	k := newKey(f, Bearer, HS256)
	s := newSet(f, k, newKey(f, Cookie, HS256))
	good := sign(f, s, Bearer, someClaims())
	seeds := []string{good, sign(f, s, Cookie, someClaims()), good + ".", good[:len(good)-1], "..", "a.b.c", forge(f, k, header(k), "{}")}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, kid, err := s.Verify(Bearer, raw, now, isIssuer)
		if raw == good {
			if err != nil {
				t.Fatal("the good token is refused")
			}
			return
		}
		if !errors.Is(err, ErrInvalid) || kid != "" || c.Subject != "" {
			t.Fatalf("%q is accepted", raw)
		}
	})
}

// Whatever decode accepts is JSON that the standard decoder reads the same way.
func FuzzDecode(f *testing.F) {
	good := payload(f, nil)
	seeds := []string{good, strings.TrimSuffix(good, "}") + `,"x":{"a":[1,"]}"]}}`, `{"exp":1e9}`, `{"name":"\ud800"}`, `{}`, `{"a":[}`, `{"a":"\"}`}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := decode(text)
		if !ok {
			return
		}
		var m struct {
			Iss, Sub, Sid, Jti, Name, Username, Email string
			Exp, Epoch                                int64
			Roles                                     []string
		}
		var exact map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &exact); err != nil {
			t.Fatalf("accepted, but no JSON: %q", text)
		}
		only := make(map[string]json.RawMessage)
		for _, name := range []string{"iss", "sub", "sid", "jti", "name", "username", "email", "exp", "epoch", "roles"} {
			if v, ok := exact[name]; ok {
				only[name] = v
			}
		}
		b, _ := json.Marshal(only)
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("accepted, but of another type: %q", text)
		}
		if m.Iss != c.Issuer || m.Sub != c.Subject || m.Sid != c.SessionID || m.Jti != c.ID || m.Name != c.Name ||
			m.Username != c.Username || m.Email != c.Email || m.Exp != c.ExpiresAt.Unix() || m.Epoch != c.Epoch || len(m.Roles) != len(c.Roles) {
			t.Fatalf("read differently: %q", text)
		}
		again, err := c.encode()
		if err != nil {
			t.Fatalf("accepted, but not to be signed: %v", err)
		}
		if _, ok := decode(string(again)); !ok {
			t.Fatalf("encoded again it is refused: %q", again)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range algorithms {
		b.Run(string(alg), func(b *testing.B) {
			s := newSet(b, newKey(b, Bearer, alg))
			c := someClaims()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Sign(Bearer, c, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range algorithms {
		s := newSet(b, newKey(b, Bearer, alg))
		raw := sign(b, s, Bearer, someClaims())
		late := now.AddDate(0, 0, 1)
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.Verify(Bearer, raw, now, isIssuer); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(alg)+"Expired", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = s.Verify(Bearer, raw, late, isIssuer)
			}
		})
	}
}
