package secret

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const plain = "correct-horse-battery-staple-0123456789"

func testKey(t testing.TB) MACKey {
	t.Helper()
	k, err := NewMACKey(Random(32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRedaction(t *testing.T) {
	t.Parallel()
	k, err := NewMACKey([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	v := FromString(plain)
	type inside struct {
		V Value
		P *Value
		K MACKey
	}
	for _, secret := range []any{v, &v, k, inside{v, &v, k}, []Value{v}, map[string]Value{"a": v}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			fmt.Fprintf(&out, verb+"\n", secret)
		}
		fmt.Fprintln(&out, secret, errors.New(fmt.Sprint(secret)))
		doc, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(doc)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "secret", secret)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "secret", secret)
		text := out.String()
		for _, leak := range []string{plain, fmt.Sprintf("%x", plain), fmt.Sprintf("%X", plain), "99 111 114", "0x63"} {
			if strings.Contains(text, leak) {
				t.Errorf("%T leaks %q in\n%s", secret, leak, text)
			}
		}
		if !strings.Contains(text, "[redacted]") {
			t.Errorf("%T prints %s", secret, text)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	b := []byte(plain)
	v := New(b)
	b[0] = 'X'
	v.Reveal()[1] = 'X'
	if v.RevealString() != plain || string(v.Reveal()) != plain || v.Len() != len(plain) || v.Empty() {
		t.Error("a Value shares its memory or changes what it holds")
	}
	if !(Value{}).Empty() || !FromString("").Empty() {
		t.Error("nothing is not empty")
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	d := SumString("abc")
	if fmt.Sprintf("%x", d) != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || d != sha256.Sum256([]byte("abc")) {
		t.Errorf("got %x", d)
	}
	if SumString("") != sha256.Sum256(nil) {
		t.Error("the empty text has another sum")
	}
	back, ok := DigestFrom(d.Bytes())
	if !ok || !back.Equal(d) || back.Equal(SumString("abd")) {
		t.Error("a stored digest does not come back")
	}
	for _, n := range []int{0, 31, 33} {
		if _, ok := DigestFrom(make([]byte, n)); ok {
			t.Errorf("%d bytes are a digest", n)
		}
	}
}

func TestSumString_DoesNotCopy(t *testing.T) {
	long := strings.Repeat("a", 1<<16)
	if n := testing.AllocsPerRun(100, func() { SumString(long) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCode_Uniform(t *testing.T) {
	t.Parallel()
	if Code(0) != "" || Code(-1) != "" {
		t.Error("a code of no length")
	}
	var counts [10]int
	const draws = 1_000_000
	for range draws / 100 {
		code := Code(100)
		if len(code) != 100 {
			t.Fatalf("length %d", len(code))
		}
		for _, c := range code {
			counts[c-'0']++
		}
	}
	// Chi-squared with 9 degrees of freedom: above 50 once in 10 million runs.
	chi := 0.0
	for _, n := range counts {
		d := float64(n) - draws/10
		chi += d * d / (draws / 10)
	}
	if chi > 50 {
		t.Errorf("digits %v: chi-squared %.0f", counts, chi)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	if a, b := Token(), Token(); a == b || len(a) != 43 || strings.ContainsAny(a, "+/=") {
		t.Errorf("got %q and %q", a, b)
	}
}

func TestSealer(t *testing.T) {
	t.Parallel()
	first, second := New(Random(32)), New(Random(48))
	s, err := NewSealer(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 16, 32, 1000} {
		text := Random(size)
		sealed, err := s.Seal("signing key", text)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := s.Seal("signing key", text)
		if bytes.Equal(sealed, again) || size > 8 && bytes.Contains(sealed, text) {
			t.Error("sealing is not random or not secret")
		}
		if got, err := s.Open("signing key", sealed); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, err := s.Open("totp seed", sealed); !errors.Is(err, ErrUnsealable) {
			t.Errorf("another purpose: %v", err)
		}
		if size == 32 {
			for i := range sealed {
				changed := bytes.Clone(sealed)
				changed[i] ^= 1
				if _, err := s.Open("signing key", changed); !errors.Is(err, ErrUnsealable) {
					t.Fatalf("byte %d changed: %v", i, err)
				}
				if _, err := s.Open("signing key", sealed[:i]); !errors.Is(err, ErrUnsealable) {
					t.Fatalf("cut to %d: %v", i, err)
				}
			}
		}
	}
	old, err := s.Seal("p", []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := NewSealer(second, first)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rotated.Open("p", old); err != nil || string(got) != plain {
		t.Errorf("after a rotation: %v", err)
	}
	fresh, _ := rotated.Seal("p", []byte(plain))
	if !s.SealedByFirst(old) || rotated.SealedByFirst(old) || !rotated.SealedByFirst(fresh) || s.SealedByFirst(nil) {
		t.Error("SealedByFirst is wrong")
	}
	_, err = s.Open("p", fresh)
	if !errors.Is(err, ErrUnsealable) || !strings.Contains(err.Error(), "configured secret is not the one that sealed") || strings.Contains(err.Error(), plain) {
		t.Errorf("with another secret: %v", err)
	}
}

func TestNewSealer_Refuses(t *testing.T) {
	t.Parallel()
	if _, err := NewSealer(); err == nil {
		t.Error("no secret is accepted")
	}
	short := "31-bytes-are-not-long-enough-xx"
	_, err := NewSealer(New(Random(32)), FromString(short))
	if err == nil || err.Error() != "secret 1 has 31 bytes, it needs at least 32" {
		t.Errorf("got %v", err)
	}
	if _, err := NewMACKey(make([]byte, 31)); err == nil {
		t.Error("a MAC key of 31 bytes is accepted")
	}
}

func TestMACKey(t *testing.T) {
	t.Parallel()
	k := testKey(t)
	b := func(s string) []byte { return []byte(s) }
	seen := map[Digest]string{}
	for name, d := range map[string]Digest{
		"none": k.MAC(), "empty": k.MAC(nil), "two empty": k.MAC(nil, nil), "abc": k.MAC(b("abc")), "ab,c": k.MAC(b("ab"), b("c")), "a,bc": k.MAC(b("a"), b("bc")),
		"derived": k.Derive("x").MAC(b("abc")), "derived other": k.Derive("y").MAC(b("abc")), "derived twice": k.Derive("x").Derive("x").MAC(b("abc")), "other": testKey(t).MAC(b("abc")),
	} {
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s are the same", name, other)
		}
		seen[d] = name
	}
	again, derived := k.MAC(b("ab"), b("c")), k.Derive("x").MAC()
	if k.MAC(b("ab"), b("c")) != again || k.Derive("x").MAC() != derived {
		t.Error("a MAC is not repeatable")
	}
	defer func() {
		if recover() == nil {
			t.Error("the zero key makes MACs")
		}
	}()
	MACKey{}.MAC(b("abc"))
}

func TestSealer_MACKey(t *testing.T) {
	t.Parallel()
	secret := New(Random(32))
	a, _ := NewSealer(secret)
	b, _ := NewSealer(secret, New(Random(32)))
	if a.MACKey("p").MAC() != b.MACKey("p").MAC() || a.MACKey("p").MAC() == a.MACKey("q").MAC() {
		t.Error("nodes of one secret have one key to a purpose")
	}
}
