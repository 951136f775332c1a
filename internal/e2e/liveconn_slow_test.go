package e2e

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// deafSocket opens a WebSocket on a connection and returns by what id the service knows it.
func (c *h2) deafSocket(t testing.TB, host, token, query string) (id string) {
	t.Helper()
	id = newLiveConn("deaf").id
	stream := c.open(false, "CONNECT", host, "/ws?id="+id+query, ":protocol", "websocket", "sec-websocket-version", "13", "authorization", "Bearer "+token)
	for c.seen[stream] == nil || c.seen[stream].status == "" {
		if c.ended {
			t.Fatalf("%s: the connection has ended", id)
		}
		c.read()
	}
	if a := c.seen[stream]; a.status != "200" {
		t.Fatalf("%s: %s", id, a)
	}
	return id
}

// TestS13_ClientThatDoesNotRead: a WebSocket over HTTP/2 ends with its session for the service, whatever the client does to
// keep the Close frame from getting out: it gives the stream no window, or does not read the connection.
func TestS13_ClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	g := start(t, livePlan(up))
	g.waitTLS(t, g.Port2)
	addr, host := fmt.Sprintf("127.0.0.1:%d", g.Port2), fmt.Sprintf("localhost:%d", g.Port2)
	secure := g.overTLS(t, host)
	u := g.newUser(t)
	u.take(t, g.api(t, "POST", "/login", object{"login": u.email, "password": u.password}, secure).must(t, 200, ""))

	shut := dialH2(t, addr, "localhost")
	_ = shut.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	ids := []string{shut.deafSocket(t, host, u.access, "")}

	full := dialH2(t, addr, "localhost")
	_ = full.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	_ = full.framer.WriteWindowUpdate(0, 1<<30)
	ids = append(ids, full.deafSocket(t, host, u.access, ""), full.deafSocket(t, host, u.access, "&flood=1"))
	last, at := int64(0), time.Now()
	eventually(t, "no more fits into the connection", func() bool {
		if n := up.flooded.Load(); n != last {
			last, at = n, time.Now()
		}
		return last > 0 && time.Since(at) > time.Second/2
	})

	g.api(t, "POST", "/logout", nil, call{bearer: u.access, base: secure.base, client: secure.client}).must(t, 204, "")
	since := time.Now()
	for _, id := range ids {
		up.wantEnded(t, id, since, liveLimit)
	}
	open := func(n float64) func() bool {
		return func() bool { return g.metric(t, `gatehouse_open_connections{kind="websocket"}`) == n }
	}
	eventually(t, "the stream without a window is given back", open(2))
	_ = full.conn.Close()
	eventually(t, "all are given back", open(0))
}
