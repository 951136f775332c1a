package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	useInternal   = "internal"
	sealPurpose   = "signing key"
	internalBytes = 32
	// reloadEvery bounds how long a node accepts a key that another node has removed, and signs with one that another node
	// has retired; overlap must stay above it.
	reloadEvery = 3 * time.Second
	overlap     = time.Minute
	// missEvery bounds the reloads that tokens with unknown key ids can cause (T05).
	missEvery = time.Minute
)

// Store keeps signing keys.
type Store interface {
	// Keys returns every key.
	Keys(ctx context.Context) ([]authcore.KeyRecord, error)
	// ChangeKeys gives the present keys to change and stores (insert or replace by KID) what it returns, and deletes those
	// past RemoveAt at now. Calls are serialised over all nodes: several nodes that start together make one set.
	ChangeKeys(ctx context.Context, now time.Time, change func(present []authcore.KeyRecord) ([]authcore.KeyRecord, error)) ([]authcore.KeyRecord, error)
}

// Config is what a Ring needs.
type Config struct {
	Store     Store
	Sealer    *secret.Sealer
	Algorithm jwtkeys.Algorithm // of bearer tokens
	// AccessLifetime returns how long a retired key must still verify: the longest that access tokens live which may be out. It is asked at
	// each rotation.
	AccessLifetime func() time.Duration
	Logger         *slog.Logger
	Now            func() time.Time
}

// Ring holds the keys of this node. It is safe for concurrent use.
type Ring struct {
	cfg      Config
	set      atomic.Pointer[jwtkeys.KeySet]
	internal atomic.Pointer[derived]
	missed   chan struct{}

	lastMiss atomic.Int64 // Unix nanoseconds

	mu    sync.Mutex // guards taken
	taken string     // fingerprint of the records that the present set holds whole, "" for none
}

// New returns an empty ring; Load fills it.
func New(cfg Config) (*Ring, error) {
	if cfg.Store == nil || cfg.Sealer == nil || cfg.Now == nil || cfg.Logger == nil {
		return nil, errors.New("keyring: store, sealer, logger and clock are required")
	}
	if cfg.AccessLifetime == nil || cfg.AccessLifetime() <= 0 {
		return nil, errors.New("keyring: access lifetime must be positive")
	}
	return &Ring{cfg: cfg, missed: make(chan struct{}, 1)}, nil
}

// Load makes the keys if the database has none, and takes the present ones into memory. It never replaces keys that
// cannot be opened: that would log everybody out because of a wrong secret.
func (r *Ring) Load(ctx context.Context) error {
	records, err := r.change(ctx, r.addMissing)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	return r.take(records)
}

// decide returns the keys to store, given those that are there.
type decide func(present []authcore.KeyRecord, now time.Time) ([]authcore.KeyRecord, error)

// change stores what do decides on. Beside keys that this node cannot read it makes none: sealed under a wrong secret they
// would be of no use to those who have the right one, and what is damaged is to be restored, not replaced.
func (r *Ring) change(ctx context.Context, do decide) ([]authcore.KeyRecord, error) {
	now := r.cfg.Now()
	return r.cfg.Store.ChangeKeys(ctx, now, func(present []authcore.KeyRecord) ([]authcore.KeyRecord, error) {
		for _, k := range present {
			if _, err := r.read(k); err != nil {
				return nil, err
			}
		}
		return do(present, now)
	})
}

func (r *Ring) open(k authcore.KeyRecord) ([]byte, error) {
	plain, err := r.cfg.Sealer.Open(sealPurpose, k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open signing key %s: %w", k.KID, err)
	}
	return plain, nil
}

// restore is what helps where the table of keys is not as it was.
const restore = "restore the table signing_keys from the backup; if there is none, `gatehouse secret reset` makes new keys and signs everybody out"

// read returns the key of a record: a private one, or for the internal use its bytes alone.
func (r *Ring) read(rec authcore.KeyRecord) (k opened, err error) {
	plain, err := r.open(rec)
	if err != nil {
		return k, err
	}
	if rec.Use == useInternal {
		if k.internal, err = secret.NewMACKey(plain); err != nil {
			return k, fmt.Errorf("open internal key %s: %w; %s", rec.KID, err, restore)
		}
		return k, nil
	}
	if k.signing, err = jwtkeys.ParsePrivate(rec.KID, jwtkeys.Use(rec.Use), jwtkeys.Algorithm(rec.Algorithm), plain); err != nil {
		return k, fmt.Errorf("%w; %s", err, restore)
	}
	if len(rec.Public) == 0 {
		return k, nil
	}
	// Others know the key by its public part: with the private one of another they would refuse what this node signs.
	if public, err := k.signing.MarshalPublic(); err != nil || !bytes.Equal(public, rec.Public) {
		return k, fmt.Errorf("the private and the public part of signing key %s do not belong together; %s", rec.KID, restore)
	}
	return k, nil
}

// opened is what a record holds.
type opened struct {
	internal secret.MACKey
	signing  jwtkeys.Key
}

