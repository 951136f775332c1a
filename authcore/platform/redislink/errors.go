package redislink

import (
	"errors"

	"github.com/redis/go-redis/v9"
)

// Answered reports whether an error is Redis's own answer: the connection is well, and asking again at
// once changes nothing.
func Answered(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

var errOversized = errors.New("answer too large or malformed")

// Oversized reports whether Redis's answer was not read because it is too large, as with an entry that somebody else has put
// into a stream. Redis is there, and asking again for the same changes nothing.
func Oversized(err error) bool { return errors.Is(err, errOversized) }

// Refused reports whether Redis does not let the user in, or not do what was asked.
func Refused(err error) bool { return redis.IsAuthError(err) || redis.IsPermissionError(err) }

// Corrupt reports whether a stream will never again take an entry: its last id is the highest there is,
// or something else lies in its place.
func Corrupt(err error) bool {
	return redis.HasErrorPrefix(err, "The stream has exhausted") || redis.HasErrorPrefix(err, "WRONGTYPE")
}
