package accesstoken

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// sharedClaims is what the tokens of many sessions have in common. It is never changed but for who is charged for its memory.
type sharedClaims struct {
	charged              atomic.Bool
	kid, issuer, host    string
	kind                 authcore.CredentialKind
	audience, amr, roles []string
	groups               string // roles, encoded
	multi                bool   // amr says that two kinds of proof were given
}

// claimTable finds the claims that a new token shares with those before it. It forgets rather than grows: where more kinds of
// claims are in use than it has places, some tokens hold claims of their own, which are counted as theirs.
//
// A shared one is counted as that of the first cached token alone. Once that is evicted the others hold it uncounted: one for each kind
// of claims in use, and never more than seven times their own text, which is counted and says the same. The places hold one
// each, of some hundred bytes. The kinds are made by keys and by the roles that administrators give, and not by clients.
type claimTable struct {
	seed   maphash.Seed
	recent []atomic.Pointer[sharedClaims]
}

// places is how many kinds of claims are known at a time.
const places = 1024

func newClaimTable() claimTable {
	return claimTable{seed: maphash.MakeSeed(), recent: make([]atomic.Pointer[sharedClaims], places)}
}

// of returns the shared claims of a token.
func (g *claimTable) of(p *authcore.Principal) *sharedClaims {
	at := &g.recent[g.hash(p)%uint64(len(g.recent))]
	if have := at.Load(); have != nil && have.match(p) {
		return have
	}
	fresh := &sharedClaims{
		kid: strings.Clone(p.KeyID), issuer: strings.Clone(p.Issuer), host: strings.Clone(p.Origin), kind: p.Credential,
		audience: cloned(p.Audience), amr: cloned(p.AMR), roles: cloned(p.Roles), groups: groups(p),
		multi: authcore.ACR(p.AMR) == authcore.ACRMulti,
	}
	at.Store(fresh)
	return fresh
}

// charge returns how many bytes the claims are to the first cached token that has them, and 0 to the others.
func (g *sharedClaims) charge() int {
	if g.charged.Swap(true) {
		return 0
	}
	return g.size()
}

// hash tells kinds apart by where texts and lists end as well, so that neighbours do not take each other's place for ever.
func (g *claimTable) hash(p *authcore.Principal) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	maphash.WriteComparable(&h, p.KeyID)
	maphash.WriteComparable(&h, p.Issuer)
	maphash.WriteComparable(&h, p.Origin)
	maphash.WriteComparable(&h, p.Credential)
	for _, list := range [][]string{p.Audience, p.AMR, p.Roles} {
		maphash.WriteComparable(&h, len(list))
		for _, text := range list {
			maphash.WriteComparable(&h, text)
		}
	}
	return h.Sum64()
}

// match decides alone whether a token may share the claims: kinds whose hashes have one place come by each other's.
func (g *sharedClaims) match(p *authcore.Principal) bool {
	return g.kid == p.KeyID && g.issuer == p.Issuer && g.host == p.Origin && g.kind == p.Credential && slices.Equal(g.audience, p.Audience) &&
		slices.Equal(g.amr, p.AMR) && slices.Equal(g.roles, p.Roles)
}

func (g *sharedClaims) size() int {
	const self, each = 216, 32 // the structure; a text's header and its rounding up
	n := self + len(g.kid) + len(g.issuer) + len(g.host) + len(g.groups)
	for _, list := range [][]string{g.audience, g.amr, g.roles} {
		for _, text := range list {
			n += each + len(text)
		}
	}
	return n
}

// cloned copies the texts as well.
func cloned(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i, text := range list {
		out[i] = strings.Clone(text)
	}
	return out
}
