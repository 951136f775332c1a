package liveconn

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// slowWriter is an answer over HTTP/2 or HTTP/3 to a client that takes nothing: what is flushed stays.
type slowWriter struct {
	sent      bytes.Buffer
	deadlines bool          // one that has passed frees who flushes
	free      chan struct{} // closed when flushing goes on
	freeing   sync.Once
}

func (w *slowWriter) release() { w.freeing.Do(func() { close(w.free) }) }

func (w *slowWriter) Header() http.Header             { return http.Header{} }
func (w *slowWriter) WriteHeader(int)                 {}
func (w *slowWriter) Write(p []byte) (int, error)     { return w.sent.Write(p) }
func (w *slowWriter) SetReadDeadline(time.Time) error { return nil }

func (w *slowWriter) FlushError() error {
	<-w.free
	return nil
}

func (w *slowWriter) SetWriteDeadline(at time.Time) error {
	if w.deadlines && at.Before(time.Now()) {
		w.release()
	}
	return nil
}

// webSocketTo is a WebSocket that no registry looks at.
func webSocketTo(w http.ResponseWriter, cancel context.CancelFunc) *stream {
	r := &Registry{cfg: Config{Cut: func(Ending) {}, Open: func(Kind, int) {}}}
	s := newStream(&Answer{ResponseWriter: w, registry: r, Connection: Connection{Of: new(authcore.Holder)}}, WebSocket)
	s.cancel = cancel
	return s
}

// TestS13_CloseFrameThatBlocks: the request is cancelled in time whether a deadline frees the Close frame, as without a
// flow-control window, or nothing does, as where nobody reads the connection.
func TestS13_CloseFrameThatBlocks(t *testing.T) {
	t.Parallel()
	for what, deadlines := range map[string]bool{"no window": true, "nobody reads": false} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &slowWriter{deadlines: deadlines, free: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				s := webSocketTo(w, cancel)
				since := time.Now()
				s.End(Ending{Reason: Revoked})
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
					t.Error("the request lives on")
				}
				if took := time.Since(since); took != closeTimeout {
					t.Errorf("cancelled after %s", took)
				}
				synctest.Wait()
				select {
				case <-w.free:
				default:
					if deadlines {
						t.Error("no deadline frees the handler")
					}
				}
				w.release()
				s.release()
			})
		})
	}
}

// TestS13_CloseFrameAfterFlush: a connection that has to end while it is flushed sends its Close frame when that is done.
func TestS13_CloseFrameAfterFlush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &slowWriter{free: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		s := webSocketTo(w, cancel)
		since := time.Now()
		go func() { _ = s.out.Flush() }()
		synctest.Wait()
		s.End(Ending{Reason: Revoked})
		synctest.Wait()
		w.release()
		<-ctx.Done()
		if took := time.Since(since); took != 0 || !bytes.Equal(w.sent.Bytes(), closeFrame(Revoked)) {
			t.Errorf("after %s: sent %x", took, w.sent.Bytes())
		}
		s.release()
	})
}
