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

// apply replaces the snapshot. Rules never change, so those that are known are not compiled again; one of a later release that this program
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
