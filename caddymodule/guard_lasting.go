package caddymodule

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
)

// pass hands an admitted request on, and keeps hold of its connection where that lasts: it is closed when the session ends.
func (g *Guard) pass(p *passage, r *http.Request, who *accesstoken.Verified, next caddyhttp.Handler) error {
	p.guard, p.who, p.request = g, who, r
	defer p.release()
	if mayLast(r) {
		p.ctx = newLastingContext(r.Context())
		defer p.ctx.release()
		r = r.WithContext(p.ctx)
	}
	return next.ServeHTTP(p, r)
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

// begin looks at the head of the answer.
func (p *passage) begin(status int) {
	p.begun = true
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
	c.Of, c.MaxAge = p.who.Holder(), p.guard.maxAge
}

// release forgets the answer, which must not be used after the request.
func (p *passage) release() {
	if s := p.stream; s != nil {
		p.guard.app.node.lasting.Remove(&s.Connection)
		s.release()
		lastingOpen.of(s.kind).Dec()
	}
	p.guard, p.stream, p.ctx = nil, nil, nil
}

// Hijack implements http.Hijacker.
func (p *passage) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(p.ResponseWriter).Hijack()
	if err != nil || p.ctx == nil { // without an upgrade asked for it is for no other protocol
		return conn, brw, err
	}
	t, kind := newTunnel(conn, p.ctx.cancel), kindUpgrade
	if p.switched && onlyWebSocket(p.request.Header["Upgrade"]) {
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
