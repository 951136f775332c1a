package revocation

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// model is what a Set says it is: a plain map, swept like the Set.
type model struct {
	verdict map[uuid.UUID]authcore.Verdict
	until   map[uuid.UUID]time.Time
}

// A set through which ids of all kinds come and go never differs from a map, whatever its filters have seen.
func TestSet_IsExactWhateverComesAndGoes(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	set := NewSet(func() time.Time { return now })
	want := model{map[uuid.UUID]authcore.Verdict{}, map[uuid.UUID]time.Time{}}
	var past []uuid.UUID
	for range 60 {
		for range r.IntN(2000) {
			id := uuid.New()
			rev := authcore.Revocation{Until: now.Add(time.Duration(r.IntN(20)) * time.Minute)}
			want.verdict[id] = authcore.Revoked
			switch r.IntN(3) {
			case 0:
				rev.SessionID = id
			case 1:
				rev.AccountID, rev.Epoch = id, 1
			case 2:
				rev.AccountID, rev.RolesVersion = id, 1
				want.verdict[id] = authcore.RolesChanged
			}
			want.until[id] = rev.Until
			set.Apply(rev)
		}
		now = now.Add(time.Duration(r.IntN(3)) * time.Minute)
		set.Sweep(now)
		past = past[:0]
		for id, until := range want.until {
			if until.Before(now.Add(-sweepGrace)) {
				delete(want.until, id)
				past = append(past, id)
			}
		}
		if set.Len() != len(want.until) {
			t.Fatalf("%d entries, want %d", set.Len(), len(want.until))
		}
		for id := range want.until {
			if got := set.Check(id, id, 0, 0); got != want.verdict[id] {
				t.Fatalf("verdict %d, want %d", got, want.verdict[id])
			}
		}
		for _, id := range past {
			if got := set.Check(id, id, 0, 0); got != authcore.Valid {
				t.Fatalf("verdict %d of one that was swept", got)
			}
		}
	}
}

// The filters keep their promise while they grow, and after most of what they marked has gone.
func TestFilter_LetsFewStrangersPass(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	set := NewSet(func() time.Time { return now })
	passed := func() (n int) {
		for range 100_000 {
			if k := keyed(&set.seed, uuid.New()); !set.shard(k).excludes(k) {
				n++
			}
		}
		return n
	}
	for range 20 {
		for range 10_000 {
			set.Apply(authcore.Revocation{SessionID: uuid.New(), Until: now.Add(time.Minute)})
		}
		if n := passed(); n > 1500 {
			t.Fatalf("with %d entries %d of 100000 strangers pass, want at most 1500", set.Len(), n)
		}
	}
	set.Apply(authcore.Revocation{SessionID: uuid.New(), Until: now.Add(time.Hour)})
	now = now.Add(10 * time.Minute)
	set.Sweep(now)
	if n := passed(); n > 150 {
		t.Errorf("with %d entries left %d of 100000 strangers pass, want at most 150", set.Len(), n)
	}
}
