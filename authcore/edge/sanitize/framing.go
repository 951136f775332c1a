package sanitize

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// CheckForm refuses a request whose form alone shows that it must not go on. ours says that it is for the portal itself.
func CheckForm(w http.ResponseWriter, r *http.Request, ours bool) error {
	if err := checkLength(r); err != nil {
		return err
	}
	return checkHeaders(w, r, ours)
}

// checkLength refuses a request over HTTP/2 or HTTP/3 whose content-length is no number: net/http takes it for zero and
// passes the request on (P18). One of zero whose stream is still open waits for the stream's end, since what is
// malformed must not be forwarded (RFC 9113 §8.1.1) and the proxy would forward it before its first byte came. Over
// HTTP/1 net/http refuses and ends both itself.
func checkLength(r *http.Request) error {
	lines := r.Header["Content-Length"]
	if r.ProtoMajor < 2 || len(lines) == 0 {
		return nil
	}
	ok := len(lines) == 1 && lines[0] != ""
	for _, c := range []byte(lines[0]) {
		ok = ok && c >= '0' && c <= '9'
	}
	if !ok {
		return authcore.Refuse(authcore.InvalidRequest, "The content-length is no number.")
	}
	if r.ContentLength == 0 && r.Body != nil && r.Body != http.NoBody {
		if _, err := io.ReadFull(r.Body, make([]byte, 1)); !errors.Is(err, io.EOF) {
			return authcore.Refuse(authcore.InvalidRequest, "The body is longer than its content-length.")
		}
		r.Body = http.NoBody
	}
	return nil
}

// CloseAfterResponse makes a chunked HTTP/1 request the last one on its connection, and returns the body in which the caller
// sees whether it was broken, to answer 400 (P18); nil where the length is known. What follows a chunked body is a request
// only if both ends agree where the body ends. net/http removes a Content-Length beside a Transfer-Encoding before any handler
// can see it, where RFC 9112 §6.1 demands that the connection be closed after the answer; and when the proxy has closed a body
// that was malformed behind a wrapper of Caddy's, net/http takes what is left of it for the next request.
func CloseAfterResponse(w http.ResponseWriter, r *http.Request) *Body {
	if r.Body == nil || r.Body == http.NoBody || (r.ProtoMajor == 1 && r.ContentLength >= 0) {
		return nil
	}
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	body := &Body{ReadCloser: r.Body}
	r.Body = body
	return body
}

// Body remembers how its bytes broke a rule of the protocol.
type Body struct {
	io.ReadCloser
	broken atomic.Pointer[error] // the proxy's transport reads in another goroutine
}

// Broken returns how; nil while nothing is wrong.
func (b *Body) Broken() error {
	if err := b.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			b.broken.Store(&err)
		}
	}
	return n, err
}
