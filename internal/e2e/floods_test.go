package e2e

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// cpu is the processor time that the gateway has used.
func (g *gateway) cpu(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.PID()))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
}

// calm waits until the gateway uses less than a tenth of a processor, five seconds at most.
func (g *gateway) calm(t testing.TB) {
	t.Helper()
	const window = 500 * time.Millisecond
	began := time.Now()
	tick := time.NewTicker(window)
	defer tick.Stop()
	for last := g.cpu(t); ; {
		<-tick.C
		now := g.cpu(t)
		if now-last <= window/10 {
			return
		}
		last = now
		if time.Since(began) > 5*time.Second {
			t.Fatalf("%s after the flood the gateway still computes", time.Since(began))
		}
	}
}

// TestD05_Storms: what costs a client of HTTP/2 a few bytes must not keep the server busy. Net/http counts and ends such
// connections; the test is that the versions we are built with do.
func TestD05_Storms(t *testing.T) {
	t.Parallel()
	heavy(t)
	g := start(t, plan{caddy: "skip_install_trust", site: withoutIdle(defaultSite + secureSite)})
	g.waitTLS(t, g.Port2)
	addr, host := fmt.Sprintf("127.0.0.1:%d", g.Port2), fmt.Sprintf("localhost:%d", g.Port2)
	u := g.newUser(t)
	token := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password}, g.overTLS(t, host)).must(t, 200, "").text("access_token")
	other := g.overTLS(t, host)
	other.path, other.bearer = "/x", token
	g.do(t, other).must(t, 200, "")
	goroutines, files := g.holdings(t)

	n := soak.N(10_000, 100_000)
	storms := map[string]func(c *h2, i int) error{
		"rapid reset": func(c *h2, _ int) error {
			stream := c.open(true, "GET", host, "/x", "authorization", "Bearer "+token)
			return c.framer.WriteRSTStream(stream, http2.ErrCodeCancel)
		},
		"CONTINUATION": func(c *h2, i int) error {
			if i == 0 {
				return c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(":method", "GET", ":scheme", "https", ":authority", host, ":path", "/x")})
			}
			return c.framer.WriteContinuation(1, false, c.block("x-"+strconv.Itoa(i), strings.Repeat("y", 200)))
		},
		"empty CONTINUATION": func(c *h2, i int) error {
			if i == 0 {
				return c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(":method", "GET", ":scheme", "https", ":authority", host, ":path", "/x")})
			}
			return c.framer.WriteContinuation(1, false, nil)
		},
		"SETTINGS": func(c *h2, i int) error {
			return c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(1000 + i)})
		},
		"PING":           func(c *h2, _ int) error { return c.framer.WritePing(false, [8]byte{1}) },
		"PRIORITY":       func(c *h2, _ int) error { return c.framer.WritePriority(1, http2.PriorityParam{StreamDep: 3}) },
		"WINDOW_UPDATE":  func(c *h2, _ int) error { return c.framer.WriteWindowUpdate(0, 1) },
		"empty DATA":     emptyData(host, token),
		"unknown frames": func(c *h2, _ int) error { return c.framer.WriteRawFrame(0xbe, 0, 0, nil) },
	}
	for what, one := range storms {
		func() {
			c := dialH2(t, addr, "localhost")
			defer c.conn.Close()
			go func() { _, _ = io.Copy(io.Discard, c.conn) }() // a client that never reads is cut off sooner
			before := g.cpu(t)
			sent := 0
			for ; sent < n && one(c, sent) == nil; sent++ {
				if sent%(n/4) == n/8 { // somebody else in the midst of it
					began := time.Now()
					g.do(t, other).want(t, 200, "")
					if d := time.Since(began); d > 3*time.Second {
						t.Errorf("%s: somebody else waited %s", what, d)
					}
				}
			}
			_ = c.conn.Close()
			g.calm(t)
			t.Logf("%s: %d frames cost %s of processor time", what, sent, g.cpu(t)-before)
		}()
		g.do(t, other).want(t, 200, "")
	}
	eventually(t, "goroutines and files are given back", func() bool {
		nowGoroutines, nowFiles := g.holdings(t)
		return nowGoroutines <= goroutines+10 && nowFiles <= files+10
	})
	if strings.Contains(g.logs(), "panic") {
		t.Error("something panicked")
	}
}

// emptyData opens a stream and then sends DATA frames without data on it.
func emptyData(host, token string) func(c *h2, i int) error {
	return func(c *h2, i int) error {
		if i == 0 {
			c.open(false, "POST", host, "/x", "authorization", "Bearer "+token)
			return nil
		}
		return c.framer.WriteData(1, false, nil)
	}
}
