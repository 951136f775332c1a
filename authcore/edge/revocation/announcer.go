package revocation

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Publisher hands committed revocations to the other nodes.
type Publisher interface {
	// Publish takes rs and returns at once: the answer to whoever asked for the revocation waits behind it. It does not fail;
	// what does not reach the others, they read from the database. It may be called concurrently, and keeps no hold of rs.
	Publish(rs ...authcore.Revocation)
}

// Announcer brings committed revocations to where they are heeded: the set of this node, then the
// other nodes. It is safe for concurrent use.
type Announcer struct {
	set       *Set
	publisher atomic.Pointer[Publisher]
}

// NewAnnouncer returns an Announcer for the given set that tells no other nodes.
func NewAnnouncer(set *Set) (*Announcer, error) {
	if set == nil {
		return nil, errors.New("an announcer needs a revocation set")
	}
	return &Announcer{set: set}, nil
}

// PublishTo makes p the way to the other nodes; nil is none.
func (a *Announcer) PublishTo(p Publisher) {
	if p == nil {
		a.publisher.Store(nil)
		return
	}
	a.publisher.Store(&p)
}

// Announce applies rs to this node's set before it returns, and has told the publisher of them. A
// cancelled ctx does not stop it: what is committed must be heeded even if the client has gone.
func (a *Announcer) Announce(_ context.Context, rs ...authcore.Revocation) {
	a.set.Apply(rs...)
	if p := a.publisher.Load(); p != nil && len(rs) > 0 {
		(*p).Publish(rs...)
	}
}
