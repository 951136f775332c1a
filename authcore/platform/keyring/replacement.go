package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
)

// Replace removes every bearer and cookie key at once, and signs with new ones from now on. No access token that was
// issued before is accepted any more: on this node when it returns, on the others within reloadEvery. It returns how
// many keys are gone.
func (r *Ring) Replace(ctx context.Context) (removed int, err error) {
	records, err := r.change(ctx, func(present []authcore.KeyRecord, now time.Time) (changed []authcore.KeyRecord, err error) {
		changed, removed, err = r.replaced(present, now)
		return changed, err
	})
	if err != nil {
		return 0, fmt.Errorf("replace signing keys: %w", err)
	}
	return removed, r.take(records)
}

func (r *Ring) replaced(present []authcore.KeyRecord, now time.Time) (changed []authcore.KeyRecord, removed int, err error) {
	if len(present) == 0 {
		return nil, 0, errors.New("there are no keys to replace yet: start the gateway once")
	}
	for _, k := range present {
		if k.Use == useInternal {
			continue
		}
		k = r.retire(k, now)
		k.RemoveAt = now // which deletes it in this change
		changed = append(changed, k)
	}
	removed = len(changed)
	// Nodes whose clocks are a little behind have no other key to sign with.
	changed, err = r.pairs(changed, now.Add(-overlap), jwtkeys.Bearer, jwtkeys.Cookie)
	return changed, removed, err
}

// Reseal seals the keys that lie under another secret than the first one under that. No key changes, so nobody notices.
// It returns how many it sealed.
func (r *Ring) Reseal(ctx context.Context) (resealed int, err error) {
	_, err = r.cfg.Store.ChangeKeys(ctx, r.cfg.Now(), func(present []authcore.KeyRecord) (changed []authcore.KeyRecord, err error) {
		for _, k := range present {
			if r.cfg.Sealer.SealedByFirst(k.Sealed) {
				continue
			}
			if k.Sealed, err = r.cfg.Sealer.Reseal(sealPurpose, k.Sealed); err != nil {
				return nil, fmt.Errorf("key %s: %w", k.KID, err)
			}
			changed = append(changed, k)
		}
		resealed = len(changed)
		return changed, nil
	})
	if err != nil {
		return 0, fmt.Errorf("seal signing keys again: %w", err)
	}
	return resealed, nil
}

// Discard removes the keys that cannot be read, be it that no configured secret opens them or that they are damaged, and makes new
// ones in their place and in that of missing ones; all of them where the internal key is among those. Whoever holds a token of
// theirs is signed out. It returns how many keys are gone.
func (r *Ring) Discard(ctx context.Context) (discarded int, err error) {
	now := r.cfg.Now()
	records, err := r.cfg.Store.ChangeKeys(ctx, now, func(present []authcore.KeyRecord) (changed []authcore.KeyRecord, err error) {
		changed, discarded, err = r.discarded(present, now)
		return changed, err
	})
	if err != nil {
		return 0, fmt.Errorf("discard signing keys: %w", err)
	}
	return discarded, r.take(records)
}

func (r *Ring) discarded(present []authcore.KeyRecord, now time.Time) (changed []authcore.KeyRecord, discarded int, err error) {
	lost := func(k authcore.KeyRecord) bool {
		_, err := r.read(k)
		return err != nil
	}
	anew := !slices.ContainsFunc(present, func(k authcore.KeyRecord) bool { return k.Use == useInternal && !lost(k) })
	var left []authcore.KeyRecord
	for _, k := range present {
		if !anew && !lost(k) {
			left = append(left, k)
			continue
		}
		k = r.retire(k, now)
		k.RemoveAt = now
		changed = append(changed, k)
	}
	discarded = len(changed)
	if anew {
		added, err := r.addMissing(nil, now)
		return append(changed, added...), discarded, err
	}
	made, err := r.completed(left, now)
	if complete(left, now) != nil {
		discarded = max(discarded, len(made)) // some were gone before
	}
	return append(changed, made...), discarded, err
}

// completed returns the active and next keys that are missing.
func (r *Ring) completed(left []authcore.KeyRecord, now time.Time) (missing []authcore.KeyRecord, err error) {
	for _, use := range []jwtkeys.Use{jwtkeys.Bearer, jwtkeys.Cookie} {
		has := map[State]bool{}
		for _, k := range left {
			if k.Use == string(use) {
				has[stateOf(k, now)] = true
			}
		}
		for _, state := range []State{Active, Next} {
			if has[state] {
				continue
			}
			k, err := r.make(use, now)
			if err != nil {
				return nil, err
			}
			if state == Active {
				k.NotBefore = now
			}
			missing = append(missing, k)
		}
	}
	return missing, nil
}
