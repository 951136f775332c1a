package caddymodule

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
)

// pass hands an admitted request on, and keeps hold of its connection where that lasts: it is closed when the session ends.
func (g *Guard) pass(w http.ResponseWriter, r *http.Request, who *accesstoken.Verified, next caddyhttp.Handler) error {
	a := &admitted{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, guard: g, who: who, request: r}
	defer a.release()
	if mayLast(r) {
		a.ctx = newLastingContext(r.Context())
		defer a.ctx.release()
		r = r.WithContext(a.ctx)
	}
	return next.ServeHTTP(a, r)
}

// mayLast reports whether a request says itself that its connection may last. Others may get an event stream all the
// same; to be able to cancel each would cost more than everything else the guard does. Over HTTP/3 each can be:
// there no deadline cancels a request (S13), and QUIC costs more than that.
func mayLast(r *http.Request) bool {
	if r.ProtoMajor == 3 || len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect {
		return true
	}
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, eventStreamType) {
			return true
		}
	}
	return false
}

const eventStreamType = "text/event-stream"

// admitted is the answer to an admitted request. It finds out by its head whether it lasts.
type admitted struct {
	caddyhttp.ResponseWriterWrapper
	guard    *Guard
	who      *accesstoken.Verified
	request  *http.Request
	ctx      *lastingContext // nil where nothing says that the connection may last
	begun    bool
	switched bool    // 101 was sent
	stream   *stream // nil: it does not last
}

// WriteHeader implements http.ResponseWriter.
func (a *admitted) WriteHeader(status int) {
	a.ResponseWriter.WriteHeader(status) // first: once it is registered a stream may be written to by who ends it
	switch {
	case status == http.StatusSwitchingProtocols:
		a.switched = true
	case status >= 200 && !a.begun:
		a.begin(status)
	}
}

// begin looks at the head of the answer.
func (a *admitted) begin(status int) {
	a.begun = true
	if a.request.Method == http.MethodConnect {
		if status < 300 {
			a.keep(kindWebSocket)
		}
		return
	}
	if kind := a.Header()["Content-Type"]; len(kind) > 0 && len(kind[0]) >= len(eventStreamType) &&
		strings.EqualFold(kind[0][:len(eventStreamType)], eventStreamType) && a.request.Method != http.MethodHead {
		a.keep(kindEventStream)
	}
}

// keep registers the answer as a lasting one.
func (a *admitted) keep(kind string) {
	var cancel context.CancelFunc
	if a.ctx != nil {
		a.ctx.begun.Store(true)
		cancel = a.ctx.cancel
	}
	a.stream = newStream(a.ResponseWriter, cancel)
	if kind == kindWebSocket {
		a.stream.out.frames = new(frames)
	}
	a.describe(&a.stream.Connection)
	a.stream.kind = kind
	lastingOpen.of(kind).Inc()
	a.guard.app.node.lasting.Add(&a.stream.Connection)
}

// describe says what is known of who the connection is of.
func (a *admitted) describe(c *liveconn.Connection) {
	c.Of, c.MaxAge = a.who.Holder(), a.guard.maxAge
}

// release forgets the answer, which must not be used after the request.
func (a *admitted) release() {
	if s := a.stream; s != nil {
		a.guard.app.node.lasting.Remove(&s.Connection)
		s.release()
		lastingOpen.of(s.kind).Dec()
	}
}

// Write implements http.ResponseWriter.
func (a *admitted) Write(p []byte) (int, error) {
	if !a.begun {
		a.begin(http.StatusOK)
	}
	if a.stream != nil {
		n, err := a.stream.out.Write(p)
		if err != nil && a.stream.swallows(a.ctx) {
			return len(p), nil
		}
		return n, err
	}
	return a.ResponseWriter.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (a *admitted) ReadFrom(r io.Reader) (int64, error) {
	if !a.begun {
		a.begin(http.StatusOK)
	}
	if a.stream != nil {
		return io.Copy(struct{ io.Writer }{a}, r) // by Write
	}
	return a.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError implements what http.ResponseController looks for.
func (a *admitted) FlushError() error {
	if !a.begun {
		a.begin(http.StatusOK)
	}
	if a.stream != nil {
		return a.stream.out.Flush()
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (a *admitted) Flush() { _ = a.FlushError() }

// Hijack implements http.Hijacker.
func (a *admitted) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil || a.ctx == nil { // without an upgrade asked for it is for no other protocol
		return conn, brw, err
	}
	t, kind := newTunnel(conn, a.ctx.cancel), kindUpgrade
	if a.switched && onlyWebSocket(a.request.Header["Upgrade"]) {
		// Whoever answers 101 by themselves writes more than frames; then there is nothing to put a Close frame between.
		t.out.frames, kind = new(frames), kindWebSocket
	}
	a.describe(&t.Connection)
	t.buffer(brw)
	connections, open := a.guard.app.node.lasting, lastingOpen.of(kind)
	t.remove = func() {
		connections.Remove(&t.Connection)
		open.Dec()
	}
	open.Inc()
	connections.Add(&t.Connection)
	return t, brw, nil
}

// Interface guards
var (
	_ http.Hijacker = (*admitted)(nil)
	_ http.Flusher  = (*admitted)(nil)
	_ io.ReaderFrom = (*admitted)(nil)
)
