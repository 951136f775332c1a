package session

import (
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// A client whose calls all meet the end of its access token at once refreshes as often. Those of one second read the session once.
const (
	recentFor      = time.Second
	recentSessions = 10_000
)

// recent are sessions as the database told of them a moment ago. What ends one, or changes its account's roles, is asked of this node's
// revocations each time, as a guard asks for an access token: so a session that has ended yields nothing for any longer than its access tokens
// let through (S07). It is safe for concurrent use.
type recent struct {
	revocations authcore.Revocations
	known       *otter.Cache[uuid.UUID, read]
}

type read struct {
	at      time.Time
	session authcore.Session
	account authcore.Account
}

func newRecent(over authcore.Revocations) *recent {
	known := otter.Must(&otter.Options[uuid.UUID, read]{MaximumSize: recentSessions, ExpiryCalculator: otter.ExpiryWriting[uuid.UUID, read](recentFor)})
	return &recent{over, known}
}

func (c *recent) keep(at time.Time, s authcore.Session, a authcore.Account) {
	c.known.Set(s.ID, read{at, s, a})
}

// get returns a session that was read within recentFor and lives; false for any other.
func (c *recent) get(id uuid.UUID, now time.Time) (authcore.Session, authcore.Account, bool) {
	r, ok := c.known.GetIfPresent(id)
	if !ok || now.Before(r.at) || now.Sub(r.at) >= recentFor || !now.Before(r.session.RefreshExpiresAt) || !now.Before(r.session.ExpiresAt) ||
		c.revocations.Check(id, r.account.ID, r.account.Epoch, r.account.RolesVersion) != authcore.Valid {
		return authcore.Session{}, authcore.Account{}, false
	}
	return r.session, r.account, true
}
