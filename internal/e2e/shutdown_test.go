package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// graceful is a gateway that says for three seconds that it is going, and then waits for what is under way.
const graceful = "shutdown_delay 3s\n\tgrace_period 10s"

// slowBody sends the head of an upload and half of its body, and returns how to send the rest and read the answer.
func (g *gateway) slowBody(t testing.TB, token string, size int) (finish func() answer) {
	t.Helper()
	conn, err := net.Dial("tcp", g.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	half := strings.Repeat("u", size/2)
	if _, err := fmt.Fprintf(conn, "PUT /upload HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", g.Host(), token, size, half); err != nil {
		t.Fatal(err)
	}
	return func() answer {
		if _, err := io.WriteString(conn, half); err != nil {
			return answer{}
		}
		return readAnswer(bufio.NewReader(conn), "PUT")
	}
}

// upgraded opens a WebSocket through the guard and returns its connection.
func (g *gateway) upgraded(t testing.TB, token string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", g.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintf(conn, "GET /_up/upgrade HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", g.Host(), token); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if a := readAnswer(r, "GET"); a.status != 101 {
		t.Fatalf("upgrade: %d %s", a.status, a.body)
	}
	return conn, r
}

// TestM04_Terminate: SIGTERM in the midst of sign-ins, refreshes, an upload and a WebSocket. The node says first that it
// goes, then serves what is under way, then ends; and whatever it answered for is there when it comes back.
func TestM04_Terminate(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{caddy: graceful}, func(t *testing.T, g *gateway) {
		u, leaver := g.newUser(t), g.newUser(t)
		other := g.signIn(t, u, false)
		upload := g.slowBody(t, u.access, 1<<20)
		_, socket := g.upgraded(t, u.access)
		g.api(t, "GET", "/readyz", nil).must(t, 200, "")

		began := time.Now()
		g.signal(t, syscall.SIGTERM)
		eventually(t, "the node says that it goes", func() bool {
			a, err := g.try(call{path: "/auth/readyz"})
			return err == nil && a.status == 503
		})
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("it said so after %s", d)
		}
		a := g.api(t, "GET", "/readyz", nil)
		if a.want(t, 503, "unavailable"); a.header.Get("Retry-After") == "" || !strings.Contains(a.text("detail"), "shutting down") {
			t.Errorf("not ready: %s %v", a.body, a.header)
		}
		g.api(t, "GET", "/healthz", nil).want(t, 200, "") // it lives

		// Until the delay is over everything is served, and what begins in time is finished.
		u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
		g.api(t, "POST", "/logout", nil, call{bearer: other.access}).must(t, 204, "")
		dead(t, g, "signed out while the node goes", other)
		changes := g.changeUntilGone(t, u, leaver)
		if a := upload(); a.must(t, 200, "").echo(t).Target != "/upload" {
			t.Errorf("the upload was answered %d", a.status)
		}
		changes.wg.Wait()
		if _, err := io.ReadAll(socket); err != nil { // closed, not left to a time-out
			t.Errorf("the WebSocket ended with %v", err)
		}
		if err := g.WaitExit(t); err != nil {
			t.Errorf("the process ended with %v", err)
		}
		if d := time.Since(began); d > 14*time.Second {
			t.Errorf("it took %s to end, more than delay and grace", d)
		}
		if strings.Contains(g.logs(), "panic") {
			t.Error("something panicked")
		}

		g.restart(t)
		changes.check(t)
		dead(t, g, "signed out while the node went", other)
		g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
		if !changes.sent {
			u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": changes.refresh}).must(t, 200, ""))
		}
	})
}

// changes are what several clients got answers for.
type changes struct {
	g       *gateway
	wg      sync.WaitGroup
	mu      sync.Mutex
	left    []*user // signed out and told so
	refresh string  // the last refresh token that was answered with
	sent    bool    // one more refresh was sent, and its answer never came
	halves  []string
}

