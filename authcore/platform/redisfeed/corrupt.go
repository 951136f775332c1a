package redisfeed

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

// calm is how long a stream has to last for its being corrupt to be told of again.
const calm = time.Minute

// clear deletes what lies in the place of a stream that will never again take a message; the next one
// begins it anew. Whoever can write to Redis can bring that about, with one command, and it stays when
// they have gone. Nothing is lost that the database has not, and readers notice as they notice any loss.
// It returns why that failed, besides cause, or nil.
func (f *Feed) clear(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if err := f.cfg.Link.Delete(ctx, f.stream); err != nil {
		return fmt.Errorf("%w; delete the stream of revocations: %w", cause, err)
	}
	now := f.cfg.Now()
	again := !f.wiped.IsZero() && now.Sub(f.wiped) < calm
	f.wiped = now
	if again {
		return nil // who spoils it with every message gets no line for each
	}
	f.cfg.Logger.Warn("the revocation stream in Redis was corrupted by someone who can write to Redis; starting a new one (the database has its content)",
		"key", f.stream, "error", cause)
	return nil
}

// causeOf puts an error into words for who looks at the node's readiness.
func causeOf(err error) string {
	switch {
	case err == nil:
		return ""
	case redislink.Corrupt(err):
		return "the stream of revocations in redis is corrupt"
	case redislink.Refused(err):
		return "redis refuses the user"
	default:
		return "redis does not answer"
	}
}
