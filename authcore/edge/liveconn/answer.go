package liveconn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// Answer writes the answer to a request. Until [Answer.Watch] it passes everything on to the writer beneath, and remembers only
// whether the answer has begun. From then until [Answer.Release] it ends with the session: it is a [Connection] of the registry,
// until its head tells that it lasts and it is kept as a stream or as a connection of another protocol.
//
// When it is cut, nothing more of it gets out. Whoever handles the request learns of it by its context, where it has one that
// can be cancelled, and by deadlines that have passed: over HTTP/1 net/http cancels the request by the one for reading, over
// HTTP/2 by the one for writing. What the client gets is 401 where no answer had begun, or else an answer that breaks off;
// never one that looks complete.
//
// It is a part of the writer of whoever embeds it, and costs a request no memory of its own.
type Answer struct {
	http.ResponseWriter // beneath

	Connection
	registry *Registry // nil: nobody's session that could end
	request  *http.Request
	ctx      *requestContext // nil where nothing says that the connection may last
	stream   *stream         // nil: it does not last

	cut      atomic.Pointer[cut] // nil while it lives on
	begun    atomic.Bool         // the head of the answer is sent, or would have been
	switched bool                // 101 was sent
	kept     bool                // as a stream or another protocol's, or answered: the registry knows the exchange no longer
	dropped  int16               // status of a head that came after the cut
}

// Watch registers the answer to r, which was admitted for somebody, and returns the request to hand on. maxAge is how old the
// snapshot of revocations may get meanwhile; 0 is any age. Release must follow.
func (a *Answer) Watch(registry *Registry, r *http.Request, of *authcore.Holder, maxAge time.Duration) *http.Request {
	a.registry, a.request = registry, r
	if mayLast(r) {
		a.ctx = newRequestContext(r.Context())
		r = r.WithContext(a.ctx)
	}
	a.Of, a.MaxAge, a.Exchange, a.Ender = of, maxAge, true, a
	registry.Add(&a.Connection)
	return r
}

// Begun reports whether the head of the answer is sent.
func (a *Answer) Begun() bool { return a.begun.Load() }

// WriteHeader implements http.ResponseWriter.
func (a *Answer) WriteHeader(status int) {
	first := status >= 200 && !a.begun.Load()
	if first {
		a.begun.Store(true)
	}
	if a.cut.Load() != nil {
		if first {
			a.dropped = int16(status)
		}
		return
	}
	a.ResponseWriter.WriteHeader(status) // before begin: once it is registered a stream may be written to by who ends it
	switch {
	case status == http.StatusSwitchingProtocols:
		a.switched = true
	case first:
		a.begin(status)
	}
}

// start is for an answer that begins without WriteHeader.
func (a *Answer) start() {
	if !a.begun.Load() {
		a.begun.Store(true)
		a.begin(http.StatusOK)
	}
}

// Write implements http.ResponseWriter.
func (a *Answer) Write(b []byte) (int, error) {
	a.start()
	if a.stream != nil {
		n, err := a.stream.out.Write(b)
		if err != nil && a.stream.swallows(a.ctx) {
			return len(b), nil
		}
		return n, err
	}
	if c := a.cut.Load(); c != nil {
		return c.drop(len(b), a.ctx)
	}
	return a.ResponseWriter.Write(b)
}

// ReadFrom implements io.ReaderFrom.
func (a *Answer) ReadFrom(r io.Reader) (int64, error) {
	a.start()
	if a.stream != nil {
		return io.Copy(struct{ io.Writer }{a}, r) // by Write
	}
	if a.cut.Load() != nil {
		return 0, net.ErrClosed
	}
	if beneath, ok := a.ResponseWriter.(io.ReaderFrom); ok {
		return beneath.ReadFrom(r)
	}
	return io.Copy(a.ResponseWriter, r)
}

