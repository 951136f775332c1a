package edge

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/jwtkeys"
)

// Outcome is what a token is worth now.
type Outcome int

// The outcomes.
const (
	// Invalid: not one of ours, malformed, expired, or of the other kind. Which of these is never told (T12).
	Invalid Outcome = iota
	// Admitted: the principal may act.
	Admitted
	// Revoked: the session has been ended, or the account's epoch has passed.
	Revoked
	// Outdated: roles have changed; a refresh yields a token that is accepted.
	Outdated
)

// Keys is where the present keys come from (keyring.Ring).
type Keys interface {
	Set() *jwtkeys.KeySet
	// Missed is told of every token that did not verify; it must be cheap and return at once.
	Missed()
}

// Config is what a Verifier needs.
type Config struct {
	Keys        Keys
	Revocations authcore.Revocations
	// CacheBytes caps the memory of verified tokens; 0 means 32 MiB.
	CacheBytes uint64
	Now        func() time.Time
}

// Verifier decides about access tokens. It is safe for concurrent use and meant to live across config reloads, so that
// a reload does not send every client's token through a signature check again.
type Verifier struct {
	cfg   Config
	cache *otter.Cache[string, *Verified]
}

// Verified is a token whose signature has been checked. Nothing in it may be changed.
type Verified struct {
	Principal authcore.Principal
	Identity  Identity
	expires   int64 // Unix seconds
}

const (
	defaultCacheBytes = 32 << 20
	// entryBytes is what an entry takes besides its texts: the structures and their share of the table.
	entryBytes = 640
)

var errInvalid = errors.New("invalid token")

// New checks cfg.
func New(cfg Config) (*Verifier, error) {
	if cfg.Keys == nil || cfg.Revocations == nil || cfg.Now == nil {
		return nil, errors.New("edge: keys, revocations and clock are required")
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = defaultCacheBytes
	}
	cache, err := otter.New(&otter.Options[string, *Verified]{
		MaximumWeight: cfg.CacheBytes,
		Weigher: func(raw string, _ *Verified) uint32 {
			return uint32(2*len(raw) + entryBytes) // the claims repeat what the token says
		},
		ExpiryCalculator: otter.ExpiryCreatingFunc(func(e otter.Entry[string, *Verified]) time.Duration {
			return max(time.Unix(e.Value.expires, 0).Sub(cfg.Now()), time.Millisecond)
		}),
	})
	if err != nil {
		return nil, err
	}
	return &Verifier{cfg: cfg, cache: cache}, nil
}

// Verify is Lookup for callers that need no encoded identity.
func (v *Verifier) Verify(raw string, mode authcore.Mode) (*authcore.Principal, Outcome) {
	t, outcome := v.Lookup(raw, mode)
	if t == nil {
		return nil, outcome
	}
	return &t.Principal, outcome
}

// Lookup returns who a token speaks for. mode says where it was found: each kind is refused in the other's place (T10).
// The result is nil unless outcome is Admitted or Outdated. Issuer and audience are for the caller to check, on every
// request, since they differ by guard.
func (v *Verifier) Lookup(raw string, mode authcore.Mode) (*Verified, Outcome) {
	now := v.cfg.Now()
	t, ok := v.cache.GetIfPresent(raw)
	if ok && !v.current(t, now) {
		v.cache.Invalidate(raw)
		ok = false
	}
	if !ok {
		if t, ok = v.verify(raw, mode, now); !ok {
			return nil, Invalid
		}
	}
	if t.Principal.Mode != mode || now.Unix() >= t.expires {
		return nil, Invalid
	}
	switch v.cfg.Revocations.Check(t.Principal.SessionID, t.Principal.AccountID, t.Principal.Epoch, t.Principal.RolesVersion) {
	case authcore.Revoked:
		return nil, Revoked
	case authcore.Outdated:
		return t, Outdated
	}
	return t, Admitted
}

// Admit prepares a token that this node has just issued, so that a renewed request needs no look-up.
func (v *Verifier) Admit(p authcore.Principal) *Verified {
	return &Verified{Principal: p, Identity: identityOf(&p), expires: p.ExpiresAt.Unix()}
}

// current reports whether the key that signed a cached token is still there. A look-up each time, for a key is removed by
// the passing of time as well, with no new set to tell of it.
func (v *Verifier) current(t *Verified, now time.Time) bool {
	return v.cfg.Keys.Set().Has(t.Principal.KeyID, now)
}

// verify checks a token that is not cached. Only good tokens enter the cache, so that junk can neither fill it nor push
// good ones out; concurrent first sights of one token verify once.
func (v *Verifier) verify(raw string, mode authcore.Mode, now time.Time) (*Verified, bool) {
	use := jwtkeys.Bearer
	if mode == authcore.ModeCookie {
		use = jwtkeys.Cookie
	}
	load := otter.LoaderFunc[string, *Verified](func(context.Context, string) (*Verified, error) {
		return v.parse(raw, use, mode, now)
	})
	t, err := v.cache.Get(context.Background(), raw, load)
	return t, err == nil
}

func (v *Verifier) parse(raw string, use jwtkeys.Use, mode authcore.Mode, now time.Time) (*Verified, error) {
	claims, kid, err := v.cfg.Keys.Set().Verify(use, raw, now, anyIssuer)
	if err != nil {
		v.cfg.Keys.Missed() // perhaps another node has rotated the keys
		return nil, errInvalid
	}
	sub, err := uuid.Parse(claims.Subject)
	if err != nil {
		return nil, errInvalid
	}
	sid, err := uuid.Parse(claims.SessionID)
	if err != nil {
		return nil, errInvalid
	}
	t := &Verified{expires: claims.ExpiresAt.Unix(), Principal: authcore.Principal{
		AccountID: sub, SessionID: sid, Subject: claims.Subject, Session: claims.SessionID,
		Epoch: claims.Epoch, RolesVersion: claims.RolesVersion, Email: claims.Email, Username: claims.Username,
		Name: claims.Name, Roles: claims.Roles, Issuer: claims.Issuer, Audience: claims.Audience, AMR: claims.AMR,
		AuthTime: claims.AuthTime, ExpiresAt: claims.ExpiresAt, KeyID: kid, Mode: mode,
	}}
	t.Identity = identityOf(&t.Principal)
	return t, nil
}

// anyIssuer leaves the issuer to the guards, which check it on every request: one node may serve several.
func anyIssuer(string) bool { return true }

// Accepts reports whether a principal's token names one of the issuers and one of the audiences, by exact comparison (T11).
func Accepts(p *authcore.Principal, issuers, audiences []string) bool {
	if !slices.Contains(issuers, p.Issuer) {
		return false
	}
	for _, a := range p.Audience {
		if slices.Contains(audiences, a) {
			return true
		}
	}
	return false
}
