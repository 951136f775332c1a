package accesstoken

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
)

// VerifyForeign is [Verifier.Verify] for an access token of a dialect, of any whose keys are in the set. Such a token is kept in memory like
// every other.
func (v *Verifier) VerifyForeign(raw string, keys *jwtkeys.ForeignSet) (*Verified, Outcome) {
	now := v.cfg.Now()
	t := v.foreign(raw, keys, now)
	if t == nil || now.Unix() >= t.expires {
		return nil, Invalid
	}
	return v.judge(t)
}

// foreign returns a token that is good but perhaps expired or revoked, or nil. Its key must be in the set each time: configurations that
// share a verifier differ in them.
func (v *Verifier) foreign(raw string, keys *jwtkeys.ForeignSet, now time.Time) *Verified {
	rest, ok := keys.Named(raw)
	if !ok { // another spelling of the header; too rare to be cached
		if v.bad.know(raw) {
			return nil
		}
		p, err := v.parseForeign(raw, keys, now)
		if err != nil {
			return nil
		}
		return v.Admit(*p)
	}
	v.clock.see(now)
	t, ok := v.cache.GetIfPresent(rest)
	if !ok {
		t = v.uncached(raw, rest, func() (*authcore.Principal, error) { return v.parseForeign(raw, keys, now) })
	}
	if t == nil || t.shared.kind != authcore.DialectToken || !keys.Has(t.shared.kid) {
		return nil
	}
	return t
}

func (v *Verifier) parseForeign(raw string, keys *jwtkeys.ForeignSet, now time.Time) (*authcore.Principal, error) {
	t, err := keys.Open(raw, now)
	if err != nil || t.Use != jwtkeys.ForeignAccess {
		return nil, errInvalid
	}
	return principalOf(t.Claims, t.KID, authcore.DialectToken)
}
