package caddymodule

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
)

// tunnel is a connection that has switched protocols: a WebSocket over HTTP/1, or whatever else.
type tunnel struct {
	net.Conn
	liveconn.Connection
	out    outlet
	cancel context.CancelFunc // of the request: closes the upstream's side
	remove func()             // called once, when it is closed

	closed  sync.Once
	parted  atomic.Bool // part closes it, not who opened it
	reading sync.Mutex  // held while reading
}

func newTunnel(conn net.Conn, cancel context.CancelFunc) *tunnel {
	t := &tunnel{Conn: conn, cancel: cancel, out: outlet{to: conn, over: make(chan struct{})}}
	t.Ender = t
	return t
}

// End implements liveconn.Ender.
func (t *tunnel) End(e liveconn.Ending) {
	t.out.end(e.Reason)
	go t.part(e) // for at most twice partingTime
}

// buffer puts the tunnel under what Hijack returned. Bytes that the client sent early stay readable.
func (t *tunnel) buffer(brw *bufio.ReadWriter) {
	brw.Writer.Reset(t)
	early, _ := brw.Peek(brw.Reader.Buffered())
	if len(early) == 0 {
		brw.Reader.Reset(t)
		return
	}
	brw.Reader.Reset(io.MultiReader(bytes.NewReader(bytes.Clone(early)), t))
	_, _ = brw.Peek(len(early)) // as who reads it expects: there already
}

// Read implements net.Conn. After the end of the session nothing of the client's gets through.
func (t *tunnel) Read(p []byte) (int, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	if t.parted.Load() {
		return 0, net.ErrClosed
	}
	n, err := t.Conn.Read(p)
	if t.parted.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Write implements net.Conn.
func (t *tunnel) Write(p []byte) (int, error) { return t.out.Write(p) }

// CloseWrite lets one direction end before the other where the connection can do that.
func (t *tunnel) CloseWrite() error {
	half, ok := t.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Close implements net.Conn.
func (t *tunnel) Close() error {
	t.closed.Do(t.remove)
	if t.parted.Load() {
		return nil
	}
	return t.Conn.Close()
}

// part ends the tunnel.
func (t *tunnel) part(e liveconn.Ending) {
	_ = t.SetWriteDeadline(time.Now().Add(partingTime)) // for a client that does not read
	t.out.part()
	polite := false
	if t.out.frames != nil {
		late := time.NewTimer(partingTime)
		defer late.Stop()
		select {
		case <-t.out.over:
			polite = true
		case <-late.C:
		}
	}
	t.parted.Store(true)
	observeCut(e)
	t.cancel()
	if polite {
		t.linger()
	}
	_ = t.Conn.Close()
}

// linger waits for the client to close, as RFC 6455 §7.1.1 has it: a socket that is closed with something unread in it is
// reset, and then the Close frame may never be seen.
func (t *tunnel) linger() {
	_ = t.CloseWrite()
	_ = t.SetReadDeadline(time.Unix(1, 0)) // who reads now leaves
	t.reading.Lock()
	defer t.reading.Unlock()
	_ = t.SetReadDeadline(time.Now().Add(partingTime))
	_, _ = io.CopyN(io.Discard, t.Conn, 1<<20)
}

// Interface guards
var _ net.Conn = (*tunnel)(nil)
