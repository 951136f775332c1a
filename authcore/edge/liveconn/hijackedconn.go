package liveconn

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
)

// hijackedConn is a connection that has switched protocols: a WebSocket over HTTP/1, or whatever else.
type hijackedConn struct {
	net.Conn
	Connection
	registry *Registry
	kind     Kind
	out      frameWriter
	cancel   context.CancelFunc // of the request: closes the upstream's side

	closed  sync.Once
	cut     atomic.Bool // shut closes it, not who opened it
	reading sync.Mutex  // held while reading
}

func newHijackedConn(a *Answer, conn net.Conn) *hijackedConn {
	c := &hijackedConn{Conn: conn, Connection: Connection{Of: a.Of, MaxAge: a.MaxAge}, registry: a.registry, kind: Upgrade, cancel: a.ctx.cancel,
		out: frameWriter{to: conn, over: make(chan struct{})}}
	c.Ender = c
	return c
}

// open registers the connection and puts it under what Hijack returned.
func (c *hijackedConn) open(brw *bufio.ReadWriter) {
	c.buffer(brw)
	c.registry.cfg.Open(c.kind, 1)
	c.registry.Add(&c.Connection)
}

// remove is called once, when the connection is closed.
func (c *hijackedConn) remove() {
	c.registry.Remove(&c.Connection)
	c.registry.cfg.Open(c.kind, -1)
}

// End implements Ender.
func (c *hijackedConn) End(e Ending) {
	c.out.end(e.Reason)
	go c.shut(e) // for at most twice closeTimeout
}

// buffer puts the connection under what Hijack returned. Bytes that the client sent early stay readable.
func (c *hijackedConn) buffer(brw *bufio.ReadWriter) {
	brw.Writer.Reset(c)
	early, _ := brw.Peek(brw.Reader.Buffered())
	if len(early) == 0 {
		brw.Reader.Reset(c)
		return
	}
	brw.Reader.Reset(io.MultiReader(bytes.NewReader(bytes.Clone(early)), c))
	_, _ = brw.Peek(len(early)) // as who reads it expects: there already
}

// Read implements net.Conn. After the end of the session nothing of the client's gets through.
func (c *hijackedConn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.cut.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(p)
	if c.cut.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Write implements net.Conn.
func (c *hijackedConn) Write(p []byte) (int, error) { return c.out.Write(p) }

// CloseWrite lets one direction end before the other where the connection can do that.
func (c *hijackedConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Close implements net.Conn.
func (c *hijackedConn) Close() error {
	c.closed.Do(c.remove)
	if c.cut.Load() {
		return nil
	}
	return c.Conn.Close()
}

// shut ends the connection.
func (c *hijackedConn) shut(e Ending) {
	_ = c.SetWriteDeadline(time.Now().Add(closeTimeout)) // for a client that does not read
	c.out.finish()
	polite := false
	if c.out.frames != nil {
		late := time.NewTimer(closeTimeout)
		defer late.Stop()
		select {
		case <-c.out.over:
			polite = true
		case <-late.C:
		}
	}
	c.cut.Store(true)
	c.registry.cfg.Cut(e)
	c.cancel()
	if polite {
		c.linger()
	}
	_ = c.Conn.Close()
}

// linger waits for the client to close, as RFC 6455 §7.1.1 has it: a socket that is closed with something unread in it is
// reset, and then the Close frame may never be seen.
func (c *hijackedConn) linger() {
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Unix(1, 0)) // who reads now leaves
	c.reading.Lock()
	defer c.reading.Unlock()
	_ = c.SetReadDeadline(time.Now().Add(closeTimeout))
	_, _ = io.CopyN(io.Discard, c.Conn, 1<<20)
}

// Interface guards
var _ net.Conn = (*hijackedConn)(nil)
