package passhash_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/passhash"
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
	like := hash(h.HashLike(t.Context(), one, "two"))
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
	if other := hash(costly.HashLike(t.Context(), one, "two")); costly.NeedsRehash(other) || salt(other) == salt(one) {
		t.Error("a hash of another cost was imitated")
	}
}

func salt(phc string) string { return strings.Split(phc, "$")[4] }
