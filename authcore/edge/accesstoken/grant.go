package accesstoken

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// grant is what the tokens of many sessions have in common. It is never changed but for who is charged for its memory.
type grant struct {
	charged              atomic.Bool
	kid, issuer, host    string
	kind                 authcore.CredentialKind
	audience, amr, roles []string
	groups               string // roles, encoded
}

// grants finds the grant that a new token shares with those before it. It forgets rather than grows: where more kinds of
// grants are in use than it has places, some tokens hold one of their own, which is counted as theirs.
//
// A shared one is counted as that of the first cached token alone. Once that is evicted the others hold it uncounted: one for each kind
// of grant in use, and never more than seven times their own text, which is counted and says the same. The places hold one
// each, of some hundred bytes. The kinds are made by keys and by the roles that administrators give, and not by clients.
type grants struct {
	seed   maphash.Seed
	recent []atomic.Pointer[grant]
}

// places is how many kinds of grants are known at a time.
const places = 1024

func newGrants() grants {
	return grants{seed: maphash.MakeSeed(), recent: make([]atomic.Pointer[grant], places)}
}

// of returns the grant of a token.
func (g *grants) of(p *authcore.Principal) *grant {
	at := &g.recent[g.hash(p)%uint64(len(g.recent))]
	if have := at.Load(); have != nil && have.fits(p) {
		return have
	}
	fresh := &grant{
		kid: strings.Clone(p.KeyID), issuer: strings.Clone(p.Issuer), host: strings.Clone(p.Host), kind: p.Credential,
		audience: cloned(p.Audience), amr: cloned(p.AMR), roles: cloned(p.Roles), groups: groups(p),
	}
	at.Store(fresh)
	return fresh
}

// charge returns how many bytes the grant is to the first cached token that has it, and 0 to the others.
func (g *grant) charge() int {
	if g.charged.Swap(true) {
		return 0
	}
	return g.size()
}

// hash tells kinds apart by where texts and lists end as well, so that neighbours do not take each other's place for ever.
func (g *grants) hash(p *authcore.Principal) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	maphash.WriteComparable(&h, p.KeyID)
	maphash.WriteComparable(&h, p.Issuer)
	maphash.WriteComparable(&h, p.Host)
	maphash.WriteComparable(&h, p.Credential)
	for _, list := range [][]string{p.Audience, p.AMR, p.Roles} {
		maphash.WriteComparable(&h, len(list))
		for _, text := range list {
			maphash.WriteComparable(&h, text)
		}
	}
	return h.Sum64()
}

// fits decides alone whether a token may share the grant: kinds whose hashes have one place come by each other's.
func (g *grant) fits(p *authcore.Principal) bool {
	return g.kid == p.KeyID && g.issuer == p.Issuer && g.host == p.Host && g.kind == p.Credential && slices.Equal(g.audience, p.Audience) &&
		slices.Equal(g.amr, p.AMR) && slices.Equal(g.roles, p.Roles)
}

func (g *grant) size() int {
	const self, each = 208, 32 // the structure; a text's header and its rounding up
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
