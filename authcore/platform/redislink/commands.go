package redislink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// All that a node asks Redis for, besides logging in: the rights that docs/configuration.md lists are
// these, those of the scripts, and what a connection needs (SELECT for a database other than 0, CLUSTER
// SLOTS in a cluster).

// field is the one field of a stream's entry.
const field = "m"

// Entry is one entry of a stream.
type Entry struct {
	ID string
	// Text is nil for an entry that Append did not make.
	Text []byte
}

// Append adds entries to a stream, in their order and in one go, and trims it to about most entries. An
// error says nothing of how many were added. XADD.
func (l *Link) Append(ctx context.Context, stream string, most int64, texts ...[]byte) error {
	_, err := l.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, text := range texts {
			p.XAdd(ctx, &redis.XAddArgs{Stream: stream, MaxLen: most, Approx: true, Values: []any{field, text}})
		}
		return nil
	})
	return wrap("append to a stream", err)
}

// Holds reports whether a stream has the entry of an id. Redis sends it as a whole. XRANGE.
func (l *Link) Holds(ctx context.Context, stream, id string) (bool, error) {
	found, err := l.client.XRangeN(ctx, stream, id, id, 1).Result()
	return len(found) == 1, wrap("look for an entry of a stream", err)
}

// Last returns the id of a stream's last entry, "" for a stream without any. Redis sends it as a whole. XREVRANGE.
func (l *Link) Last(ctx context.Context, stream string) (id string, err error) {
	last, err := l.client.XRevRangeN(ctx, stream, "+", "-", 1).Result()
	if len(last) == 1 {
		id = last[0].ID
	}
	return id, wrap("look for the end of a stream", err)
}

// Read returns up to most entries of a stream that come after an id ("0-0" is before all), and waits for
// the first one for so long; none when there is none by then. Redis sends whole entries, and together they may
// be too large, see [Oversized]. XREAD.
func (l *Link) Read(ctx context.Context, stream, after string, most int64, wait time.Duration) ([]Entry, error) {
	streams, err := l.client.XRead(ctx, &redis.XReadArgs{Streams: []string{stream, after}, Count: most, Block: wait}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap("read a stream", err)
	}
	var entries []Entry
	for _, s := range streams {
		for _, m := range s.Messages {
			e := Entry{ID: m.ID}
			if text, ok := m.Values[field].(string); ok {
				e.Text = []byte(text)
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// Delete removes a key, whatever lies there; one that is not there is no error. DEL.
func (l *Link) Delete(ctx context.Context, key string) error {
	return wrap("delete a key", l.client.Del(ctx, key).Err())
}

// Script is a program that Redis runs. It may name no keys but those it is given, and in a cluster those
// lie on one server. It is safe for concurrent use.
type Script struct{ script *redis.Script }

// NewScript returns a script with the given text, in Lua.
func NewScript(text string) *Script { return &Script{redis.NewScript(text)} }

// Run runs a script and returns its answer: an int64, a string, or a list of such as []any. Redis keeps
// the text and is sent its digest only, until it has forgotten it. EVALSHA, EVAL, and what the script
// calls.
func (l *Link) Run(ctx context.Context, s *Script, keys []string, args ...any) (any, error) {
	answer, err := s.script.Run(ctx, l.client, keys, args...).Result()
	return answer, wrap("run a script", err)
}

func wrap(step string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return nil
}