// FlushError implements what http.ResponseController looks for.
func (a *Answer) FlushError() error {
	a.start()
	if a.stream != nil {
		return a.stream.out.Flush()
	}
	if a.cut.Load() != nil {
		return net.ErrClosed
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker.
func (a *Answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if a.cut.Load() != nil {
		return nil, nil, net.ErrClosed
	}
	conn, brw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil || a.ctx == nil { // without an upgrade asked for it is for no other protocol
		return conn, brw, err
	}
	if !a.unregister() {
		return nil, nil, errors.Join(net.ErrClosed, conn.Close())
	}
	c := newHijackedConn(a, conn)
	if a.switched && sanitize.OnlyWebSocket(a.request.Header["Upgrade"]) {
		// Whoever answers 101 by themselves writes more than frames; then there is nothing to put a Close frame between.
		c.out.frames, c.kind = new(frames), WebSocket
	}
	c.open(brw)
	return c, brw, nil
}

// Push implements http.Pusher.
func (a *Answer) Push(target string, opts *http.PushOptions) error {
	if pusher, ok := a.ResponseWriter.(http.Pusher); ok {
		return pusher.Push(target, opts)
	}
	return http.ErrNotSupported
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (a *Answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// begin looks at the head of the answer.
func (a *Answer) begin(status int) {
	if a.registry == nil {
		return
	}
	if a.request.Method == http.MethodConnect {
		if status < 300 {
			a.keep(WebSocket)
		}
		return
	}
	if isEventStream(a.Header()["Content-Type"]) && a.request.Method != http.MethodHead {
		a.keep(EventStream)
	}
}

// keep registers the answer as one that lasts.
func (a *Answer) keep(kind Kind) {
	if a.unregister() {
		if a.ctx != nil {
			a.ctx.begun.Store(true)
		}
		a.stream = newStream(a, kind)
		a.stream.open()
	}
}

// unregister takes the exchange out of the registry, and reports whether it has not been cut.
func (a *Answer) unregister() (lives bool) {
	if !a.kept {
		a.kept = true
		a.registry.Remove(&a.Connection)
	}
	return a.cut.Load() == nil
}

// Conclude is called when the request was handled. Its answer is nil where that stands. An error refuses the request, whose session
// has ended, and is to be written to the writer beneath, for nothing else will be. Where an answer has begun that does not end
// as it should, it panics with http.ErrAbortHandler.
func (a *Answer) Conclude() error {
	if a.unregister() {
		return nil
	}
	const clientClosed = 499 // what the reverse proxy answers to a request that was cancelled
	if a.switched || a.begun.Load() && a.dropped != clientClosed {
		panic(http.ErrAbortHandler) // so that the answer does not end as if it were complete
	}
	if a.request.ProtoMajor == 1 {
		a.Header().Set("Connection", "close") // what is left of the request nobody reads
	}
	if why := a.cut.Load().why; why == Stale || why == ShuttingDown {
		return httpauth.ErrStale
	}
	return errCut
}

// Release forgets the answer, which must not be used after the request.
func (a *Answer) Release() {
	if !a.unregister() {
		a.cut.Load().wait()
	}
	if a.ctx != nil {
		a.ctx.release()
	}
	if a.stream != nil {
		a.stream.release()
	}
	a.registry, a.stream, a.ctx = nil, nil, nil
}

// Add keeps c until it is removed. A registry that is closed ends it at once, and so does a revocation that has come between
// the check of its token and this.
func (r *Registry) Add(c *Connection) {
	b := r.bucket(c.Of.AccountID)
	b.mu.Lock()
	c.began = r.ticks.Load()
	if c.next = b.first; c.next != nil {
		c.next.prev = c
	}
	b.first = c
	b.mu.Unlock()
	switch {
	case c.Exchange: // what is missed here is found by the next look, before it has lasted long
	case r.closed.Load():
		r.end(c, Ending{Reason: ShuttingDown})
	default:
		if why := r.judge(c, 0); why != "" {
			r.end(c, Ending{Reason: why})
		}
	}
}

// Remove forgets c, which was added. When it returns, End neither runs nor will be called. It must be called once.
func (r *Registry) Remove(c *Connection) {
	b := r.bucket(c.Of.AccountID)
	b.mu.Lock()
	if c.prev == nil {
		b.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	listed := c.listed
	b.mu.Unlock()
	if listed { // or else nobody can find it any more
		c.mu.Lock()
		c.over = true
		c.mu.Unlock()
	}
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

// isEventStream reports whether a Content-Type is that of server-sent events.
func isEventStream(contentType []string) bool {
	return len(contentType) > 0 && len(contentType[0]) >= len(eventStreamType) &&
		strings.EqualFold(contentType[0][:len(eventStreamType)], eventStreamType)
}

// bucket returns where the connections of an account are. Ids are random in their last bytes.
func (r *Registry) bucket(account uuid.UUID) *bucket {
	return &r.buckets[binary.BigEndian.Uint16(account[14:])%buckets]
}

// Interface guards
var (
	_ http.Hijacker = (*Answer)(nil)
	_ http.Pusher   = (*Answer)(nil)
	_ io.ReaderFrom = (*Answer)(nil)
	_ Ender         = (*Answer)(nil)
)
