package secret

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

const prefix = "ghr_"

var id = [16]byte{1, 0x8f, 3: 0xff, 15: 0x42}

func TestIssueToken(t *testing.T) {
	t.Parallel()
	k := testKey(t)
	a, b := k.IssueToken(prefix, id), k.IssueToken(prefix, id)
	if a == b || len(a) != len(prefix)+tokenText || !strings.HasPrefix(a, prefix) || strings.ContainsAny(a, "+/=\n") {
		t.Errorf("got %q and %q", a, b)
	}
	if got, ok := k.ParseToken(prefix, a); !ok || got != id {
		t.Errorf("got %x %v", got, ok)
	}
	for name, refused := range map[string]bool{
		"another key":    parses(testKey(t), prefix, a),
		"derived key":    parses(k.Derive("x"), prefix, a),
		"another prefix": parses(k, "ghx_", a),
		"no prefix":      parses(k, "", a[len(prefix):]),
		"swapped prefix": parses(k, "ghx_", "ghx_"+a[len(prefix):]),
		"upper prefix":   parses(k, prefix, "GHR_"+a[len(prefix):]),
	} {
		if refused {
			t.Errorf("%s: accepted", name)
		}
	}
}

func parses(k MACKey, prefix, token string) bool {
	_, ok := k.ParseToken(prefix, token)
	return ok
}

func TestT13_TokenTruncatedOrChanged(t *testing.T) {
	t.Parallel()
	k := testKey(t)
	token := k.IssueToken(prefix, id)
	for n := range len(token) {
		if parses(k, prefix, token[:n]) {
			t.Errorf("cut to %d it passes", n)
		}
	}
	for i := range len(token) {
		for c := range 256 {
			if changed := token[:i] + string([]byte{byte(c)}) + token[i+1:]; changed != token && parses(k, prefix, changed) {
				t.Errorf("with character %d changed to %q it passes", i, byte(c))
			}
		}
	}
	for _, junk := range []string{"\n", "\r\n", "=", "==", "A", " ", "\x00"} {
		for at := range len(token) + 1 {
			if parses(k, prefix, token[:at]+junk+token[at:]) {
				t.Errorf("with %q at %d it passes", junk, at)
			}
			// A line break in place of a character keeps the length.
			if end := at + len(junk); end <= len(token) && token[at:end] != junk && parses(k, prefix, token[:at]+junk+token[end:]) {
				t.Errorf("with %q over %d it passes", junk, at)
			}
		}
	}
}

// The decoder skips line breaks and would leave the last byte of the checksum zero: one
// token in 256 would have a second spelling.
func TestT13_TokenWithLineBreaks(t *testing.T) {
	t.Parallel()
	k := testKey(t)
	for range 100_000 {
		token := k.IssueToken(prefix, id)
		raw, err := base64.RawURLEncoding.DecodeString(token[len(prefix):])
		if err != nil {
			t.Fatal(err)
		}
		if raw[tokenBytes-1] != 0 {
			continue
		}
		for _, end := range []string{"\n\n", "\r\n"} {
			if parses(k, prefix, token[:len(token)-2]+end) {
				t.Errorf("with %q for its end it passes", end)
			}
		}
		return
	}
	t.Fatal("no token ends in a zero byte")
}

// Who knows a session's id must not be able to make a token of it.
func TestParseToken_ForgedFromID(t *testing.T) {
	t.Parallel()
	k := testKey(t)
	for range soak.N(1000, 1_000_000) {
		raw := append(append([]byte{}, id[:]...), Random(tokenRandom+tokenMAC)...)
		if parses(k, prefix, prefix+base64.RawURLEncoding.EncodeToString(raw)) {
			t.Fatal("a forged token passes")
		}
	}
}

func TestParseToken_JunkAllocatesNothing(t *testing.T) {
	k := testKey(t)
	token := k.IssueToken(prefix, id)
	for name, junk := range map[string]string{
		"long": strings.Repeat("a", 1<<20), "short": "x", "bad base64": prefix + strings.Repeat("!", tokenText), "other prefix": "x" + token[1:],
	} {
		if n := testing.AllocsPerRun(100, func() { k.ParseToken(prefix, junk) }); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestSealFor(t *testing.T) {
	t.Parallel()
	k := testKey(t)
	token, successor := k.IssueToken(prefix, id), k.IssueToken(prefix, id)
	sealed := SealFor(token, []byte(successor))
	if got, ok := OpenWith(token, sealed); !ok || string(got) != successor {
		t.Error("the holder of the token cannot open")
	}
	for _, other := range []string{successor, token[:len(token)-1], "", string(SumString(token).Bytes())} {
		if _, ok := OpenWith(other, sealed); ok {
			t.Error("another token opens")
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, ok := OpenWith(token, changed); ok {
			t.Errorf("with byte %d changed it opens", i)
		}
		if _, ok := OpenWith(token, sealed[:i]); ok {
			t.Errorf("cut to %d it opens", i)
		}
	}
	if bytes.Equal(sealed, SealFor(token, []byte(successor))) || bytes.Contains(sealed, []byte(successor)) {
		t.Error("sealing is not random or not secret")
	}
}

func FuzzParseToken(f *testing.F) {
	k := testKey(f)
	good := k.IssueToken(prefix, id)
	seeds := []string{good, good[:len(good)-1], good + "A", strings.Repeat("A", len(good)), prefix + strings.Repeat("_", tokenText), prefix, ""}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, ok := k.ParseToken(prefix, token)
		if ok != (token == good) || ok && got != id || !ok && got != [16]byte{} {
			t.Fatalf("%q: %x %v", token, got, ok)
		}
	})
}

func FuzzOpen(f *testing.F) {
	s, err := NewSealer(New(Random(32)))
	if err != nil {
		f.Fatal(err)
	}
	good, err := s.Seal("p", []byte(plain))
	if err != nil {
		f.Fatal(err)
	}
	seeds := [][]byte{good, good[:len(good)-1], good[:sealHeader], {sealVersion}, nil}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, b := range seeds {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := s.Open("p", sealed); (err == nil) != bytes.Equal(sealed, good) || err == nil && string(got) != plain {
			t.Fatalf("%x: %v", sealed, err)
		}
	})
}

func BenchmarkParseToken(b *testing.B) {
	k := testKey(b)
	good := k.IssueToken(prefix, id)
	for name, token := range map[string]string{"good": good, "forged": good[:len(good)-2] + "AA", "junk": strings.Repeat("x", 1000)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.ParseToken(prefix, token)
			}
		})
	}
}
