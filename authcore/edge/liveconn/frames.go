package liveconn

import "encoding/binary"

// frames follows the WebSocket frames of one direction (RFC 6455 §5.2), so that a Close frame can be put between two of
// them. The zero value is before the first frame.
type frames struct {
	head   [14]byte // of the frame whose header is not complete
	have   int      // bytes of it
	left   uint64   // payload that is still to come
	closed bool     // a Close frame has begun: after it nothing more may be sent (§5.5.1)
}

// between reports whether what was seen ends with a frame.
func (f *frames) between() bool { return f.have == 0 && f.left == 0 }

// take follows p.
func (f *frames) take(p []byte) {
	for len(p) > 0 {
		p = p[f.next(p):]
	}
}

// rest returns how many bytes of p belong to the frame under way.
func (f *frames) rest(p []byte) int {
	if f.between() {
		return 0
	}
	ahead := *f
	return ahead.next(p)
}

// next follows p to the end of the frame under way, or of the one that begins with p, and returns how many bytes that is.
func (f *frames) next(p []byte) (n int) {
	for ; f.left == 0; n++ {
		if n == len(p) {
			return n
		}
		f.head[f.have] = p[n]
		if f.have++; f.have < f.headerLen() {
			continue
		}
		f.begin()
		if f.left == 0 {
			return n + 1
		}
	}
	part := min(uint64(len(p)-n), f.left)
	f.left -= part
	return n + int(part)
}

const (
	opcodeClose = 0x8
	maskBit     = 0x80
)

// headerLen is the length of the header as far as it is known.
func (f *frames) headerLen() int {
	if f.have < 2 {
		return 2
	}
	n := 2
	switch f.head[1] &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if f.head[1]&maskBit != 0 {
		n += 4
	}
	return n
}

// begin reads the complete header.
func (f *frames) begin() {
	switch l := f.head[1] &^ maskBit; l {
	case 126:
		f.left = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		f.left = binary.BigEndian.Uint64(f.head[2:])
	default:
		f.left = uint64(l)
	}
	f.closed = f.closed || f.head[0]&0xf == opcodeClose
	f.have = 0
}

// encodeClose is a Close frame of a server's.
func encodeClose(code uint16, text string) []byte {
	frame := []byte{0x80 | opcodeClose, byte(2 + len(text)), byte(code >> 8), byte(code)}
	return append(frame, text...)
}
