package revocation

import (
	"context"
	"errors"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Announcer brings committed revocations to where they are heeded: the set of this node.
// It is safe for concurrent use.
type Announcer struct{ set *Set }

// NewAnnouncer returns an Announcer for the given set.
func NewAnnouncer(set *Set) (*Announcer, error) {
	if set == nil {
		return nil, errors.New("an announcer needs a revocation set")
	}
	return &Announcer{set: set}, nil
}

// Announce applies rs to this node's set before it returns. A cancelled ctx does not
// stop it: what is committed must be heeded even if the client has gone.
func (a *Announcer) Announce(_ context.Context, rs ...authcore.Revocation) { a.set.Apply(rs...) }

// Interface guards
var _ authcore.Revoker = (*Announcer)(nil)
