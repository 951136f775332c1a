package caddymodule

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
)

// inFlight is an admitted request until it is answered, or until its answer turns out to last and is kept as a stream or a
// tunnel. It is a part of the answer's writer and costs a request no memory of its own.
//
// When it is cut, nothing more of the answer gets out. Whoever handles the request learns of it by its context, where it has
// one that can be cancelled, and by deadlines that have passed: over HTTP/1 net/http cancels the request by the one for
// reading, over HTTP/2 by the one for writing. What the client gets is 401 where no answer had begun, or else an answer that
// breaks off; never one that looks complete.
type inFlight struct {
	liveconn.Connection
	cut      atomic.Pointer[cut] // nil while it lives on
	begun    atomic.Bool         // the head of the answer is sent, or would have been
	switched bool                // 101 was sent
	kept     bool                // as a stream or tunnel, or answered: the registry knows the exchange no longer
	dropped  int16               // status of a head that came after the cut
}

// cut is the end of an exchange.
type cut struct {
	why  liveconn.Reason
	at   time.Time
	done chan struct{} // closed when the request is handled
	over chan struct{} // closed when nobody uses the answer any more
}

// drop is what becomes of a write after the cut. The reverse proxy takes an error for a fault worth its log, with the request
// as the service got it (M06); so where the context tells it of the end there is none for a second.
func (c *cut) drop(n int, ctx *lastingContext) (int, error) {
	if ctx != nil && time.Since(c.at) < partingTime {
		return n, nil
	}
	return 0, net.ErrClosed
}

// errCut is the answer to a request whose session has ended before there was one.
var errCut = authcore.Refuse(authcore.InvalidToken, "The access token is no longer accepted: while the request was handled, the session "+
	"ended or the roles changed. Refresh it or sign in again.")

// End implements liveconn.Ender.
func (p *passage) End(e liveconn.Ending) {
	c := &cut{why: e.Reason, at: time.Now(), done: make(chan struct{}), over: make(chan struct{})}
	p.cut.Store(c) // before it is asked whether a head is sent: who sends one asks in the other order
	go p.part(c, e, p.begun.Load())
}

// part frees whoever handles the request. The context comes first: a transport that sees a deadline before it blames the service.
func (p *passage) part(c *cut, e liveconn.Ending, begun bool) {
	defer close(c.over)
	ctl, passed := http.NewResponseController(p.ResponseWriter), time.Unix(1, 0)
	if p.ctx != nil {
		if begun {
			p.ctx.begun.Store(true)
		}
		p.ctx.cancel()
	}
	_ = ctl.SetReadDeadline(passed)
	observeCut(e)
	// Without an answer there is still somebody to write a refusal, unless over HTTP/2 nothing but its end tells them.
	if !begun && (p.ctx != nil || p.request.ProtoMajor == 1) && c.handledIn(partingTime) {
		return
	}
	_ = ctl.SetWriteDeadline(passed)
}

// handledIn waits until the request is handled, for so long at most, and reports whether it is.
func (c *cut) handledIn(d time.Duration) bool {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-c.done:
		return true
	case <-late.C:
		return false
	}
}

// wait returns when nobody uses the answer any more, for net/http takes it back.
func (c *cut) wait() {
	close(c.done)
	<-c.over
}

// unregister takes the exchange out of the registry, and reports whether it has not been cut.
func (p *passage) unregister() (lives bool) {
	if !p.kept {
		p.kept = true
		p.guard.app.node.lasting.Remove(&p.Connection)
	}
	return p.cut.Load() == nil
}

// conclude ends the answer to a request that was handled; err is how.
func (p *passage) conclude(err error) error {
	if p.unregister() {
		return err
	}
	c := p.cut.Load()
	const clientClosed = 499 // what the reverse proxy answers to a request that was cancelled
	if p.switched || p.begun.Load() && p.dropped != clientClosed {
		panic(http.ErrAbortHandler) // so that the answer does not end as if it were complete
	}
	p.head(http.StatusUnauthorized) // nothing of the service's stays on it
	why := errCut
	if c.why == liveconn.Stale || c.why == liveconn.Unheard {
		why = httpauth.ErrStale
	}
	if p.request.ProtoMajor == 1 {
		p.Header().Set("Connection", "close") // what is left of the request nobody reads
	}
	return p.guard.refuse(p.ResponseWriter, p.request, why, p.guard.app.https(p.request))
}
