package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

var blockRules = []promise{
	{"a rule is there until it is removed or expires, and each change counts", changeBlocks},
	{"hits add up, the last one stands, and they go with the rule", countBlockHits},
	{"of 100 who remove a rule at once one does", removeBlockRace},
	{"of 100 who add rules at once each change counts", addBlockRace},
	{"of 100 traps for one address that spring at once there is one rule, with the latest end", springRace},
	{"a trap that is sprung again prolongs its rule and shortens none, and traps are bounded apart", springAgain},
}

func aBlock() block.Rule {
	return block.Rule{ID: uuid.Must(uuid.NewV7()), Kind: block.Email, Pattern: "*@spam.example", For: []block.Act{block.SignUp, block.Send}, Reason: "spam",
		Source: block.FromRuntime, CreatedAt: start}
}

func changeBlocks(t *testing.T, s Store) {
	ctx, ada := t.Context(), withAccount(t, s, "ada")
	one, two := aBlock(), aBlock()
	one.CreatedBy, two.ExpiresAt = ada.ID, start.Add(time.Minute)
	must(t, s.AddBlock(ctx, one, authcore.Effects{Events: []authcore.Event{anEvent(authcore.EventBlockAdded, start)}}))
	must(t, s.AddBlock(ctx, two, authcore.Effects{}))
	state, err := s.Blocks(ctx, start)
	must(t, err)
	version, err := s.BlocksVersion(ctx)
	must(t, err)
	if len(state.Rules) != 2 || state.Version != 2 || version != 2 {
		t.Fatalf("%d rules, version %d and %d", len(state.Rules), state.Version, version)
	}
	for _, got := range state.Rules {
		want := one
		if got.ID == two.ID {
			want = two
		}
		if got.Kind != want.Kind || got.Pattern != want.Pattern || len(got.For) != 2 || got.For[1] != block.Send || got.Reason != want.Reason ||
			got.Source != want.Source || !got.CreatedAt.Equal(want.CreatedAt) || got.CreatedBy != want.CreatedBy || !got.ExpiresAt.Equal(want.ExpiresAt) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if state, err = s.Blocks(ctx, two.ExpiresAt); err != nil || len(state.Rules) != 1 {
		t.Errorf("%d rules hold after one has expired (%v)", len(state.Rules), err)
	}
	must(t, s.RemoveBlock(ctx, one.ID, authcore.Effects{}))
	wants(t, s.RemoveBlock(ctx, one.ID, authcore.Effects{}), authcore.ErrNotFound)
	if version, err = s.BlocksVersion(ctx); err != nil || version != 3 {
		t.Errorf("version %d (%v), want 3: what changes nothing counts nothing", version, err)
	}
	must(t, s.Sweep(ctx, two.ExpiresAt.Add(2*time.Hour)))
	if state, err = s.Blocks(ctx, start); err != nil || len(state.Rules) != 0 {
		t.Errorf("%d rules are left (%v)", len(state.Rules), err)
	}
}

func countBlockHits(t *testing.T, s Store) {
	ctx, r := t.Context(), aBlock()
	must(t, s.AddBlock(ctx, r, authcore.Effects{}))
	configured := uuid.New()
	hits := func(n int64, at time.Time) []block.Hits {
		return []block.Hits{{Rule: r.ID, Count: n, Last: at}, {Rule: configured, Count: 1, Last: at}}
	}
	must(t, s.RecordHits(ctx, hits(2, start.Add(time.Minute)), authcore.Effects{Events: []authcore.Event{anEvent(authcore.EventBlockHit, start)}}))
	must(t, s.RecordHits(ctx, hits(3, start), authcore.Effects{}))
	rules := []block.Rule{{ID: r.ID}, {ID: configured}, {ID: uuid.New()}}
	must(t, s.BlockHits(ctx, rules))
	if rules[0].Hits != 5 || !rules[0].LastHitAt.Equal(start.Add(time.Minute)) || rules[1].Hits != 2 || rules[2].Hits != 0 || !rules[2].LastHitAt.IsZero() {
		t.Errorf("hits are %+v", rules)
	}
	must(t, s.RemoveBlock(ctx, r.ID, authcore.Effects{}))
	rules = []block.Rule{{ID: r.ID}}
	if must(t, s.BlockHits(ctx, rules)); rules[0].Hits != 0 {
		t.Errorf("%d hits are left of a rule that is gone", rules[0].Hits)
	}
}

func removeBlockRace(t *testing.T, s Store) {
	r := aBlock()
	must(t, s.AddBlock(t.Context(), r, authcore.Effects{}))
	var removed atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			switch err := s.RemoveBlock(t.Context(), r.ID, authcore.Effects{}); {
			case err == nil:
				removed.Add(1)
			case !errors.Is(err, authcore.ErrNotFound):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if removed.Load() != 1 {
		t.Errorf("%d have removed it", removed.Load())
	}
}

func addBlockRace(t *testing.T, s Store) {
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := s.AddBlock(t.Context(), aBlock(), authcore.Effects{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if state, err := s.Blocks(t.Context(), start); err != nil || len(state.Rules) != 100 || state.Version != 100 {
		t.Errorf("%d rules, version %d (%v)", len(state.Rules), state.Version, err)
	}
}

func aTrap(pattern string, until time.Time) block.Rule {
	return block.Rule{ID: uuid.Must(uuid.NewV7()), Kind: block.IP, Pattern: pattern, For: []block.Act{block.SignUp}, Reason: "asked for /.env", Source: block.FromTrap,
		CreatedAt: start, ExpiresAt: until}
}

func springRace(t *testing.T, s Store) {
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			fx := authcore.Effects{Events: []authcore.Event{anEvent(authcore.EventTrapSprung, start)}}
			if _, _, err := s.SpringTrap(t.Context(), aTrap("203.0.113.7", start.Add(time.Duration(i)*time.Second)), 1, fx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	state, err := s.Blocks(t.Context(), start)
	if err != nil || len(state.Rules) != 1 || !state.Rules[0].ExpiresAt.Equal(start.Add(99*time.Second)) || state.Version != 100 {
		t.Errorf("%+v (%v)", state, err)
	}
}

func springAgain(t *testing.T, s Store) {
	ctx := t.Context()
	one := aTrap("203.0.113.7", start.Add(time.Hour))
	spring := func(r block.Rule, most int) block.Rule {
		t.Helper()
		got, version, err := s.SpringTrap(ctx, r, most, authcore.Effects{})
		must(t, err)
		if now, err := s.BlocksVersion(ctx); err != nil || now != version {
			t.Errorf("version %d, and %d is there (%v)", version, now, err)
		}
		return got
	}
	spring(one, 1)
	if got := spring(aTrap(one.Pattern, start.Add(time.Minute)), 1); got.ID != one.ID || !got.ExpiresAt.Equal(one.ExpiresAt) {
		t.Errorf("got %+v", got)
	}
	if got := spring(aTrap(one.Pattern, start.Add(2*time.Hour)), 1); got.ID != one.ID || !got.ExpiresAt.Equal(start.Add(2*time.Hour)) {
		t.Errorf("got %+v", got)
	}
	_, _, err := s.SpringTrap(ctx, aTrap("203.0.113.8", start.Add(time.Hour)), 1, authcore.Effects{})
	wants(t, err, block.ErrTooMany)
	manual := aBlock()
	manual.Kind, manual.Pattern = block.IP, "203.0.113.9" // of an administrator: no trap's, and not counted among them
	must(t, s.AddBlock(ctx, manual, authcore.Effects{}))
	if got := spring(aTrap(manual.Pattern, start.Add(time.Hour)), 2); got.ID == manual.ID {
		t.Error("a trap has changed the rule of an administrator")
	}
	later := aTrap(one.Pattern, start.Add(9*time.Hour))
	later.CreatedAt = start.Add(3 * time.Hour)
	if got := spring(later, 2); got.ID != later.ID { // the others have expired
		t.Errorf("got %+v", got)
	}
}
