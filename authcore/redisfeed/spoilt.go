package redisfeed

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// spoilt reports whether Redis will never again take a message where the stream stands: its last id is
// the highest there is, or something else lies there. Whoever can write to Redis can bring it about,
// with one command, and it stays when they have gone.
func spoilt(err error) bool {
	return redis.HasErrorPrefix(err, "The stream has exhausted") || redis.HasErrorPrefix(err, "WRONGTYPE")
}

// clear deletes what lies in the stream's place; the next message begins it anew. Nothing is lost that
// the database has not, and readers notice as they notice any loss. It returns why that failed,
// besides cause, or nil.
func (f *Feed) clear(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if err := f.cfg.Link.Del(ctx, f.stream).Err(); err != nil {
		return fmt.Errorf("%w; delete the stream of revocations: %w", cause, err)
	}
	f.cfg.Logger.Warn("the stream of revocations in Redis was spoilt, by whoever can write to Redis; it begins anew, and the database has what it held",
		"key", f.stream, "error", cause)
	return nil
}

// causeOf puts an error into words for who looks at the node's readiness.
func causeOf(err error) string {
	switch {
	case err == nil:
		return ""
	case spoilt(err):
		return "the stream of revocations in redis is spoilt"
	case redis.IsAuthError(err), redis.IsPermissionError(err):
		return "redis refuses the user"
	default:
		return "redis does not answer"
	}
}
