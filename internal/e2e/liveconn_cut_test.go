package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

const cutSite = `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_guard
	@grpc header Content-Type application/grpc*
	reverse_proxy @grpc h2c://<service>
	reverse_proxy <service>
}
`

// newLongService takes uploads, sends downloads, waits, and does what a gRPC stream does, over HTTP/1.1 and HTTP/2.
func newLongService(t testing.TB) *liveUpstream {
	t.Helper()
	u := &liveUpstream{open: map[string]chan struct{}{}}
	over := new(http.Protocols)
	over.SetHTTP1(true)
	over.SetUnencryptedHTTP2(true)
	srv := &http.Server{Protocols: over, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(u.side(r.URL.Query().Get("id")))
		ctl := http.NewResponseController(w)
		switch r.URL.Path {
		case "/download":
			for {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		case "/upload":
			_, _ = io.Copy(io.Discard, r.Body)
		case "/grpc":
			w.Header().Set("Content-Type", "application/grpc")
			_ = ctl.Flush()
			p := make([]byte, 1024)
			for {
				n, err := r.Body.Read(p)
				_, _ = w.Write(p[:n])
				if _ = ctl.Flush(); err != nil {
					return
				}
			}
		default:
			<-r.Context().Done()
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

// long is a request that takes long, at the client's end.
type long struct {
	name, id string
	ended    chan struct{} // closed when the client knows
	at       time.Time     // of that
	status   int           // of the answer; 0 for none
	err      error         // by which its body ended
}

// long begins a request over HTTP/1 or HTTP/2, which sends a body without an end if it has one.
func (g *gateway) long(t testing.TB, over, path, kind string, body bool, token string) *long {
	t.Helper()
	l := &long{name: path + " over " + over, id: newLiveConn("long").id, ended: make(chan struct{})}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(over == "HTTP/1")
	protocols.SetUnencryptedHTTP2(over == "HTTP/2")
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		client.CloseIdleConnections()
	})
	method, reader := http.MethodGet, io.Reader(nil)
	if body {
		in, out := io.Pipe()
		context.AfterFunc(ctx, func() { _ = out.Close() })
		go func() { _, _ = io.WriteString(out, strings.Repeat("x", 1000)) }()
		method, reader = http.MethodPost, in
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+g.Host()+path+"?id="+l.id, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	go func() {
		defer close(l.ended)
		resp, err := client.Do(req)
		if l.err = err; err == nil {
			l.status = resp.StatusCode
			_, l.err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		l.at = time.Now()
	}()
	return l
}

// longs begins one of each kind.
func (g *gateway) longs(t testing.TB, token string) (all []*long) {
	t.Helper()
	for _, over := range []string{"HTTP/1", "HTTP/2"} {
		all = append(all, g.long(t, over, "/download", "", false, token), g.long(t, over, "/upload", "", true, token), g.long(t, over, "/wait", "", false, token))
	}
	return append(all, g.long(t, "HTTP/2", "/grpc", "application/grpc", true, token))
}

// TestS13_LongRequests: downloads, uploads, streams of gRPC and requests that wait, on one node, end with a sign-out on the
// other, at both ends; the client gets 401 or an answer that breaks off. Those of others go on.
func TestS13_LongRequests(t *testing.T) {
	t.Parallel()
	up := newLongService(t)
	c := startCluster(t, plan{caddy: "metrics\n\tservers {\n\t\tprotocols h1 h2c\n\t}", site: strings.ReplaceAll(cutSite, "<service>", up.addr)})
	u, other := c.a.newUser(t), c.a.newUser(t)
	all, stay := c.b.longs(t, u.access), c.b.longs(t, other.access)
	<-time.After(time.Second) // so that they have lasted long
	for _, l := range slices.Concat(all, stay) {
		select {
		case <-l.ended:
			t.Fatalf("%s: ended before by %d, %v", l.name, l.status, l.err)
		default:
		}
	}
	c.a.api(t, "POST", "/logout", nil, call{bearer: u.access}).must(t, 204, "")
	since, last := time.Now(), time.Duration(0)
	for _, l := range all {
		up.wantEnded(t, l.id, since, liveLimit)
		select {
		case <-l.ended:
			last = max(last, l.at.Sub(since))
			if l.err == nil && l.status != http.StatusUnauthorized {
				t.Errorf("%s: answered by %d, complete", l.name, l.status)
			}
			t.Logf("%s: %d, %v after %s", l.name, l.status, l.err, l.at.Sub(since))
		case <-time.After(liveLimit):
			t.Errorf("%s: the client does not learn", l.name)
		}
	}
	t.Logf("clients on the other node learn within %s", last)
	for _, l := range stay {
		select {
		case <-l.ended:
			t.Errorf("another's %s is ended: %d, %v", l.name, l.status, l.err)
		default:
		}
	}
	if n := c.b.metric(t, "gatehouse_connections_cut_seconds_count"); int(n) != len(all) {
		t.Errorf("the time of %v is counted", n)
	}
}

// TestS13_HowSoon: sessions with a WebSocket each on one node are ended one by one on the other, then those of one account
// all at once.
func TestS13_HowSoon(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	c := startCluster(t, plan{caddy: "metrics", site: strings.ReplaceAll(liveSites[:strings.Index(liveSites, "https:")], "<service>", up.addr)})
	one, n := c.a.newUser(t), soak.N(20, 1000)
	sockets := func() map[string]*liveConn {
		open := map[string]*liveConn{}
		for sid, token := range c.sessions(t, one, n) {
			open[sid] = c.b.webSocket(t, false, "", bearerLine(token))
		}
		eventually(t, "all are open", func() bool { return c.b.metric(t, `gatehouse_open_connections{kind="websocket"}`) == float64(n) })
		return open
	}
	var took []time.Duration
	for sid, l := range sockets() {
		took = append(took, l.wantClosed(t, c.a.endSession(t, one, sid), liveLimit, 1008))
	}
	slices.Sort(took)
	median, p99, longest := took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	t.Logf("%d ended one by one: median %s, 99 of 100 within %s, all within %s of the answer", n, median, p99, longest)
	if soak.Long() && p99 > 50*time.Millisecond {
		t.Errorf("99 of 100 within %s", p99)
	}

	open := sockets()
	c.a.api(t, "POST", "/me/password", object{"current_password": password, "new_password": "another lantern 12"}, call{bearer: one.access}).must(t, 204, "")
	since := time.Now()
	var mu sync.Mutex
	last := time.Duration(0)
	var all sync.WaitGroup
	for _, l := range open {
		all.Go(func() {
			d := l.wantClosed(t, since, liveLimit, 1008)
			mu.Lock()
			defer mu.Unlock()
			last = max(last, d)
		})
	}
	all.Wait()
	t.Logf("%d of one account ended at once: the last %s after the answer", n, last)
	if soak.Long() && last > time.Second {
		t.Errorf("the last %s after the answer", last)
	}
}
