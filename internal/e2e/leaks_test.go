package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// TestD11_Leaks: after any number of requests of every kind, one in five of them broken off, the process holds what it
// held before.
func TestD11_Leaks(t *testing.T) {
	t.Parallel()
	heavy(t)
	g := start(t, plan{caddy: "skip_install_trust", site: withoutIdle(defaultSite + secureSite)})
	g.waitTLS(t, g.Port2)
	host := fmt.Sprintf("localhost:%d", g.Port2)
	u, b := g.newUser(t), g.newBrowser(t)
	secure := g.overTLS(t, host)
	token := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password}, secure).must(t, 200, "").text("access_token")
	secureBase, overHTTP2 := secure.base, secure.client
	plain := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, CheckRedirect: g.client.CheckRedirect, Timeout: 30 * time.Second}

	kinds := []func(ctx context.Context, r *rand.Rand) (int, error){
		request(plain, "GET", g.url("/x"), "", "Authorization", "Bearer "+u.access),
		request(overHTTP2, "GET", secureBase+"/x", "", "Authorization", "Bearer "+token),
		request(plain, "GET", g.url("/x"), "", "Cookie", "gatehouse="+b.cookies["gatehouse"]),
		request(plain, "GET", g.url("/x"), "", "Authorization", "Bearer "+u.access[:len(u.access)-4]+"AAAA"),
		request(plain, "GET", g.url("/x"), "", "Accept", "text/html"),
		request(overHTTP2, "POST", secureBase+"/x", strings.Repeat("b", 20_000), "Authorization", "Bearer "+token),
		request(plain, "POST", g.url("/x"), strings.Repeat("b", 20_000), "Authorization", "Bearer "+u.access),
		request(plain, "GET", g.url("/auth/login"), "", "Accept", "text/html"),
		request(overHTTP2, "GET", secureBase+"/auth/me", "", "Authorization", "Bearer "+token),
		request(plain, "GET", g.url("/auth/readyz"), ""),
		request(plain, "POST", g.url("/auth/refresh"), `{"refresh_token":"ghr_junk"}`, "Content-Type", "application/json"),
		request(plain, "POST", g.url("/auth/token/verify"), `{"token":"`+u.access+`"}`, "Content-Type", "application/json"),
	}
	flood := func(n int) {
		var next, failed atomic.Int64
		var wg sync.WaitGroup
		for worker := range 16 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(worker), uint64(n)))
				for next.Add(1) <= int64(n) {
					if r.IntN(5) == 0 {
						g.breakOff(r, u.access)
						continue
					}
					if status, err := kinds[r.IntN(len(kinds))](context.Background(), r); err != nil || status >= 500 {
						failed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		plain.CloseIdleConnections()
		overHTTP2.CloseIdleConnections()
		if f := failed.Load(); f > 0 {
			t.Errorf("%d of %d requests failed", f, n)
		}
	}
	flood(2000) // pools and caches fill
	var goroutines, files int
	eventually(t, "the process is at rest", func() bool {
		before, filesBefore := goroutines, files
		goroutines, files = g.holdings(t)
		return goroutines == before && files == filesBefore
	})
	flood(soak.N(20_000, 1_000_000))
	var nowGoroutines, nowFiles int
	deadline := time.Now().Add(30 * time.Second)
	for nowGoroutines, nowFiles = g.holdings(t); nowGoroutines > goroutines+10 || nowFiles > files+10; nowGoroutines, nowFiles = g.holdings(t) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines became %d, and %d open files %d", goroutines, nowGoroutines, files, nowFiles)
		}
		<-time.After(50 * time.Millisecond)
	}
	if strings.Contains(g.logs(), "panic") {
		t.Error("something panicked")
	}
}

// request makes one kind of request again and again; header is name, value, name, value….
func request(client *http.Client, method, url, body string, header ...string) func(context.Context, *rand.Rand) (int, error) {
	return func(ctx context.Context, _ *rand.Rand) (int, error) {
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		drain(resp)
		return resp.StatusCode, nil
	}
}

// breakOff sends a part of a request and hangs up: in the head, in the body, or before the answer has come.
func (g *gateway) breakOff(r *rand.Rand, token string) {
	conn, err := net.Dial("tcp", g.Host())
	if err != nil {
		return
	}
	defer conn.Close()
	whole := "POST /x HTTP/1.1\r\nHost: " + g.Host() + "\r\nAuthorization: Bearer " + token + "\r\n"
	if r.IntN(2) == 0 {
		whole += "Content-Length: 1000\r\n\r\n" + strings.Repeat("b", 1000)
	} else {
		whole += "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + strings.Repeat("b", 1000) + "\r\n0\r\n\r\n"
	}
	_, _ = io.WriteString(conn, whole[:1+r.IntN(len(whole))])
	if tcp, ok := conn.(*net.TCPConn); ok && r.IntN(2) == 0 {
		_ = tcp.SetLinger(0) // ends by RST
	}
}
