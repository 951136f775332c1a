package liveconn

import (
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Reason says why a connection is ended.
type Reason string

// The reasons.
const (
	Revoked      Reason = "revoked"  // the session or its account's epoch is revoked
	RolesChanged Reason = "outdated" // the account's roles have changed since the connection was admitted
	Expired      Reason = "expired"  // the database knows the session as ended: as a rule since its time is over
	Stale        Reason = "stale"    // this node's snapshot of revocations is older than the connection bears
	ShuttingDown Reason = "unheard"  // the registry is closed: nobody would hear of a revocation
)

// Reasons are all of them.
func Reasons() []Reason { return []Reason{Revoked, RolesChanged, Expired, Stale, ShuttingDown} }

// Ending tells a connection that it has to end.
type Ending struct {
	Reason Reason
	Since  time.Time // when this node learned of the reason; zero where that is not known
}

// Ender is how a connection ends.
type Ender interface {
	// End closes the connection. It is called at most once, never after [Registry.Remove] has returned, and must neither
	// block nor remove its own connection.
	End(Ending)
}

// Connection is one open connection: what was known when it was admitted, and how to end it. The exported fields are set
// before it is given to a [Registry] and not changed after. Each request has one, so it is packed.
type Connection struct {
	Of *authcore.Holder
	// MaxAge is how old the snapshot of revocations may get while the connection lives; 0 is any age.
	MaxAge time.Duration
	// Exchange is a request that will be answered by itself, as far as anybody knows: it is not ended before it has lasted
	// for a while. So short requests of the session are answered, the one among them that has ended it.
	Exchange bool

	listed bool   // somebody may still end it who has found it before; guarded by the bucket's lock, as the next are
	over   bool   // guarded by mu
	began  uint32 // by the registry's ticks

	Ender      Ender
	next, prev *Connection

	mu sync.Mutex // held while End runs
}

// end calls End unless the connection is over, and reports whether it did.
func (c *Connection) end(e Ending) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.over = true
	c.Ender.End(e)
	return true
}