// Reload takes what other nodes have changed. Only after Load. Where nothing is new it opens nothing: it is asked
// often, and a node that has its keys does not need the secret to keep them.
func (r *Ring) Reload(ctx context.Context) error {
	records, err := r.cfg.Store.Keys(ctx)
	if err != nil {
		return fmt.Errorf("reload signing keys: %w", err)
	}
	r.mu.Lock()
	known := r.taken == fingerprint(records)
	r.mu.Unlock()
	if known {
		return nil
	}
	if err := r.take(records); err != nil {
		// What has been removed is refused even by a node that was not given the secret of the new keys.
		return errors.Join(err, r.drop(records))
	}
	return nil
}

// Run reloads every few seconds, and when a token named a key this node has not heard of, until ctx ends.
func (r *Ring) Run(ctx context.Context) {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	var failing time.Time // since when; zero while they are reloaded
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.missed:
		}
		err := r.Reload(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, authcore.ErrUnavailable):
			continue // a database that is away tells of itself
		case err != nil && failing.IsZero():
			failing = time.Now()
			r.cfg.Logger.Warn("could not reload the signing keys; those still in the database stay in use", "component", "signing_keys", "state", "failing", "error", err)
		case err == nil && !failing.IsZero():
			r.cfg.Logger.Info("signing keys can be reloaded again", "component", "signing_keys", "state", "up", "outage", time.Since(failing))
			failing = time.Time{}
		}
	}
}

// UnknownKey says that a token was seen that no present key has signed. It never blocks, and causes at most one reload a
// minute, however many such tokens come.
func (r *Ring) UnknownKey() {
	now, last := r.cfg.Now().UnixNano(), r.lastMiss.Load()
	if (last <= now && now-last < int64(missEvery)) || !r.lastMiss.CompareAndSwap(last, now) {
		return
	}
	select {
	case r.missed <- struct{}{}:
	default:
	}
}

// Set returns the present snapshot; nil before Load. The same pointer means the same keys.
func (r *Ring) Set() *jwtkeys.KeySet { return r.set.Load() }

// JWKS returns the public keys, RFC 7517.
func (r *Ring) JWKS() []byte { return r.Set().JWKS(r.cfg.Now()) }

// MACKey returns the key for one internal purpose, the same on every node and after every rotation. Only after Load.
// The purpose is a constant of the caller.
func (r *Ring) MACKey(purpose string) secret.MACKey { return r.internal.Load().key(purpose) }

// derived is the internal key with those that were derived from it, each once.
type derived struct {
	root secret.MACKey
	keys sync.Map // of secret.MACKey, by purpose
}

func (d *derived) key(purpose string) secret.MACKey {
	if k, ok := d.keys.Load(purpose); ok {
		return k.(secret.MACKey)
	}
	k, _ := d.keys.LoadOrStore(purpose, d.root.Derive(purpose))
	return k.(secret.MACKey)
}

func (r *Ring) take(records []authcore.KeyRecord) error {
	var keys []jwtkeys.Key
	var internal *secret.MACKey
	for _, rec := range records {
		read, err := r.read(rec)
		if err != nil {
			return err
		}
		if rec.Use == useInternal {
			internal = &read.internal
			continue
		}
		k := read.signing
		k.NotBefore, k.RetireAt, k.RemoveAt = rec.NotBefore, rec.RetireAt, rec.RemoveAt
		if k.NotBefore.IsZero() {
			k.NotBefore = unscheduled
		}
		keys = append(keys, k)
	}
	if internal == nil {
		return errors.New("the database holds no internal key; " + restore)
	}
	if err := complete(records, r.cfg.Now()); err != nil {
		return err
	}
	set, err := jwtkeys.NewKeySet(keys)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.internal.Store(&derived{root: *internal})
	// An unchanged set keeps its pointer, so that cached tokens need not look their key up again.
	if f := fingerprint(records); f != r.taken {
		r.taken = f
		r.set.Store(set)
	}
	return nil
}

// drop forgets the present keys that are not among the records any more.
func (r *Ring) drop(records []authcore.KeyRecord) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	there := make(map[string]bool, len(records))
	for _, rec := range records {
		there[rec.KID] = true
	}
	if r.set.Load() == nil { // nothing was loaded yet
		return nil
	}
	present := r.set.Load().Keys(r.cfg.Now())
	left := slices.DeleteFunc(slices.Clone(present), func(k jwtkeys.Key) bool { return !there[k.KID] })
	if len(left) == len(present) {
		return nil
	}
	set, err := jwtkeys.NewKeySet(left)
	if err != nil {
		return err
	}
	r.set.Store(set)
	r.taken = ""
	return nil
}

// fingerprint tells sets apart by key ids and schedules; never "". Under which secret a key is sealed makes no difference.
func fingerprint(records []authcore.KeyRecord) string {
	b := strings.Builder{}
	b.WriteString("keys:")
	for _, k := range records {
		fmt.Fprintf(&b, "%s %d %d %d;", k.KID, k.NotBefore.UnixMicro(), k.RetireAt.UnixMicro(), k.RemoveAt.UnixMicro())
	}
	return b.String()
}