// changeUntilGone signs in and out and refreshes until the gateway takes no more connections.
func (g *gateway) changeUntilGone(t testing.TB, u, leaver *user) *changes {
	t.Helper()
	c := &changes{g: g, refresh: u.refresh}
	c.wg.Go(func() {
		for {
			a, err := g.try(call{method: "POST", path: "/auth/login", body: map[string]any{"login": leaver.email, "password": leaver.password}})
			if err != nil {
				return
			}
			if a.status != 200 {
				c.mu.Lock()
				c.halves = append(c.halves, fmt.Sprintf("sign-in: %d %s", a.status, a.body))
				c.mu.Unlock()
				return
			}
			s := &user{access: a.text("access_token"), refresh: a.text("refresh_token")}
			if a, err = g.try(call{method: "POST", path: "/auth/logout", bearer: s.access}); err != nil || a.status != 204 {
				return
			}
			c.mu.Lock()
			c.left = append(c.left, s)
			c.mu.Unlock()
		}
	})
	c.wg.Go(func() {
		for {
			c.sent = true
			a, err := g.try(call{method: "POST", path: "/auth/refresh", body: map[string]any{"refresh_token": c.refresh}})
			if err != nil {
				return
			}
			if a.status != 200 {
				c.mu.Lock()
				c.halves = append(c.halves, fmt.Sprintf("refresh: %d %s", a.status, a.body))
				c.mu.Unlock()
				return
			}
			c.refresh, c.sent = a.text("refresh_token"), false
		}
	})
	return c
}

// check demands that everything that was answered for is there.
func (c *changes) check(t testing.TB) {
	t.Helper()
	for _, h := range c.halves {
		t.Errorf("while the node went: %s", h)
	}
	if len(c.left) == 0 {
		t.Error("nobody signed in and out while the node went")
	}
	for _, s := range c.left {
		c.g.do(t, call{path: "/x", bearer: s.access}).want(t, 401, "invalid_token")
		if a := c.g.api(t, "POST", "/refresh", map[string]any{"refresh_token": s.refresh}); a.status != 401 {
			t.Errorf("a session that was signed out is renewed: %d", a.status)
		}
	}
}

// TestM04_SlowClient: a client that never finishes does not keep the process past its grace.
func TestM04_SlowClient(t *testing.T) {
	t.Parallel()
	g := start(t, plan{caddy: "grace_period 1s"})
	u := g.newUser(t)
	g.slowBody(t, u.access, 1<<20)
	g.upgraded(t, u.access)
	began := time.Now()
	g.signal(t, syscall.SIGTERM)
	_ = g.WaitExit(t)
	if d := time.Since(began); d > 8*time.Second {
		t.Errorf("it took %s to end, with a grace of one second", d)
	}
	g.restart(t)
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
}

// TestM04_RevokedElsewhere: a node that goes still serves, so what another node revokes must hold on it to the last
// request.
func TestM04_RevokedElsewhere(t *testing.T) {
	t.Parallel()
	g := start(t, plan{postgres: true, caddy: strings.Replace(graceful, "3s", "8s", 1)})
	other, err := newGateway(plan{postgres: true}, g.database)
	if other != nil {
		t.Cleanup(other.close)
	}
	if err != nil {
		t.Fatal(err)
	}
	u := g.newUser(t)
	g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	g.signal(t, syscall.SIGTERM)
	eventually(t, "the node says that it goes", func() bool {
		a, err := g.try(call{path: "/auth/readyz"})
		return err == nil && a.status == 503
	})
	other.api(t, "POST", "/logout", map[string]any{"refresh_token": u.refresh}).must(t, 204, "")
	eventually(t, "the token is refused where the node goes", func() bool {
		a, err := g.try(call{path: "/x", bearer: u.access})
		if err != nil {
			t.Fatalf("the node was gone before it refused the token: %v", err)
		}
		return a.status == 401
	})
	if err := g.WaitExit(t); err != nil {
		t.Errorf("the process ended with %v", err)
	}
}
