package accesstoken

import (
	"errors"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
	"golang.org/x/sync/singleflight"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
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
	// RolesChanged: roles have changed; a refresh yields a token that is accepted.
	RolesChanged
	// Replaced: as Revoked, by a step-up; a refresh may yield a token of the session that has taken its place.
	Replaced
)

// Keys is where the present keys come from (keyring.Ring).
type Keys interface {
	// Set returns the keys of this moment, which nobody changes any more; never nil. It is asked for each token that is seen for
	// the first time, by many goroutines at once, and answers from memory.
	Set() *jwtkeys.KeySet
	// UnknownKey is told of every token that did not verify; it must be cheap and return at once.
	UnknownKey()
}

// Config is what a Verifier needs.
type Config struct {
	Keys        Keys
	Revocations authcore.Revocations
	// CacheBytes caps the memory of verified tokens; 0 means DefaultCache.
	CacheBytes uint64
	Now        func() time.Time
}

// Verifier decides about access tokens. It is safe for concurrent use and meant to live across config reloads, so that
// a reload does not send every client's token through a signature check again.
type Verifier struct {
	cfg      Config
	clock    clock
	cache    *otter.Cache[string, *Verified] // by the token without its header, which the key set tells
	claims   claimTable
	bad      badTokens
	door     atomic.Pointer[doorkeeper]
	counters counters
	first    singleflight.Group // by the whole token
}

// DefaultCache is how much memory verified tokens may take where nothing else is said: those of some 140 000 sessions.
const DefaultCache = 128 << 20

// entryBytes is what an entry takes besides its text: the structures, the rounding up, its share of the cache's table.
const entryBytes = 352

var errInvalid = errors.New("invalid token")

// New checks cfg.
func New(cfg Config) (*Verifier, error) {
	if cfg.Keys == nil || cfg.Revocations == nil || cfg.Now == nil {
		return nil, errors.New("accesstoken: keys, revocations and clock are required")
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = DefaultCache
	}
	v := &Verifier{cfg: cfg, claims: newClaimTable(), bad: badTokens{seed: maphash.MakeSeed()}}
	v.counters.Counter = stats.NewCounter()
	v.door.Store(newDoorkeeper(cfg.CacheBytes))
	v.clock.see(cfg.Now())
	var err error
	v.cache, err = otter.New(&otter.Options[string, *Verified]{
		MaximumWeight: cfg.CacheBytes,
		Weigher:       func(_ string, t *Verified) uint32 { return t.weight() },
		Clock:         &v.clock,
		StatsRecorder: &v.counters,
		OnAtomicDeletion: func(e otter.DeletionEvent[string, *Verified]) {
			if e.Cause == otter.CauseOverflow {
				v.counters.evicted.Add(1)
			}
		},
		ExpiryCalculator: otter.ExpiryCreatingFunc(func(e otter.Entry[string, *Verified]) time.Duration {
			return max(time.Duration(e.Value.expires*int64(time.Second)-v.clock.NowNano()), time.Millisecond)
		}),
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Issued returns who a token was issued to, also when it has expired; nil where it is none of ours. It is for giving the
// token up: nobody is admitted by it. Whether the session lives is not looked at, nor are issuer and audience.
func (v *Verifier) Issued(raw string, kind authcore.CredentialKind) *authcore.Principal {
	if v.bad.know(raw) {
		return nil
	}
	claims, kid, err := v.cfg.Keys.Set().Issued(useOf(kind), raw, v.cfg.Now(), anyIssuer)
	if err != nil {
		if errors.Is(err, jwtkeys.ErrSignature) {
			v.bad.remember(raw)
		}
		return nil
	}
	p, err := principalOf(claims, kid, kind)
	if err != nil {
		return nil
	}
	return p
}

// Names reports whether a token passes itself off as one of ours, see [jwtkeys.KeySet.Names].
func (v *Verifier) Names(raw string, issuers []string) bool {
	return v.cfg.Keys.Set().Names(raw, issuers)
}

// Admit prepares a token that is good and not cached, as one is that this node has just issued.
func (v *Verifier) Admit(p authcore.Principal) *Verified {
	return pack(&p, "", &v.claims)
}

// uncached checks a token that is not cached. Only good tokens enter the cache, at their second sight, so that neither junk
// nor tokens that come once can fill it or push out those in use; of concurrent requests with one token one checks it.
func (v *Verifier) uncached(raw, rest string, parse func() (*authcore.Principal, error)) *Verified {
	if v.bad.know(raw) {
		return nil
	}
	t, err, _ := v.first.Do(raw, func() (any, error) {
		if t, ok := v.cache.GetIfPresent(rest); ok { // somebody was quicker
			return t, nil
		}
		p, err := parse()
		if err != nil {
			return nil, err
		}
		v.counters.checked.Add(1)
		if !v.door.Load().again(raw) {
			return v.Admit(*p), nil
		}
		t := pack(p, rest, &v.claims)
		v.cache.Set(t.part(token), t)
		return t, nil
	})
	if err != nil {
		return nil
	}
	return t.(*Verified)
}

func (v *Verifier) parse(raw string, kind authcore.CredentialKind, now time.Time) (*authcore.Principal, error) {
	claims, kid, err := v.cfg.Keys.Set().Verify(useOf(kind), raw, now, anyIssuer)
	if err != nil {
		if errors.Is(err, jwtkeys.ErrSignature) {
			v.bad.remember(raw)
		}
		v.cfg.Keys.UnknownKey() // perhaps another node has rotated the keys
		return nil, errInvalid
	}
	return principalOf(claims, kid, kind)
}

func principalOf(claims jwtkeys.Claims, kid string, kind authcore.CredentialKind) (*authcore.Principal, error) {
	account, errAccount := uuid.Parse(claims.Subject)
	sess, errSession := uuid.Parse(claims.SessionID)
	if errAccount != nil || errSession != nil {
		return nil, errInvalid
	}
	return &authcore.Principal{
		AccountID: account, SessionID: sess, Subject: claims.Subject, Session: claims.SessionID,
		Epoch: claims.Epoch, RolesVersion: claims.RolesVersion, Email: claims.Email, EmailReused: claims.EmailReused, Username: claims.Username,
		Name: claims.Name, Roles: claims.Roles, Issuer: claims.Issuer, Audience: claims.Audience, AMR: claims.AMR,
		AuthTime: claims.AuthTime, ExpiresAt: claims.ExpiresAt, KeyID: kid, Credential: kind, Origin: claims.Origin,
		Fields: claims.Fields,
	}, nil
}

// anyIssuer leaves the issuer to the guards, which check it on every request: one node may serve several.
func anyIssuer(string) bool { return true }
