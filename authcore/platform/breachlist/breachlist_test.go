package breachlist

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// digests is a list of n digests that follow from seed.
func digests(seed uint64, n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		rng := rand.New(rand.NewPCG(seed, 0))
		var err error
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(w, "%X:%d\r\n", digest(rng), i)
		}
		w.CloseWithError(err)
	}()
	return r
}

func digest(rng *rand.Rand) (d [sha1.Size]byte) {
	binary.BigEndian.PutUint64(d[:], rng.Uint64())
	binary.BigEndian.PutUint64(d[8:], rng.Uint64())
	binary.BigEndian.PutUint32(d[16:], rng.Uint32())
	return d
}

func build(t *testing.T, list io.Reader) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "breached")
	if _, err := Build(list, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t *testing.T, file string) *List {
	t.Helper()
	l, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestList_FindsAllOfItsPasswordsAndFewOthers(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 300, 5_000, 200_000} {
		l := open(t, build(t, digests(1, n)))
		if l.Passwords() != uint64(n) {
			t.Errorf("%d passwords, want %d", l.Passwords(), n)
		}
		rng := rand.New(rand.NewPCG(1, 0))
		for range n {
			if found, err := l.HasDigest(digest(rng)); err != nil || !found {
				t.Fatalf("one of the %d of the list: %v, %v", n, found, err)
			}
		}
		wrong, others := 0, rand.New(rand.NewPCG(2, 0))
		const tried = 200_000
		for range tried {
			if found, _ := l.HasDigest(digest(others)); found {
				wrong++
			}
		}
		if wrong > tried/10_000 { // 3 are expected; 1 in 250 is promised
			t.Errorf("%d of %d others are found among %d", wrong, tried, n)
		}
	}
}

func TestList_TakesAPasswordAsItIsTyped(t *testing.T) {
	l := open(t, build(t, strings.NewReader(fmt.Sprintf("%x\n\n%X:3\n%X:3", sha1.Sum([]byte("correct horse")), sha1.Sum([]byte("Grüße")), sha1.Sum([]byte("Grüße"))))))
	for password, want := range map[string]bool{"correct horse": true, "Grüße": true, "Correct horse": false, "": false} {
		if found, err := l.Has(password); err != nil || found != want {
			t.Errorf("%q: %v, %v", password, found, err)
		}
	}
	if l.Passwords() != 2 {
		t.Errorf("%d passwords, want 2: one stands there twice", l.Passwords())
	}
}

func TestBuild_RefusesWhatIsNoListAndLeavesTheFormerFile(t *testing.T) {
	file := build(t, digests(1, 10))
	good := fmt.Sprintf("%x", sha1.Sum([]byte("a")))
	for text, want := range map[string]string{
		"": "empty", good + "\npassword\n": "line 2", good[:39] + "x:1": "line 1", good + "0": "line 1", strings.Repeat("a", 1<<17): "read the list",
	} {
		if _, err := Build(strings.NewReader(text), file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
	if l := open(t, file); l.Passwords() != 10 {
		t.Error("the former file is gone")
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestOpen_RefusesADamagedFile(t *testing.T) {
	whole, err := os.ReadFile(build(t, digests(1, 3_000)))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "damaged")
	check := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := Open(file); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, %v", what, l, err)
		}
	}
	check("empty", nil)
	check("a text", []byte(strings.Repeat("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:1\n", 1000)))
	for _, size := range []int{100, headSz, len(whole) / 2, len(whole) - 1} {
		check(fmt.Sprintf("cut at %d", size), whole[:size])
	}
	for at := 0; at < len(whole); at += len(whole)/97 + 1 {
		flipped := append([]byte{}, whole...)
		flipped[at] ^= 0x10
		check(fmt.Sprintf("another bit at %d", at), flipped)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A file that is cut short while it is mapped would end the process at the next look-up.
func TestList_OutlivesTheLossOfItsFile(t *testing.T) {
	file := build(t, digests(1, 100_000))
	l := open(t, file)
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Has("anything"); !errors.Is(err, ErrLost) {
		t.Errorf("cut short: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Has("anything"); !errors.Is(err, ErrLost) {
		t.Errorf("closed: %v", err)
	}
}
