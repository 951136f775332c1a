package liveconn

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// Reason says why a connection is ended.
type Reason string

// The reasons.
const (
	Revoked  Reason = "revoked"  // the session or its account's epoch is revoked
	Outdated Reason = "outdated" // the account's roles have changed since the connection was admitted
	Expired  Reason = "expired"  // the database knows the session as ended: as a rule since its time is over
	Stale    Reason = "stale"    // this node's view of revocations is older than the connection bears
	Unheard  Reason = "unheard"  // the registry is closed: nobody would hear of a revocation
)

// Reasons are all of them.
func Reasons() []Reason { return []Reason{Revoked, Outdated, Expired, Stale, Unheard} }

// Connection is one open connection: what was known when it was admitted, and how to end it. The exported fields are set
// before it is given to a [Registry] and not changed after. It takes about 120 bytes of memory, besides what End holds.
type Connection struct {
	Session, Account    uuid.UUID
	Epoch, RolesVersion int64
	// MaxAge is how old the view of revocations may get while the connection lives; 0 is any age.
	MaxAge time.Duration
	// End closes the connection. It is called at most once, never after [Registry.Remove] has returned, and must neither
	// block nor remove its own connection.
	End func(Reason)

	place int // in its shard; guarded by the shard's lock

	mu   sync.Mutex // held while End runs
	over bool
}

// end calls End unless the connection is over, and reports whether it did.
func (c *Connection) end(why Reason) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.over = true
	c.End(why)
	return true
}
