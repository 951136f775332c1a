package edge

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// grant is what the tokens of many sessions have in common. It is never changed.
type grant struct {
	kid, issuer          string
	mode                 authcore.Mode
	audience, amr, roles []string
	groups               string // roles, encoded
}

// grants finds the grant that a new token shares with those before it. It forgets rather than grows: where more kinds of
// grants are in use than it has places, some tokens hold one of their own, which is counted as theirs.
type grants struct {
	seed   maphash.Seed
	recent [1024]atomic.Pointer[grant]
}

// of returns the grant of a token, and how many bytes it is when it is a new one.
func (g *grants) of(p *authcore.Principal) (shared *grant, size int) {
	var h maphash.Hash
	h.SetSeed(g.seed)
	_, _ = h.WriteString(p.KeyID)
	for _, list := range [][]string{p.Audience, p.AMR, p.Roles} {
		for _, text := range list {
			_, _ = h.WriteString(text)
		}
	}
	at := &g.recent[h.Sum64()%uint64(len(g.recent))]
	if have := at.Load(); have != nil && have.fits(p) {
		return have, 0
	}
	fresh := &grant{
		kid: strings.Clone(p.KeyID), issuer: strings.Clone(p.Issuer), mode: p.Mode,
		audience: cloned(p.Audience), amr: cloned(p.AMR), roles: cloned(p.Roles), groups: groups(p),
	}
	at.Store(fresh)
	return fresh, fresh.size()
}

func (g *grant) fits(p *authcore.Principal) bool {
	return g.kid == p.KeyID && g.issuer == p.Issuer && g.mode == p.Mode && slices.Equal(g.audience, p.Audience) &&
		slices.Equal(g.amr, p.AMR) && slices.Equal(g.roles, p.Roles)
}

func (g *grant) size() int {
	const self, each = 192, 32 // the structure; a text's header and its rounding up
	n := self + len(g.kid) + len(g.issuer) + len(g.groups)
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
