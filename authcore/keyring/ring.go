package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
)

const (
	useInternal   = "internal"
	sealPurpose   = "signing key"
	internalBytes = 32
	// reloadEvery bounds how long a node signs with a key that another node has retired; overlap must stay above it.
	reloadEvery = 30 * time.Second
	overlap     = time.Minute
	// missEvery bounds the reloads that tokens with unknown key ids can cause (T05).
	missEvery = time.Minute
)

// Config is what a Ring needs.
type Config struct {
	Store     authcore.KeyStore
	Sealer    *secret.Sealer
	Algorithm jwtkeys.Algorithm // of bearer tokens
	// AccessLifetime is how long a retired key must still verify.
	AccessLifetime time.Duration
	Logger         *slog.Logger
	Now            func() time.Time
}

// Ring holds the keys of this node. It is safe for concurrent use.
type Ring struct {
	cfg      Config
	set      atomic.Pointer[jwtkeys.KeySet]
	internal atomic.Pointer[secret.MACKey]
	missed   chan struct{}

	lastMiss atomic.Int64 // Unix nanoseconds

	mu    sync.Mutex // guards taken
	taken string     // fingerprint of the present set
}

// New returns an empty ring; Load fills it.
func New(cfg Config) (*Ring, error) {
	if cfg.Store == nil || cfg.Sealer == nil || cfg.Now == nil || cfg.Logger == nil {
		return nil, errors.New("keyring: store, sealer, logger and clock are required")
	}
	if cfg.AccessLifetime <= 0 {
		return nil, errors.New("keyring: access lifetime must be positive")
	}
	return &Ring{cfg: cfg, missed: make(chan struct{}, 1)}, nil
}

// Load makes the keys if the database has none, and takes the present ones into memory. It never replaces keys that
// cannot be opened: that would log everybody out because of a wrong secret.
func (r *Ring) Load(ctx context.Context) error {
	records, err := r.cfg.Store.ChangeKeys(ctx, r.cfg.Now(), r.born)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	return r.take(records)
}

// Reload takes what other nodes have changed.
func (r *Ring) Reload(ctx context.Context) error {
	records, err := r.cfg.Store.Keys(ctx)
	if err != nil {
		return fmt.Errorf("reload signing keys: %w", err)
	}
	return r.take(records)
}

// Run reloads on a slow tick, and when a token named a key this node has not heard of, until ctx ends.
func (r *Ring) Run(ctx context.Context) {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.missed:
		}
		if err := r.Reload(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Logger.Warn("signing keys not reloaded; the present ones stay in use", "error", err)
		}
	}
}

// Missed says that a token was seen that no present key has signed. It never blocks, and causes at most one reload a
// minute, however many such tokens come.
func (r *Ring) Missed() {
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
func (r *Ring) MACKey(purpose string) secret.MACKey { return r.internal.Load().Derive(purpose) }

func (r *Ring) take(records []authcore.KeyRecord) error {
	var keys []jwtkeys.Key
	var internal *secret.MACKey
	for _, rec := range records {
		plain, err := r.cfg.Sealer.Open(sealPurpose, rec.Sealed)
		if err != nil {
			return fmt.Errorf("open signing key %s: %w", rec.KID, err)
		}
		if rec.Use == useInternal {
			k, err := secret.NewMACKey(plain)
			if err != nil {
				return fmt.Errorf("open internal key %s: %w", rec.KID, err)
			}
			internal = &k
			continue
		}
		k, err := jwtkeys.ParsePrivate(rec.KID, jwtkeys.Use(rec.Use), jwtkeys.Algorithm(rec.Algorithm), plain)
		if err != nil {
			return err
		}
		k.NotBefore, k.RetireAt, k.RemoveAt = rec.NotBefore, rec.RetireAt, rec.RemoveAt
		if k.NotBefore.IsZero() {
			k.NotBefore = unscheduled
		}
		keys = append(keys, k)
	}
	if internal == nil {
		return errors.New("the database holds signing keys but no internal key: restore the table signing_keys from the backup")
	}
	set, err := jwtkeys.NewKeySet(keys)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.internal.Store(internal)
	// An unchanged set keeps its pointer, so that cached tokens need not look their key up again.
	if f := fingerprint(keys); f != r.taken {
		r.taken = f
		r.set.Store(set)
	}
	return nil
}

// fingerprint tells sets apart by key ids and schedules.
func fingerprint(keys []jwtkeys.Key) string {
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%s %d %d %d;", k.KID, k.NotBefore.UnixMicro(), k.RetireAt.UnixMicro(), k.RemoveAt.UnixMicro())
	}
	return b.String()
}
