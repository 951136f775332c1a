package e2e

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 §4.2.2
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// liveUpstream is a service of WebSockets and event streams. It knows each connection by the parameter id.
type liveUpstream struct {
	addr    string
	flooded atomic.Int64 // messages sent by floods

	mu   sync.Mutex
	open map[string]chan struct{} // closed when the service's side of the connection has ended
}

func newLiveUpstream(t testing.TB) *liveUpstream {
	t.Helper()
	u := &liveUpstream{open: map[string]chan struct{}{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", u.socket)
	mux.HandleFunc("/events", u.events)
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	u.addr = s.Listener.Addr().String()
	return u
}

func (u *liveUpstream) side(id string) chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open[id] == nil {
		u.open[id] = make(chan struct{})
	}
	return u.open[id]
}

// socket echoes messages. With the parameter flood it sends as much as is taken, besides.
func (u *liveUpstream) socket(w http.ResponseWriter, r *http.Request) {
	conn, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer close(u.side(r.FormValue("id")))
	defer conn.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	if r.FormValue("flood") != "" {
		message := strings.Repeat("x", 60_000)
		for err == nil {
			err = writeFrame(conn, 2, message, false)
			u.flooded.Add(1)
		}
		return
	}
	for {
		op, text, err := readFrame(brw.Reader)
		if err != nil || op == 8 {
			return
		}
		if err := writeFrame(conn, op, text, false); err != nil {
			return
		}
	}
}

// events sends one event and then nothing until its side ends.
func (u *liveUpstream) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "Text/Event-Stream; charset=utf-8")
	_, _ = io.WriteString(w, "data: hello\n\n")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	close(u.side(r.FormValue("id")))
}

// wantEnded demands that the service's side of a connection has ended some time after a moment.
func (u *liveUpstream) wantEnded(t testing.TB, id string, since time.Time, limit time.Duration) {
	t.Helper()
	select {
	case <-u.side(id):
	case <-time.After(time.Until(since.Add(limit))):
		t.Errorf("%s: the upstream's side is open after %s", id, limit)
	}
}

func writeFrame(w io.Writer, op byte, text string, masked bool) error {
	frame := []byte{0x80 | op}
	if len(text) < 126 {
		frame = append(frame, byte(len(text)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(len(text)))
	}
	if masked {
		frame[1] |= 0x80
		frame = append(frame, 0, 0, 0, 0) // a mask that changes nothing
	}
	_, err := w.Write(append(frame, text...))
	return err
}

func readFrame(r *bufio.Reader) (op byte, text string, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, "", err
	}
	n := int(head[1] &^ 0x80)
	if n == 126 {
		var long [2]byte
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return 0, "", err
		}
		n = int(binary.BigEndian.Uint16(long[:]))
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return 0, "", err
		}
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, "", err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0] & 0xf, string(payload), nil
}
