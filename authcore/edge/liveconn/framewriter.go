package liveconn

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// closeTimeout is how long a connection that has to end may take for the frame under way and for the Close frame.
const closeTimeout = time.Second

// frameWriter is what a lasting connection sends to its client. Once it has to end, a WebSocket's frame under way is let
// through, a Close frame follows, and nothing more; anything else ends where it is.
type frameWriter struct {
	to     io.Writer
	flush  func() error // nil: what is written is sent at once
	frames *frames      // nil: no WebSocket's

	why  atomic.Pointer[Reason] // nil while it lives on
	over chan struct{}          // closed when nothing more will be sent

	mu   sync.Mutex // held while sending
	shut bool       // over is closed
}

// Write implements io.Writer. An frameWriter that has ended returns net.ErrClosed.
func (o *frameWriter) Write(p []byte) (int, error) {
	o.mu.Lock()
	n, err := o.send(p)
	o.mu.Unlock()
	if o.why.Load() != nil {
		o.finish() // whoever ended it while this was sent has left that to us
	}
	return n, err
}

// send must be called with o.mu held.
func (o *frameWriter) send(p []byte) (n int, err error) {
	if o.shut {
		return 0, net.ErrClosed
	}
	cut := false
	if o.why.Load() != nil {
		rest := 0
		if o.frames != nil {
			rest = o.frames.rest(p)
		}
		p, cut = p[:rest], rest < len(p)
	}
	if len(p) > 0 {
		n, err = o.to.Write(p)
	}
	if o.frames != nil {
		o.frames.take(p[:n])
	}
	if err == nil && cut {
		err = net.ErrClosed
	}
	return n, err
}

// Flush sends what is buffered.
func (o *frameWriter) Flush() error {
	o.mu.Lock()
	err := net.ErrClosed
	if !o.shut {
		err = o.flush()
	}
	o.mu.Unlock()
	if o.why.Load() != nil {
		o.finish() // as in Write
	}
	return err
}

// end lets nothing more out but what is left of the frame under way, and the Close frame. It never blocks; finish must follow.
func (o *frameWriter) end(why Reason) { o.why.Store(&why) }

// finish sends the Close frame, if this is the moment. Whoever holds the lock instead calls it in their turn. It blocks for as long as
// the client does not read.
func (o *frameWriter) finish() {
	if !o.mu.TryLock() {
		return
	}
	defer o.mu.Unlock()
	if o.shut || (o.frames != nil && !o.frames.between()) {
		return
	}
	if o.frames != nil && !o.frames.closed {
		// An error is the client's: it is gone, or does not read.
		_, err := o.to.Write(closeFrame(*o.why.Load()))
		if err == nil && o.flush != nil {
			_ = o.flush()
		}
	}
	o.shut = true
	close(o.over)
}

// closeFrame is the Close frame of a reason (RFC 6455 §7.4; 1012 and 1013 are IANA's).
func closeFrame(why Reason) []byte {
	const (
		policyViolation = 1008
		serviceRestart  = 1012
		tryAgainLater   = 1013
	)
	switch why {
	case RolesChanged:
		return encodeClose(policyViolation, "the roles have changed")
	case Stale:
		return encodeClose(tryAgainLater, "the session cannot be confirmed now")
	case ShuttingDown:
		return encodeClose(serviceRestart, "the configuration has changed")
	}
	return encodeClose(policyViolation, "the session has ended")
}
