package gateway

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// issueRetry is what a client is told to wait: to set a clock or a secret takes a person, but another node may answer.
const issueRetry = 10 * time.Second

// MayIssue is [session.Config.MayIssue]. With a wrong clock, and without keys, what would be written and signed holds by that clock,
// or could not be signed.
func MayIssue(clockWrong, signs func() bool) error {
	switch {
	case clockWrong():
		return authcore.RefuseFor(authcore.Unavailable, "This cannot be answered right now: the clock of this node is wrong. "+
			"Try again in a moment. Nobody has been signed out.", issueRetry)
	case !signs():
		return authcore.RefuseFor(authcore.Unavailable, "This cannot be answered right now: this node has no keys to sign with. "+
			"Try again in a moment.", issueRetry)
	}
	return nil
}
