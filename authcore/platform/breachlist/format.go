package breachlist

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/FastFilter/xorfilter"
)

// The file, all numbers little-endian: a head of fixed size, and after it the fingerprints of every filter, one after another.
//
//	head   magic [8], version u32, parts u32, passwords u64, parts × 2 × entry, CRC-32C of the head so far u32
//	entry  offset u64, length u32, seed u64, segment length u32, segments u32, CRC-32C of its fingerprints u32
//
// A digest belongs to the part of its first byte, and is looked up by its first eight bytes in both filters of the part. Each filter
// alone is wrong once in 256 times, the two together once in 65 536.
const (
	magic    = "GHBREACH"
	version  = 1
	parts    = 256
	pair     = 2
	entrySz  = 32
	entries  = parts * pair
	headSz   = 24 + entries*entrySz + 4
	maxBytes = 1 << 40
)

// ErrDamaged is the error of a file that is no breach list, or not as it was built.
var ErrDamaged = errors.New("the breach list is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// filter is one binary fuse filter with fingerprints of eight bits.
type filter = xorfilter.BinaryFuse[uint8]

// entry is what the head says of one filter. Length 0 is one without passwords.
type entry struct {
	offset                      uint64
	length                      uint32
	seed                        uint64
	segmentLength, segmentCount uint32
	sum                         uint32
}

func (e entry) put(b []byte) {
	binary.LittleEndian.PutUint64(b, e.offset)
	binary.LittleEndian.PutUint32(b[8:], e.length)
	binary.LittleEndian.PutUint64(b[12:], e.seed)
	binary.LittleEndian.PutUint32(b[20:], e.segmentLength)
	binary.LittleEndian.PutUint32(b[24:], e.segmentCount)
	binary.LittleEndian.PutUint32(b[28:], e.sum)
}

func readEntry(b []byte) entry {
	return entry{
		offset: binary.LittleEndian.Uint64(b), length: binary.LittleEndian.Uint32(b[8:]), seed: binary.LittleEndian.Uint64(b[12:]),
		segmentLength: binary.LittleEndian.Uint32(b[20:]), segmentCount: binary.LittleEndian.Uint32(b[24:]), sum: binary.LittleEndian.Uint32(b[28:]),
	}
}

// filter returns the filter whose fingerprints lie in file. Numbers that a filter cannot have are [ErrDamaged]: a look-up would read
// beyond the fingerprints.
func (e entry) filter(file []byte) (*filter, error) {
	end := e.offset + uint64(e.length)
	if e.offset < headSz || e.offset > maxBytes || end > uint64(len(file)) {
		return nil, fmt.Errorf("%w: it ends too early", ErrDamaged)
	}
	fingerprints := file[e.offset:end]
	if crc32.Checksum(fingerprints, castagnoli) != e.sum {
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	if bits.OnesCount32(e.segmentLength) != 1 || (uint64(e.segmentCount)+2)*uint64(e.segmentLength) != uint64(e.length) {
		return nil, fmt.Errorf("%w: a filter has impossible sizes", ErrDamaged)
	}
	return &filter{Seed: e.seed, SegmentLength: e.segmentLength, SegmentLengthMask: e.segmentLength - 1,
		SegmentCount: e.segmentCount, SegmentCountLength: e.segmentCount * e.segmentLength, Fingerprints: fingerprints}, nil
}

// keyOf is what a digest is looked up by in a filter of its part: the library seeds every filter alike, and the second of a pair must
// not be wrong where the first is.
func keyOf(first8 uint64, filter int) uint64 {
	if filter == 0 {
		return first8
	}
	return bits.RotateLeft64(first8, 32) ^ 0x9e3779b97f4a7c15
}
