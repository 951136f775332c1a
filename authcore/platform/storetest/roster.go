package storetest

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// roster are the promises about the list of people by their numbers.
var roster = []promise{
	{"people are listed in the order of their numbers, services are not, and what is counted has an end", people},
}

func people(t *testing.T, s Store) {
	var ids []uuid.UUID
	var numbers []int64
	for _, name := range []string{"ada", "machine", "bob", "cleo"} {
		a, kind := anAccount(name), authcore.KindPerson
		if name == "machine" {
			kind = authcore.KindService
		}
		made, err := s.CreateManaged(t.Context(), authcore.ManagedCreation{Account: a, Kind: kind, Identifiers: idsOf(a)})
		if must(t, err); kind == authcore.KindPerson {
			ids, numbers = append(ids, a.ID), append(numbers, made.Number)
		}
	}
	for _, c := range []struct {
		after       int64
		skip, limit int
		want        []uuid.UUID
	}{
		{0, 0, 10, ids}, {0, 0, 2, ids[:2]}, {0, 2, 10, ids[2:]}, {numbers[0], 0, 10, ids[1:]}, {numbers[2], 0, 10, nil}, {0, 3, 1, nil},
	} {
		got, err := s.People(t.Context(), c.after, c.skip, c.limit)
		must(t, err)
		if len(got) != len(c.want) {
			t.Fatalf("after %d, without %d, at most %d: %d people, want %d", c.after, c.skip, c.limit, len(got), len(c.want))
		}
		for i, a := range got {
			if a.ID != c.want[i] || a.Kind != authcore.KindPerson {
				t.Errorf("place %d is %s %s, want %s", i, a.Kind, a.ID, c.want[i])
			}
		}
	}
	for most, want := range map[int]int{10: 3, 2: 2} {
		if n, err := s.CountPeople(t.Context(), most); err != nil || n != want {
			t.Errorf("%d people of at most %d, %v", n, most, err)
		}
	}
}
