package liveconn

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// requestContext is the context of a request whose answer may last. Once that answer has begun, whatever ends the request ends
// it with io.EOF, as if the service had sent all there is: of any other end in the middle of an answer Caddy's reverse_proxy
// logs the request as it went to the service, with the identity headers that the guard has set (M06). Until then it ends as
// contexts do.
type requestContext struct {
	context.Context // which ends by end alone
	end             context.CancelCauseFunc
	client          context.Context // of the request as it came
	stop            func() bool     // forgets client
	begun           atomic.Bool     // the answer lasts, and its head is sent
}

func newRequestContext(client context.Context) *requestContext {
	c := &requestContext{client: client}
	c.Context, c.end = context.WithCancelCause(context.WithoutCancel(client))
	c.stop = context.AfterFunc(client, c.cancel)
	return c
}

// Deadline implements context.Context.
func (c *requestContext) Deadline() (time.Time, bool) { return c.client.Deadline() }

// Err implements context.Context. HTTP/2's client asks for it, HTTP/1's for the cause.
func (c *requestContext) Err() error { return context.Cause(c.Context) }

// cancel ends the request.
func (c *requestContext) cancel() {
	switch {
	case c.begun.Load():
		c.end(io.EOF)
	case c.client.Err() != nil:
		c.end(c.client.Err())
	default:
		c.end(context.Canceled)
	}
}

// release forgets the request, which is answered.
func (c *requestContext) release() {
	c.stop()
	c.end(context.Canceled)
}

// Interface guards
var _ context.Context = (*requestContext)(nil)
