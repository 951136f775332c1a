package passhash

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// ErrMalformed is returned for a stored hash that is not the PHC text of an Argon2id hash,
// or whose cost is above the caps. It is a fault of the stored data, not of the password.
var ErrMalformed = errors.New("malformed password hash")

// Params is the cost of a hash (RFC 9106 §3.1).
type Params struct {
	MemoryKiB uint32 // m: 8 KiB per thread up to 1 GiB
	Time      uint32 // t: passes, 1 to 16
	Threads   uint8  // p: lanes, 1 to 16
}

// Caps, held before anything is allocated: a planted hash must not be able to take the
// machine down with the cost that it names.
const (
	maxMemoryKiB = 1 << 20
	maxTime      = 16
	maxThreads   = 16
	saltSize     = 16
	keySize      = 32
	maxSize      = 64 // of salt and key in a parsed hash
	minSalt      = 8
	minKey       = 16
)

func (p Params) check() error {
	switch {
	case p.Threads < 1 || p.Threads > maxThreads:
		return fmt.Errorf("argon2id threads must be 1 to %d", maxThreads)
	case p.Time < 1 || p.Time > maxTime:
		return fmt.Errorf("argon2id time must be 1 to %d", maxTime)
	case p.MemoryKiB < 8*uint32(p.Threads) || p.MemoryKiB > maxMemoryKiB:
		return fmt.Errorf("argon2id memory must be %d KiB (8 a thread) to %d KiB", 8*int(p.Threads), maxMemoryKiB)
	}
	return nil
}

// phc is a parsed hash: $argon2id$v=19$m=47104,t=1,p=1$salt$key.
type phc struct {
	Params
	salt, key []byte
}

const phcPrefix = "$argon2id$v=19$"

// strict refuses padding and non-zero trailing bits.
var strict = base64.RawStdEncoding.Strict()

func (h phc) String() string {
	return fmt.Sprintf("%sm=%d,t=%d,p=%d$%s$%s", phcPrefix, h.MemoryKiB, h.Time, h.Threads,
		strict.EncodeToString(h.salt), strict.EncodeToString(h.key))
}

// parse accepts exactly what String writes.
func parse(text string) (phc, error) {
	rest, ok := strings.CutPrefix(text, phcPrefix)
	fields := strings.SplitN(rest, "$", 4)
	if !ok || len(fields) != 3 {
		return phc{}, ErrMalformed
	}
	costs := strings.SplitN(fields[0], ",", 4)
	if len(costs) != 3 {
		return phc{}, ErrMalformed
	}
	m, okM := cost(costs[0], "m=", maxMemoryKiB)
	t, okT := cost(costs[1], "t=", maxTime)
	p, okP := cost(costs[2], "p=", maxThreads)
	salt, okSalt := binary(fields[1], minSalt)
	key, okKey := binary(fields[2], minKey)
	h := phc{Params: Params{MemoryKiB: m, Time: t, Threads: uint8(p)}, salt: salt, key: key}
	if !okM || !okT || !okP || !okSalt || !okKey || h.check() != nil {
		return phc{}, ErrMalformed
	}
	return h, nil
}

// cost reads name and a decimal without sign or leading zeros, up to limit.
func cost(field, name string, limit uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(field, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || uint32(n) > limit || strconv.FormatUint(n, 10) != digits {
		return 0, false
	}
	return uint32(n), true
}

// binary reads canonical base64. The decoder skips line breaks, which the length shows.
func binary(field string, least int) ([]byte, bool) {
	if len(field) > strict.EncodedLen(maxSize) {
		return nil, false
	}
	b, err := strict.DecodeString(field)
	return b, err == nil && len(b) >= least && strict.EncodedLen(len(b)) == len(field)
}

// matches does the full work for any password, NUL bytes and all.
func (h phc) matches(password string) bool {
	key := argon2.IDKey([]byte(password), h.salt, h.Time, h.MemoryKiB, h.Threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}
