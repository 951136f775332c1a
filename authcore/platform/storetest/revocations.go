package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var revocations = []promise{
	{"in order, after a number, until they end", revocationOrder},
	{"numbers are never used twice", revocationNumbers},
	{"many at once: each has its own number", revocationRace},
}

// liveRevocations reads all of them, page after page.
func liveRevocations(t testing.TB, s Store, now time.Time) (list []authcore.Revocation) {
	t.Helper()
	for last := int64(0); ; {
		page, err := s.LiveRevocations(t.Context(), last, now)
		must(t, err)
		if len(page) == 0 {
			return list
		}
		for _, r := range page {
			if r.Seq <= last {
				t.Fatalf("number %d comes after %d", r.Seq, last)
			}
			last = r.Seq
		}
		list = append(list, page...)
	}
}

func revokeNew(t testing.TB, s Store, a authcore.Account, until time.Time) authcore.Revocation {
	t.Helper()
	sess := aSession(a, uuid.NewString())
	sess.AccessUntil = until
	must(t, openPlain(t.Context(), s, sess, authcore.Effects{}))
	list, err := s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{sess.ID}, false, start, authcore.Effects{})
	if err != nil || len(list) != 1 {
		t.Fatalf("revoked %+v (%v)", list, err)
	}
	return list[0]
}

func revocationOrder(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	var want []authcore.Revocation
	for _, minutes := range []time.Duration{5, 2, 9} {
		want = append(want, revokeNew(t, s, a, start.Add(minutes*time.Minute)))
	}
	for _, row := range []struct {
		after int64
		now   time.Time
		want  []authcore.Revocation
	}{
		{0, start, want},
		{want[0].Seq, start, want[1:]},
		{want[2].Seq, start, nil},
		{0, want[1].Until.Add(-time.Microsecond), want},
		{0, want[1].Until, []authcore.Revocation{want[0], want[2]}},
		{want[0].Seq, want[1].Until, want[1:]},     // the very next one, ended or not
		{want[1].Seq - 1, want[2].Until, want[1:]}, // and the newest
	} {
		got, err := s.LiveRevocations(t.Context(), row.after, row.now)
		must(t, err)
		if len(got) != len(row.want) {
			t.Fatalf("after %d at %v: %+v, want %+v", row.after, row.now, got, row.want)
		}
		for i := range got {
			if got[i] != row.want[i] {
				t.Errorf("after %d at %v: %+v, want %+v", row.after, row.now, got[i], row.want[i])
			}
		}
	}
}

// A node asks for what came after the last number it knows: one used again would be overlooked.
func revocationNumbers(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	last := revokeNew(t, s, a, start.Add(2*time.Minute))
	must(t, s.Sweep(t.Context(), last.Until.Add(spare)))
	if list, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(list) != 0 {
		t.Fatalf("%+v (%v) is left after the sweep", list, err)
	}
	if next := revokeNew(t, s, a, start.Add(2*time.Minute)); next.Seq <= last.Seq {
		t.Errorf("number %d comes after %d", next.Seq, last.Seq)
	}
}

func revocationRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	const many = 50
	for range many {
		withSession(t, s, a, uuid.NewString())
	}
	list, err := s.Sessions(t.Context(), a.ID, start)
	must(t, err)
	found := make([][]authcore.Revocation, many)
	countErrors(t, atOnce(many, func(i int) (err error) {
		// Each asks for three; together they end every session once.
		ids := []uuid.UUID{list[i].ID, list[(i+1)%many].ID, list[(i+2)%many].ID}
		found[i], err = s.RevokeSessions(t.Context(), a.ID, ids, false, start, authcore.Effects{})
		return err
	}))
	numbers, ended := map[int64]bool{}, map[uuid.UUID]bool{}
	for _, revs := range found {
		for _, r := range revs {
			numbers[r.Seq], ended[r.SessionID] = true, true
		}
	}
	live := liveRevocations(t, s, start)
	if len(live) != many || len(numbers) != many || len(ended) != many {
		t.Errorf("%d live, %d numbers, %d sessions, want %d of each", len(live), len(numbers), len(ended), many)
	}
}
