package passhash_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
)

func TestVerifyAny_FindsTheHashOfThePassword(t *testing.T) {
	t.Parallel()
	h, err := passhash.New(passhash.Config{Params: passhash.Params{MemoryKiB: 64, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	hash := func(text string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	one := hash(h.Hash(t.Context(), "one"))
	like := hash(h.HashWithSaltOf(t.Context(), one, []byte("0123456789abcdef"), "two"))
	far := hash(h.Hash(t.Context(), "three"))
	if salt(one) != salt(like) || salt(one) == salt(far) {
		t.Fatalf("salts %q, %q, %q: want the first two equal", salt(one), salt(like), salt(far))
	}
	for password, want := range map[string]int{"one": 0, "two": 1, "three": -1, "four": -1, "": -1} {
		if got, err := h.VerifyAny(t.Context(), password, one, like, far); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", password, got, err, want)
		}
	}
	if got, err := h.VerifyAny(t.Context(), "one", one, "junk"); err == nil || got != -1 {
		t.Errorf("a malformed hash gave %d, %v", got, err)
	}
	costly, err := passhash.New(passhash.Config{Params: passhash.Params{MemoryKiB: 128, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if other := hash(costly.HashWithSaltOf(t.Context(), one, nil, "two")); costly.NeedsRehash(other) || salt(other) == salt(one) {
		t.Error("a hash of another cost was imitated")
	}
}

func TestHashSalted_TakesTheSaltOnlyWhereThereIsNone(t *testing.T) {
	t.Parallel()
	h, err := passhash.New(passhash.Config{Params: passhash.Params{MemoryKiB: 64, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	given := []byte("0123456789abcdef")
	one, err := h.HashSalted(t.Context(), given, "one")
	if err != nil || salt(one) != base64.RawStdEncoding.EncodeToString(given) || h.NeedsRehash(one) {
		t.Fatalf("%q, %v", one, err)
	}
	for _, none := range []string{"", "junk"} {
		two, err := h.HashWithSaltOf(t.Context(), none, given, "two")
		if err != nil || salt(two) != salt(one) {
			t.Fatalf("%q, %v: want the given salt", two, err)
		}
		if i, err := h.VerifyAny(t.Context(), "two", one, two); i != 1 || err != nil {
			t.Errorf("%d, %v; want 1", i, err)
		}
	}
	for _, bad := range [][]byte{nil, given[:15], append(given, 0)} {
		if phc, err := h.HashSalted(t.Context(), bad, "one"); err == nil || phc != "" {
			t.Errorf("a salt of %d bytes gave %q", len(bad), phc)
		}
	}
}

func salt(phc string) string { return strings.Split(phc, "$")[4] }
