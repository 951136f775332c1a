package admin

import (
	"context"
	"fmt"
	"math"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// RosterStore is what a Roster reads.
type RosterStore interface {
	// People returns people, in the order of their numbers: at most limit of those above after, without the first skip.
	People(ctx context.Context, after int64, skip, limit int) ([]authcore.ManagedAccount, error)
	// CountPeople returns how many there are, and most where there are more.
	CountPeople(ctx context.Context, most int) (int, error)
}

// Roster lists people by their numbers, for clients that know nothing else of them. Services are none. It is safe for concurrent use.
type Roster struct{ store RosterStore }

// NewRoster returns the one over a store.
func NewRoster(store RosterStore) *Roster { return &Roster{store} }

// rosterPage is how many people are read at once.
const rosterPage = 200

// Page returns people, at most limit of them, without the first skip, and whether there are more. [authcore.Unavailable].
func (r *Roster) Page(ctx context.Context, skip, limit int) (people []authcore.ManagedAccount, more bool, err error) {
	if people, err = r.store.People(ctx, 0, skip, limit+1); err != nil {
		return nil, false, fmt.Errorf("list people: %w", err)
	}
	if len(people) > limit {
		return people[:limit], true, nil
	}
	return people, false, nil
}

// Count returns how many people there are, of the first Tested.
func (r *Roster) Count(ctx context.Context) (int, error) {
	n, err := r.store.CountPeople(ctx, Tested)
	if err != nil {
		return 0, fmt.Errorf("count people: %w", err)
	}
	return n, nil
}

// Each calls do for everybody, some at a time, until that returns an error. Whoever is made or deleted meanwhile may be missed or not.
func (r *Roster) Each(ctx context.Context, do func([]authcore.ManagedAccount) error) error {
	for after := int64(0); after < math.MaxInt64; {
		people, err := r.store.People(ctx, after, 0, rosterPage)
		if err != nil {
			return fmt.Errorf("list people: %w", err)
		}
		if err := do(people); err != nil || len(people) < rosterPage {
			return err
		}
		after = people[len(people)-1].Number
	}
	return nil
}
