package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// unscheduled is when a next key begins to sign: not before somebody rotates. A year that JWT dates can still hold.
var unscheduled = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// State is where a key is in its life.
type State string

// The states, in their order.
const (
	Next    State = "next"    // published, does not sign yet
	Active  State = "active"  // signs
	Retired State = "retired" // only verifies
	Removed State = "removed" // no longer accepted; deleted at the next change
)

// Info describes a key without its private part.
type Info struct {
	KID       string    `json:"kid"`
	Use       string    `json:"use"`
	Algorithm string    `json:"algorithm"`
	State     State     `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	NotBefore time.Time `json:"not_before,omitzero"`
	RetireAt  time.Time `json:"retire_at,omitzero"`
	RemoveAt  time.Time `json:"remove_at,omitzero"`
}

// List returns the bearer and cookie keys in the database, newest first.
func (r *Ring) List(ctx context.Context) ([]Info, error) {
	records, err := r.cfg.Store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	return r.infos(records), nil
}

// Rotate lets the next keys sign from now on, retires the active ones and publishes new next ones. What the retired
// ones signed stays valid until it expires.
func (r *Ring) Rotate(ctx context.Context) ([]Info, error) {
	records, err := r.change(ctx, r.rotated)
	if err != nil {
		return nil, fmt.Errorf("rotate signing keys: %w", err)
	}
	if err := r.take(records); err != nil {
		return nil, err
	}
	return r.infos(records), nil
}

func (r *Ring) infos(records []authcore.KeyRecord) []Info {
	now := r.cfg.Now()
	out := []Info{}
	for _, k := range records {
		if k.Use == useInternal {
			continue
		}
		out = append(out, Info{KID: k.KID, Use: k.Use, Algorithm: k.Algorithm, State: stateOf(k, now),
			CreatedAt: k.CreatedAt, NotBefore: k.NotBefore, RetireAt: k.RetireAt, RemoveAt: k.RemoveAt})
	}
	slices.SortFunc(out, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Use, b.Use), b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.KID, b.KID))
	})
	return out
}

func stateOf(k authcore.KeyRecord, now time.Time) State {
	switch {
	case !k.RemoveAt.IsZero() && !now.Before(k.RemoveAt):
		return Removed
	case !k.RetireAt.IsZero() && !now.Before(k.RetireAt):
		return Retired
	case k.NotBefore.IsZero() || now.Before(k.NotBefore):
		return Next
	}
	return Active
}

// addMissing returns the keys that are missing: all of them in a new database; after a change of the option `algorithm` a
// bearer key of the new kind, which takes over at once.
func (r *Ring) addMissing(present []authcore.KeyRecord, now time.Time) ([]authcore.KeyRecord, error) {
	if len(present) == 0 {
		internal, err := r.seal(authcore.KeyRecord{KID: uuid.NewString(), Use: useInternal, Algorithm: "HKDF-SHA256",
			CreatedAt: now, NotBefore: now}, secret.Random(internalBytes))
		if err != nil {
			return nil, err
		}
		return r.pairs([]authcore.KeyRecord{internal}, now, jwtkeys.Bearer, jwtkeys.Cookie)
	}
	if err := complete(present, now); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(present, func(k authcore.KeyRecord) bool {
		return k.Use == string(jwtkeys.Bearer) && k.Algorithm == string(r.cfg.Algorithm) && scheduled(k, now)
	}) {
		return r.scheduleNext(present, now)
	}
	var changed []authcore.KeyRecord
	for _, k := range present {
		if s := stateOf(k, now); k.Use == string(jwtkeys.Bearer) && (s == Active || s == Next) {
			changed = append(changed, r.retire(k, now))
		}
	}
	r.cfg.Logger.Info("the algorithm of bearer tokens changes", "algorithm", string(r.cfg.Algorithm))
	return r.pairs(changed, now, jwtkeys.Bearer)
}

// scheduled reports whether a key signs, or will by itself as soon as a clock that is a little behind is there.
func scheduled(k authcore.KeyRecord, now time.Time) bool {
	return !k.NotBefore.IsZero() && (k.RetireAt.IsZero() || now.Before(k.RetireAt))
}

// complete returns an error where there are keys, but none that signs: no change leaves it at that.
func complete(present []authcore.KeyRecord, now time.Time) error {
	for _, use := range []jwtkeys.Use{jwtkeys.Bearer, jwtkeys.Cookie} {
		if !slices.ContainsFunc(present, func(k authcore.KeyRecord) bool { return k.Use == string(use) && scheduled(k, now) }) {
			return fmt.Errorf("the database holds no %s key that signs; %s", use, restore)
		}
	}
	return nil
}

// scheduleNext returns the next keys that are missing: without them nothing could be rotated.
func (r *Ring) scheduleNext(present []authcore.KeyRecord, now time.Time) (missing []authcore.KeyRecord, err error) {
	for _, use := range []jwtkeys.Use{jwtkeys.Bearer, jwtkeys.Cookie} {
		if slices.ContainsFunc(present, func(k authcore.KeyRecord) bool { return k.Use == string(use) && k.NotBefore.IsZero() }) {
			continue
		}
		k, err := r.make(use, now)
		if err != nil {
			return nil, err
		}
		r.cfg.Logger.Warn("no next signing key is published; making one", "component", "signing_keys", "use", string(use), "kid", k.KID)
		missing = append(missing, k)
	}
	return missing, nil
}

func (r *Ring) rotated(present []authcore.KeyRecord, now time.Time) ([]authcore.KeyRecord, error) {
	if len(present) == 0 {
		return nil, errors.New("there are no keys to rotate yet: start the gateway once")
	}
	var changed []authcore.KeyRecord
	promoted := map[string]bool{}
	for _, k := range present {
		if k.Use == useInternal {
			continue
		}
		switch stateOf(k, now) {
		case Active:
			changed = append(changed, r.retire(k, now))
		case Next:
			k.NotBefore = now
			promoted[k.Use] = true
			changed = append(changed, k)
		}
	}
	for _, use := range []jwtkeys.Use{jwtkeys.Bearer, jwtkeys.Cookie} {
		if !promoted[string(use)] {
			return nil, fmt.Errorf("no next %s key is published: restart the gateway, then rotate again", use)
		}
		next, err := r.make(use, now)
		if err != nil {
			return nil, err
		}
		changed = append(changed, next)
	}
	return changed, nil
}

func (r *Ring) retire(k authcore.KeyRecord, now time.Time) authcore.KeyRecord {
	if k.NotBefore.IsZero() {
		k.NotBefore = now // never signed: nothing of it can be in use
	}
	k.RetireAt = now
	k.RemoveAt = now.Add(r.cfg.AccessLifetime() + overlap)
	return k
}

// pairs appends an active and a next key for each use.
func (r *Ring) pairs(to []authcore.KeyRecord, now time.Time, uses ...jwtkeys.Use) ([]authcore.KeyRecord, error) {
	for _, use := range uses {
		active, err := r.make(use, now)
		if err != nil {
			return nil, err
		}
		active.NotBefore = now
		next, err := r.make(use, now)
		if err != nil {
			return nil, err
		}
		to = append(to, active, next)
	}
	return to, nil
}

// make returns a new, sealed key that is not scheduled to sign.
func (r *Ring) make(use jwtkeys.Use, now time.Time) (authcore.KeyRecord, error) {
	alg := r.cfg.Algorithm
	if use == jwtkeys.Cookie {
		alg = jwtkeys.HS256
	}
	k, err := jwtkeys.Generate(use, alg)
	if err != nil {
		return authcore.KeyRecord{}, err
	}
	rec := authcore.KeyRecord{KID: k.KID, Use: string(use), Algorithm: string(alg), CreatedAt: now}
	if alg != jwtkeys.HS256 {
		if rec.Public, err = k.MarshalPublic(); err != nil {
			return authcore.KeyRecord{}, err
		}
	}
	private, err := k.MarshalPrivate()
	if err != nil {
		return authcore.KeyRecord{}, err
	}
	return r.seal(rec, private)
}

func (r *Ring) seal(rec authcore.KeyRecord, plain []byte) (authcore.KeyRecord, error) {
	sealed, err := r.cfg.Sealer.Seal(sealPurpose, plain)
	if err != nil {
		return authcore.KeyRecord{}, fmt.Errorf("seal signing key: %w", err)
	}
	rec.Sealed = sealed
	return rec, nil
}
