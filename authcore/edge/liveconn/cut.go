package liveconn

import (
	"net"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// cut is the end of an exchange, before it was answered.
type cut struct {
	why  Reason
	at   time.Time
	done chan struct{} // closed when the request is handled
	over chan struct{} // closed when nobody uses the answer any more
}

// errCut is the answer to a request whose session has ended before there was one.
var errCut = authcore.Refuse(authcore.InvalidToken, "The access token is no longer accepted: while the request was handled, the session "+
	"ended or the roles changed. Refresh it or sign in again.")

// drop is what becomes of a write after the cut. The reverse proxy takes an error for a fault worth its log, with the request
// as the service got it (M06); so where the context tells it of the end there is none for a second.
func (c *cut) drop(n int, ctx *requestContext) (int, error) {
	if ctx != nil && time.Since(c.at) < closeTimeout {
		return n, nil
	}
	return 0, net.ErrClosed
}

// End implements Ender.
func (a *Answer) End(e Ending) {
	c := &cut{why: e.Reason, at: time.Now(), done: make(chan struct{}), over: make(chan struct{})}
	a.cut.Store(c) // before it is asked whether a head is sent: who sends one asks in the other order
	go a.free(c, e, a.begun.Load())
}

// free frees whoever handles the request. The context comes first: a transport that sees a deadline before it blames the service.
func (a *Answer) free(c *cut, e Ending, begun bool) {
	defer close(c.over)
	ctl, passed := http.NewResponseController(a.ResponseWriter), time.Unix(1, 0)
	if a.ctx != nil {
		if begun {
			a.ctx.begun.Store(true)
		}
		a.ctx.cancel()
	}
	_ = ctl.SetReadDeadline(passed)
	a.registry.cfg.Cut(e)
	// Without an answer there is still somebody to write a refusal, unless over HTTP/2 nothing but its end tells them.
	if !begun && (a.ctx != nil || a.request.ProtoMajor == 1) && c.handledIn(closeTimeout) {
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
