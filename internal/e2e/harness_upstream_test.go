package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// upstream is a service behind the gateway that answers with what it got, byte for byte: it reads from the socket
// itself, so that no library tidies what the gateway sent.
//
// The path decides what else it does: /_up/cache sends headers that allow caching and a cookie of its own,
// /_up/status/<n> answers with that status, /_up/upgrade switches protocols when asked to, tells what it got in the
// header X-Echo and echoes every byte.
type upstream struct {
	addr     string
	listener net.Listener
	requests atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// echo is a request as it reached the upstream.
type echo struct {
	Method   string      `json:"method"`
	Target   string      `json:"target"`
	Headers  [][2]string `json:"headers"` // in order, names as they came
	Body     string      `json:"body"`
	Trailers [][2]string `json:"trailers"`
}

func newUpstream() (*upstream, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &upstream{addr: l.Addr().String(), listener: l, conns: map[net.Conn]bool{}}
	go u.accept()
	return u, nil
}

func (u *upstream) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.conns[conn] = true
		u.mu.Unlock()
		go func() {
			u.serve(conn)
			_ = conn.Close()
			u.mu.Lock()
			delete(u.conns, conn)
			u.mu.Unlock()
		}()
	}
}

func (u *upstream) close() {
	_ = u.listener.Close()
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		_ = c.Close()
	}
}

func (u *upstream) serve(conn net.Conn) {
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		got, err := readEcho(r)
		if err != nil {
			return
		}
		u.requests.Add(1)
		path, _, _ := strings.Cut(got.Target, "?")
		if path == "/_up/upgrade" && len(got.all("Upgrade")) > 0 {
			text, _ := json.Marshal(got)
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nX-Echo: %s\r\n\r\n", got.all("Upgrade")[0], text)
			_, _ = io.Copy(conn, r)
			return
		}
		status, extra := "200 OK", ""
		if n, ok := strings.CutPrefix(path, "/_up/status/"); ok {
			status = n + " Status"
		}
		if path == "/_up/cache" {
			extra = "Cache-Control: public, max-age=600\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\nSet-Cookie: app=1; Path=/\r\n"
		}
		body, _ := json.Marshal(got)
		if got.Method == "HEAD" {
			body = nil
		}
		_, err = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body), extra, body)
		if err != nil {
			return
		}
	}
}

func readEcho(r *bufio.Reader) (*echo, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	parts := strings.SplitN(strings.TrimRight(line, "\r\n"), " ", 3)
	if len(parts) < 3 {
		return nil, fmt.Errorf("request line %q", line)
	}
	e := &echo{Method: parts[0], Target: parts[1]}
	if e.Headers, err = readFields(r); err != nil {
		return nil, err
	}
	if te := e.all("Transfer-Encoding"); len(te) > 0 {
		return e, e.readChunks(r)
	}
	if cl := e.all("Content-Length"); len(cl) > 0 {
		n, err := strconv.Atoi(cl[0])
		if err != nil {
			return nil, err
		}
		body := make([]byte, n)
		_, err = io.ReadFull(r, body)
		e.Body = string(body)
		return e, err
	}
	return e, nil
}

func (e *echo) readChunks(r *bufio.Reader) (err error) {
	var body strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if _, err := io.CopyN(&body, r, n); err != nil {
			return err
		}
		if _, err := r.Discard(2); err != nil {
			return err
		}
	}
	e.Body = body.String()
	e.Trailers, err = readFields(r)
	return err
}

func readFields(r *bufio.Reader) ([][2]string, error) {
	var out [][2]string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return out, nil
		}
		name, value, _ := strings.Cut(line, ":")
		out = append(out, [2]string{name, strings.TrimPrefix(value, " ")})
	}
}

// all returns the values of a header, whatever the case of its name.
func (e *echo) all(name string) []string {
	var out []string
	for _, h := range e.Headers {
		if strings.EqualFold(h[0], name) {
			out = append(out, h[1])
		}
	}
	return out
}

// get returns the only value of a header, "" for none; more than one fails the test.
func (e *echo) get(t testing.TB, name string) string {
	t.Helper()
	values := e.all(name)
	if len(values) > 1 {
		t.Errorf("the upstream got %s %d times: %q", name, len(values), values)
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// like returns headers and trailers that a CGI or WSGI server takes for name: in any case, with _ or . for -.
func (e *echo) like(name string) [][2]string {
	fold := strings.NewReplacer("_", "-", ".", "-")
	var out [][2]string
	for _, h := range append(append([][2]string{}, e.Headers...), e.Trailers...) {
		if strings.EqualFold(textproto.TrimString(fold.Replace(h[0])), fold.Replace(name)) {
			out = append(out, h)
		}
	}
	return out
}
