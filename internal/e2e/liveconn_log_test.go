package e2e

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// streamingService sends event streams over HTTP/1.1 and HTTP/2 without TLS: one event and then nothing, or events without a
// pause where the client accepts a flood.
func streamingService(t testing.TB) *liveUpstream {
	t.Helper()
	u := &liveUpstream{open: map[string]chan struct{}{}}
	over := new(http.Protocols)
	over.SetHTTP1(true)
	over.SetUnencryptedHTTP2(true)
	srv := &http.Server{Protocols: over, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "flood") {
			u.events(w, r)
			return
		}
		defer close(u.side(r.FormValue("id")))
		w.Header().Set("Content-Type", "text/event-stream")
		for event := "data: hello\n\n" + strings.Repeat("data: more\n\n", 1000); r.Context().Err() == nil; {
			if _, err := io.WriteString(w, event); err != nil {
				return
			}
		}
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	u.addr = l.Addr().String()
	return u
}

// TestM06_IdentityInLogs: an event stream that is cut because its session ends, or because its client goes, leaves no line of
// the proxy's with the identity headers that its service got.
func TestM06_IdentityInLogs(t *testing.T) {
	t.Parallel()
	for proto, scheme := range map[string]string{"HTTP/1.1": "", "HTTP/2": "h2c://"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			up := streamingService(t)
			g := start(t, plan{site: "http://127.0.0.1:<port> {\n\tgatehouse\n\tgatehouse_guard\n\treverse_proxy " + scheme + up.addr + "\n}\n"})
			u, other := g.newUser(t), g.newUser(t)
			bearer := "Bearer " + u.access
			var open []*liveConn
			for _, accept := range []string{"text/event-stream", "text/event-stream, flood"} {
				open = append(open, g.eventStream(t, call{}, accept, "Authorization", bearer))
			}
			leaving, leave := g.leavingStream(t, other.access)
			eventually(t, "all are open", func() bool { return g.metric(t, `gatehouse_open_connections{kind="event_stream"}`) == 3 })
			g.api(t, "POST", "/logout", nil, call{bearer: u.access}).must(t, 204, "")
			up.wantClosed(t, time.Now(), 0, open...)
			leave()
			up.wantEnded(t, leaving, time.Now(), liveLimit)
			eventually(t, "none is open", func() bool { return g.metric(t, `gatehouse_open_connections{kind="event_stream"}`) == 0 })
			for _, shown := range []string{u.email, u.id, other.email, other.id, "Remote-", "aborting with incomplete response"} {
				for line := range strings.Lines(g.logs()) {
					if strings.Contains(line, shown) {
						t.Errorf("the log has %s: %s", shown, line)
						break
					}
				}
			}
			// What comes of one that said nothing of itself is the proxy's, but it ends.
			silent := g.eventStream(t, call{}, "text/plain", "Authorization", "Bearer "+other.access)
			g.api(t, "POST", "/logout", nil, call{bearer: other.access}).must(t, 204, "")
			up.wantClosed(t, time.Now(), 0, silent)
		})
	}
}

// leavingStream opens an event stream that its client can leave.
func (g *gateway) leavingStream(t testing.TB, token string) (id string, leave func()) {
	t.Helper()
	conn, err := net.Dial("tcp", g.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "GET /events?id=leaving HTTP/1.1\r\nHost: "+g.Host()+"\r\nAccept: text/event-stream\r\n"+bearerLine(token)+"\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return "leaving", func() { _ = conn.Close() }
}
