package throttle

import (
	"encoding/binary"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// pardonWords is in how many numbers scripts take and tell a pardon: its time in microseconds, and 144 bits of a MAC, 48 in
// each, for Lua tells no more than 53 apart.
const pardonWords = 4

// pardon is the word of a node, for all others, that a success or a reset forgot the failures of a name at a moment. It is
// under a MAC, and made only when that has happened: who can write to Redis can keep it back or repeat it, but can make
// nobody forget what came later.
func (l *Lockouts) pardon(digest secret.Digest, at time.Time) (words [pardonWords]int64) {
	words[0] = at.UnixMicro()
	mac := l.key().Derive("lockout pardon").MAC(digest[:], binary.BigEndian.AppendUint64(nil, uint64(words[0])))
	for i := range pardonWords - 1 {
		var b [8]byte
		copy(b[2:], mac[6*i:6*i+6])
		words[1+i] = int64(binary.BigEndian.Uint64(b[:]))
	}
	return words
}

// words are numbers as a script takes them.
func words(of [pardonWords]int64) []any {
	args := make([]any, len(of))
	for i, n := range of {
		args[i] = n
	}
	return args
}

// pardoned is the moment of a pardon that a node made; the zero time where none did.
func (l *Lockouts) pardoned(digest secret.Digest, words [pardonWords]int64) time.Time {
	if words[0] <= 0 {
		return time.Time{}
	}
	at := time.UnixMicro(words[0])
	var differ int64 // at once, so that the time it takes tells nobody how much is right
	for i, word := range l.pardon(digest, at) {
		differ |= word ^ words[i]
	}
	if differ != 0 {
		return time.Time{}
	}
	return at
}
