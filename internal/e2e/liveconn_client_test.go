package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// liveConn is a connection of a client's that stays open.
type liveConn struct {
	name, id string
	say      func(text string) error // what is said comes back; nil where nothing can be said
	heard    chan string
	closed   chan struct{} // closed when the client knows
	at       time.Time     // of that
	code     int           // of the Close frame; 0 for none
}

var liveNumber atomic.Int64

func newLiveConn(name string) *liveConn {
	return &liveConn{name: name, id: fmt.Sprint(name, "-", liveNumber.Add(1)), heard: make(chan string, 8), closed: make(chan struct{})}
}

// listen reads messages until the connection ends, as a client's library does.
func (l *liveConn) listen(r *bufio.Reader, reply func()) {
	defer close(l.closed)
	for {
		op, text, err := readFrame(r)
		if err != nil {
			if l.at.IsZero() {
				l.at = time.Now()
			}
			return
		}
		if op == 8 {
			l.code, l.at = int(binary.BigEndian.Uint16([]byte(text))), time.Now()
			reply()
			continue
		}
		l.heard <- text
	}
}

// wantOpen demands that the connection works; of an event stream, that it has not ended.
func (l *liveConn) wantOpen(t testing.TB, when string) {
	t.Helper()
	if l.say == nil {
		select {
		case <-l.closed:
			t.Errorf("%s: %s is closed", when, l.name)
		default:
		}
		return
	}
	if err := l.say(when); err != nil {
		t.Errorf("%s: %s: %v", when, l.name, err)
		return
	}
	select {
	case got := <-l.heard:
		if got != when {
			t.Errorf("%s: %s says %q", when, l.name, got)
		}
	case <-l.closed:
		t.Errorf("%s: %s is closed, code %d", when, l.name, l.code)
	case <-time.After(20 * time.Second):
		t.Errorf("%s: %s says nothing", when, l.name)
	}
}

// wantClosed demands that the client learns of the end in time, a WebSocket by the code, and returns how long it took.
func (l *liveConn) wantClosed(t testing.TB, since time.Time, limit time.Duration, code int) time.Duration {
	t.Helper()
	select {
	case <-l.closed:
	case <-time.After(time.Until(since.Add(limit))):
		t.Errorf("%s is open after %s", l.name, limit)
		return limit
	}
	if l.say != nil && l.code != code {
		t.Errorf("%s: closed with code %d, expected %d", l.name, l.code, code)
	}
	return l.at.Sub(since)
}

const upgradeHead = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// webSocket opens one over HTTP/1 with a header line that has the credential.
func (g *gateway) webSocket(t testing.TB, secure bool, query, credential string) *liveConn {
	t.Helper()
	l := newLiveConn("a WebSocket over HTTP/1")
	addr, host := g.Host(), g.Host()
	if secure {
		addr, host, l.name = fmt.Sprintf("127.0.0.1:%d", g.Port2), fmt.Sprintf("localhost:%d", g.Port2), "a WebSocket over TLS"
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET /ws?id=%s%s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s\r\n", strings.ReplaceAll(l.id, " ", "+"), query, host, credential, upgradeHead)
	r := bufio.NewReader(conn)
	if a := readAnswer(r, "GET"); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("%s: answered %d", l.name, a.status)
	}
	l.say = func(text string) error { return writeFrame(conn, 1, text, true) }
	if query != "" { // a client that does not read
		l.say = nil
		return l
	}
	go l.listen(r, func() {
		_ = writeFrame(conn, 8, "\x03\xf0", true)
		_ = conn.Close()
	})
	return l
}

// eventStream opens one with an Accept header, over HTTP/2 where the client speaks it.
func (g *gateway) eventStream(t testing.TB, c call, accept, name, value string) *liveConn {
	t.Helper()
	l := newLiveConn("an event stream for " + accept)
	base, client := c.base, c.client
	if base == "" {
		base, client = "http://"+g.Host(), g.client
	}
	patient := *client
	patient.Timeout = 0
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/events?id="+strings.NewReplacer(" ", "+", "*", "x", "/", "x").Replace(l.id), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.id = strings.NewReplacer("*", "x", "/", "x").Replace(l.id)
	req.Header.Set("Accept", accept)
	req.Header.Set(name, value)
	resp, err := patient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	l.name += " over " + resp.Proto
	first := make([]byte, len("data: hello\n\n"))
	if _, err := io.ReadFull(resp.Body, first); resp.StatusCode != http.StatusOK || err != nil {
		t.Fatalf("%s: %d %v", l.name, resp.StatusCode, err)
	}
	go func() {
		defer close(l.closed)
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		l.at = time.Now()
	}()
	return l
}

// extendedSocket opens a WebSocket over HTTP/2.
func (g *gateway) extendedSocket(t *testing.T, host, token string) *liveConn {
	t.Helper()
	l := newLiveConn("a WebSocket over HTTP/2")
	l.id = strings.ReplaceAll(l.id, " ", "-")
	c, stream, a := g.connect(t, host, "/ws?id="+l.id, "authorization", "Bearer "+token)
	if a.status != "200" {
		t.Fatalf("%s: %s", l.name, a)
	}
	in, out := net.Pipe()
	l.say = func(text string) error {
		var b strings.Builder
		_ = writeFrame(&b, 1, text, true)
		return c.framer.WriteData(stream, false, []byte(b.String()))
	}
	go func() {
		seen := 0
		for {
			if _, err := out.Write(a.body[seen:]); err != nil {
				return
			}
			seen = len(a.body)
			if a.done || c.ended {
				_ = out.Close()
				return
			}
			c.read()
		}
	}()
	go l.listen(bufio.NewReader(in), func() {})
	return l
}
