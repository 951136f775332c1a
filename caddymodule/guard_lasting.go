package caddymodule

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// pass hands an admitted request on, and keeps hold of it: it is cut when the session ends.
func (g *Guard) pass(p *passage, r *http.Request, who *accesstoken.Verified, next caddyhttp.Handler) error {
	p.guard, p.request = g, r
	if mayLast(r) {
		p.ctx = newLastingContext(r.Context())
		r = r.WithContext(p.ctx)
	}
	p.Of, p.MaxAge, p.Exchange, p.Ender = who.Holder(), g.maxAge, true, p
	g.app.node.lasting.Add(&p.Connection)
	defer p.release()
	return p.conclude(next.ServeHTTP(p, r))
}

// mayLast reports whether a request says itself that its connection may last, or that it may take long. Others may get an event
// stream or a download all the same; to be able to cancel each would cost more than everything else the guard does. Over HTTP/3
// each can be: there no deadline cancels a request (S13), and QUIC costs more than that.
func mayLast(r *http.Request) bool {
	if r.ProtoMajor == 3 || len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect {
		return true
	}
	if r.ContentLength < 0 || r.ContentLength > longBody || len(r.Header["Expect"]) > 0 { // gRPC among it
		return true
	}
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, eventStreamType) {
			return true
		}
	}
	return false
}

// longBody is how long a body is that may take long to arrive.
const longBody = 64 << 10

const eventStreamType = "text/event-stream"

// begin looks at the head of the answer.
func (p *passage) begin(status int) {
	if p.guard == nil { // nobody's session that could end
		return
	}
	if p.request.Method == http.MethodConnect {
		if status < 300 {
			p.keep(kindWebSocket)
		}
		return
	}
	if kind := p.Header()["Content-Type"]; len(kind) > 0 && len(kind[0]) >= len(eventStreamType) &&
		strings.EqualFold(kind[0][:len(eventStreamType)], eventStreamType) && p.request.Method != http.MethodHead {
		p.keep(kindEventStream)
	}
}

// keep registers the answer as a lasting one.
func (p *passage) keep(kind string) {
	if !p.unregister() {
		return
	}
	var cancel context.CancelFunc
	if p.ctx != nil {
		p.ctx.begun.Store(true)
		cancel = p.ctx.cancel
	}
	p.stream = newStream(p.ResponseWriter, cancel)
	if kind == kindWebSocket {
		p.stream.out.frames = new(frames)
	}
	p.describe(&p.stream.Connection)
	p.stream.kind = kind
	lastingOpen.of(kind).Inc()
	p.guard.app.node.lasting.Add(&p.stream.Connection)
}

// describe says what is known of who the connection is of.
func (p *passage) describe(c *liveconn.Connection) {
	c.Of, c.MaxAge = p.Of, p.MaxAge
}

// release forgets the answer, which must not be used after the request.
func (p *passage) release() {
	if !p.unregister() {
		p.cut.Load().wait()
	}
	if p.ctx != nil {
		p.ctx.release()
	}
	if s := p.stream; s != nil {
		p.guard.app.node.lasting.Remove(&s.Connection)
		s.release()
		lastingOpen.of(s.kind).Dec()
	}
	p.guard, p.stream, p.ctx = nil, nil, nil
}

// Hijack implements http.Hijacker.
func (p *passage) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if p.cut.Load() != nil {
		return nil, nil, net.ErrClosed
	}
	conn, brw, err := http.NewResponseController(p.ResponseWriter).Hijack()
	if err != nil || p.ctx == nil { // without an upgrade asked for it is for no other protocol
		return conn, brw, err
	}
	if !p.unregister() {
		return nil, nil, errors.Join(net.ErrClosed, conn.Close())
	}
	t, kind := newTunnel(conn, p.ctx.cancel), kindUpgrade
	if p.switched && sanitize.OnlyWebSocket(p.request.Header["Upgrade"]) {
		// Whoever answers 101 by themselves writes more than frames; then there is nothing to put a Close frame between.
		t.out.frames, kind = new(frames), kindWebSocket
	}
	p.describe(&t.Connection)
	t.buffer(brw)
	connections, open := p.guard.app.node.lasting, lastingOpen.of(kind)
	t.remove = func() {
		connections.Remove(&t.Connection)
		open.Dec()
	}
	open.Inc()
	connections.Add(&t.Connection)
	return t, brw, nil
}
