package liveconn

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// stream is a lasting answer: an event stream, or a WebSocket over HTTP/2 or HTTP/3 (RFC 8441, RFC 9220).
type stream struct {
	Connection
	registry *Registry
	kind     Kind
	out      frameWriter
	ctl      *http.ResponseController // of what is beneath
	cancel   context.CancelFunc       // of the request; nil where it did not say that its answer may last

	ending  sync.WaitGroup
	swallow time.Time // until when what can not be sent is dropped; zero before the first time
}

func newStream(a *Answer, kind Kind) *stream {
	s := &stream{Connection: Connection{Of: a.Of, MaxAge: a.MaxAge}, registry: a.registry, kind: kind, ctl: http.NewResponseController(a.ResponseWriter)}
	s.out = frameWriter{to: a.ResponseWriter, flush: s.ctl.Flush, over: make(chan struct{})}
	if kind == WebSocket {
		s.out.frames = new(frames)
	}
	if a.ctx != nil {
		s.cancel = a.ctx.cancel
	}
	s.Ender = s
	return s
}

// open registers the stream, whose head is sent.
func (s *stream) open() {
	s.registry.cfg.Open(s.kind, 1)
	s.registry.Add(&s.Connection)
}

// End implements Ender.
func (s *stream) End(e Ending) {
	s.out.end(e.Reason)
	s.ending.Go(func() { s.close(e) })
}

// close ends the stream. Whoever handles the request learns of it by its context, by an error when they write, and by
// deadlines that have passed: over HTTP/1 net/http cancels the request by the one for reading, over HTTP/2 by the one for
// writing, which also frees a handler whose client does not read.
//
// Nothing here waits for the client: with no flow-control window, or nobody who reads the connection that streams share, a
// Close frame blocks for as long as the client likes. A deadline frees it from the former alone: it resets the stream by a
// frame, which has to get out as well.
func (s *stream) close(e Ending) {
	polite := false
	if s.out.frames == nil {
		s.out.finish()
	} else {
		late := time.NewTimer(closeTimeout)
		defer late.Stop()
		s.ending.Go(s.out.finish)
		select {
		case <-s.out.over:
			polite = true
		case <-late.C:
		}
	}
	s.registry.cfg.Cut(e)
	if s.cancel != nil {
		s.cancel()
	}
	passed := time.Unix(1, 0)
	_ = s.ctl.SetReadDeadline(passed)
	if !polite {
		_ = s.ctl.SetWriteDeadline(passed)
	}
}

// swallows reports whether an error of writing is kept from the handler, for the request has ended: it learns so by the end
// of its context within a second. The reverse proxy takes an error for a fault worth its log (M06).
func (s *stream) swallows(ctx *requestContext) bool {
	if ctx == nil || s.out.frames != nil || s.out.why.Load() == nil && ctx.client.Err() == nil {
		return false
	}
	now := time.Now()
	if s.swallow.IsZero() {
		s.swallow = now.Add(closeTimeout)
	}
	return now.Before(s.swallow)
}

// release forgets the stream, and waits until nobody uses the answer any more: net/http takes it back when the handler returns.
func (s *stream) release() {
	s.registry.Remove(&s.Connection)
	s.ending.Wait()
	s.registry.cfg.Open(s.kind, -1)
}
