package block

import (
	"context"
	"log/slog"
	"slices"

	"github.com/google/uuid"
)

// State is what a database knows of rules that were added while a gateway runs. Versions count its changes.
type State struct {
	Version int64
	Rules   []Rule
}

// Read asks the database for rules, if any has changed since, and makes them hold here. [authcore.ErrUnavailable].
func (b *Blocks) Read(ctx context.Context, store Store) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	return b.read(ctx, store)
}

// read is Read for whoever has the turn.
func (b *Blocks) read(ctx context.Context, store Store) error {
	version, err := store.BlocksVersion(ctx)
	if err != nil || version == b.version {
		return err
	}
	state, err := store.Blocks(ctx, b.cfg.Now.Now())
	if err != nil {
		return err
	}
	b.apply(state)
	return nil
}

// heedTrap makes the rule of a trap hold here, which is stored and made rules be of a version. Where nothing else has changed meanwhile, the
// others are not read again: a flood from many addresses must not cost a look at every rule for each (D10).
func (b *Blocks) heedTrap(ctx context.Context, store Store, r Rule, version int64) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	if b.version >= version {
		return nil // somebody has read it
	}
	p, err := ParsePattern(r.Kind, r.Pattern)
	if err != nil || b.version != version-1 {
		return b.read(ctx, store)
	}
	added := slices.Clone(b.added)
	if i := slices.IndexFunc(added, func(c Compiled) bool { return c.ID == r.ID }); i >= 0 {
		added[i].Rule = r
	} else {
		added = append(added, Compiled{Rule: r, Matcher: p})
	}
	b.version, b.added = version, added
	b.live.Store(newSet(slices.Concat(b.cfg.Rules, added)))
	return nil
}

// apply replaces the snapshot. Patterns never change, so those that are known are not compiled again; one of a later release that this program
// cannot read is left out.
func (b *Blocks) apply(state State) {
	known := make(map[uuid.UUID]Matcher, len(b.added))
	for _, c := range b.added {
		known[c.ID] = c.Matcher
	}
	added := make([]Compiled, 0, len(state.Rules))
	for _, r := range state.Rules {
		m := known[r.ID]
		if m == nil {
			p, err := ParsePattern(r.Kind, r.Pattern)
			if err != nil {
				slog.Default().Warn("a block rule in the database cannot be read", "rule", r.ID, "error", err)
				continue
			}
			m = p
		}
		added = append(added, Compiled{Rule: r, Matcher: m})
	}
	b.version, b.added = state.Version, added
	b.live.Store(newSet(slices.Concat(b.cfg.Rules, added)))
}
