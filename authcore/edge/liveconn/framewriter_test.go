package liveconn

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// Whatever pieces frames come in, it is known where each ends.
func TestFrames_Boundaries(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	lengths, pieces := []int{0, 1, 125, 126, 127, 300, 65535, 65536, 70000}, []int{1, 2, 3, 7, 130, 66000}
	for range soak.N(100, 5000) {
		var all []byte
		ends := map[int]bool{0: true}
		for range 1 + random.IntN(6) {
			all = append(all, frameOf(lengths[random.IntN(len(lengths))], random.IntN(2) == 0)...)
			ends[len(all)] = true
		}
		var f frames
		for at := 0; at < len(all); {
			n := min(pieces[random.IntN(len(pieces))], len(all)-at)
			rest := f.rest(all[at : at+n])
			if ends[at] && rest != 0 || !ends[at] && (rest == 0 || rest < n && !ends[at+rest]) {
				t.Fatalf("at %d of %d, %d bytes belong to the frame under way", at, len(all), rest)
			}
			f.take(all[at : at+n])
			if at += n; f.between() != ends[at] {
				t.Fatalf("after %d bytes: between frames: %t", at, f.between())
			}
		}
		if f.closed {
			t.Fatal("a Close frame was seen")
		}
		if f.take(encodeClose(1008, "")); !f.closed || !f.between() {
			t.Fatal("no Close frame was seen")
		}
	}
}

func frameOf(length int, masked bool) []byte {
	head := []byte{0x82}
	switch {
	case length < 126:
		head = append(head, byte(length))
	case length < 65536:
		head = append(head, 126, byte(length>>8), byte(length))
	default:
		head = append(head, 127, 0, 0, 0, 0, byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
	}
	if masked {
		head[1] |= maskBit
		head = append(head, 1, 2, 3, 4)
	}
	return append(head, bytes.Repeat([]byte{0x88}, length)...)
}

// fakeConn records what a connection sends.
type fakeConn struct {
	net.Conn
	sent bytes.Buffer
}

func (c *fakeConn) Write(p []byte) (int, error) { return c.sent.Write(p) }

// TestS13_CloseFrameBetweenFrames: what has begun is finished, then comes the Close frame, then nothing.
func TestS13_CloseFrameBetweenFrames(t *testing.T) {
	t.Parallel()
	whole, closing := frameOf(10, false), closeFrame(Revoked)
	for begun := range len(whole) {
		conn := &fakeConn{}
		o := &frameWriter{to: conn, frames: new(frames), over: make(chan struct{})}
		if _, err := o.Write(whole[:begun]); err != nil {
			t.Fatal(err)
		}
		o.end(Revoked)
		o.finish()
		want := append(bytes.Clone(whole), closing...)
		n, err := o.Write(append(bytes.Clone(whole[begun:]), whole...))
		if begun == 0 {
			want = closing
		}
		if !bytes.Equal(conn.sent.Bytes(), want) || !errors.Is(err, net.ErrClosed) || n > len(whole)-begun {
			t.Errorf("ended after %d bytes: sent %x and %d of the rest (%v), expected %x", begun, conn.sent.Bytes(), n, err, want)
		}
		select {
		case <-o.over:
		default:
			t.Errorf("ended after %d bytes: it is not over", begun)
		}
	}
	// A Close frame that was sent is not sent twice.
	conn := &fakeConn{}
	o := &frameWriter{to: conn, frames: new(frames), over: make(chan struct{})}
	_, _ = o.Write(encodeClose(1000, ""))
	o.end(Revoked)
	o.finish()
	if got := conn.sent.Bytes(); !bytes.Equal(got, encodeClose(1000, "")) {
		t.Errorf("sent %x", got)
	}
}
