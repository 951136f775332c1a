package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// testSecret is the node's secret where the database is Postgres.
const testSecret = "e2e-secret-e2e-secret-e2e-secret-0123456789"

// gateway is a node with an upstream behind it and a client before it.
type gateway struct {
	*gatehousetest.Gateway
	up           *upstream
	database     string       // postgres:// URL, or "" for SQLite
	client       *http.Client // does not follow redirects, keeps no cookies
	clockFile    string
	offset       time.Duration
	undocumented bool // its answers are not held against this tree's document
}

// start runs a gateway that ends with the test.
func start(t testing.TB, p plan) *gateway {
	t.Helper()
	database := ""
	if p.postgres {
		database = testpg.Database(t)
	}
	g, err := newGateway(p, database)
	if g != nil {
		g.after(t, g.close)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// killAfter kills a gateway of an example with the test.
func (g *gateway) killAfter(t testing.TB) { g.after(t, g.Kill) }

// after ends a gateway with the test, and shows its last lines if that failed.
func (g *gateway) after(t testing.TB, end func()) {
	t.Cleanup(func() {
		end()
		if t.Failed() {
			t.Logf("the last lines of the gateway on port %d:\n%s", g.Port, g.Log.Tail(40))
		}
	})
}

// shared is the one gateway with the default Caddyfile for tests that change nothing but their own users.
func shared(t testing.TB) *gateway {
	t.Helper()
	return sharedAs(t, "default", plan{})
}

// sharedAs is the gateway that all tests share which give this name; the first one's plan counts.
func sharedAs(t testing.TB, name string, p plan) *gateway {
	t.Helper()
	sharedMu.Lock()
	defer sharedMu.Unlock()
	if s, ok := sharedGateways[name]; ok {
		if s.err != nil {
			t.Fatal(s.err)
		}
		return s.g
	}
	g, err := newGateway(p, "")
	sharedGateways[name] = sharedGateway{g, err}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type sharedGateway struct {
	g   *gateway
	err error
}

var (
	sharedMu       sync.Mutex
	sharedGateways = map[string]sharedGateway{}
)

func stopShared() {
	for _, s := range sharedGateways {
		if s.g != nil {
			s.g.close()
		}
	}
}

func newGateway(p plan, database string) (*gateway, error) {
	binary, err := p.program()
	if err != nil {
		return nil, err
	}
	g := &gateway{database: database, undocumented: p.binary != ""}
	if g.Gateway, err = gatehousetest.New(binary, "admin.sock"); err != nil {
		return nil, err
	}
	g.clockFile = filepath.Join(g.Dir, "clock")
	g.Env = append([]string{"TEST_DATABASE=" + database, "TEST_SECRET=" + testSecret}, p.env...)
	if g.up, err = newUpstream(); err != nil {
		return nil, err
	}
	g.client = &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}
	if p.clock {
		g.RunEnv = []string{"GATEHOUSE_TEST_CLOCK=" + g.clockFile, "GATEHOUSE_TEST_MISSET=" + g.clockFile + "-misset"}
		if p.hashes {
			g.RunEnv = append(g.RunEnv, "GATEHOUSE_TEST_HASHES=release")
		}
		if err := os.WriteFile(g.clockFile, []byte("0s"), 0o600); err != nil {
			return g, err
		}
	}
	if err := g.Configure(g.fill(p.caddyfile())); err != nil {
		return g, err
	}
	if p.failing {
		return g, g.Launch()
	}
	return g, g.Run()
}

// fill puts ports, the folder and the upstream into a Caddyfile.
func (g *gateway) fill(text string) string {
	return strings.ReplaceAll(g.Fill(text), "<upstream>", g.up.addr)
}

// terminate asks the process to end and waits.
func (g *gateway) terminate(t testing.TB) {
	t.Helper()
	g.signal(t, syscall.SIGTERM)
	g.WaitExit(t)
}

// signal asks the process to end and returns at once.
func (g *gateway) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := g.Process().Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// stopped is terminate where the files are to be changed: no connection of the client's is one to the process that is gone.
func (g *gateway) stopped(t testing.TB) {
	t.Helper()
	g.terminate(t)
	g.client.CloseIdleConnections()
}

// restart runs the gateway again, over the same files and ports.
func (g *gateway) restart(t testing.TB) {
	t.Helper()
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
}

// reload gives the running process another Caddyfile and returns Caddy's complaint, "" for none.
func (g *gateway) reload(p plan) (complaint string, err error) {
	req, err := http.NewRequest(http.MethodPost, "http://admin/load", strings.NewReader(g.fill(p.caddyfile())))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	req.Header.Set("Cache-Control", "must-revalidate") // as `reload --force`: also a configuration that has not changed
	resp, err := g.Admin.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprintf("%d: %s", resp.StatusCode, text), nil
	}
	return "", nil
}

// mustReload is reload that has to succeed. What is asked after it comes by new connections: the servers of the former configuration
// still answer by the old ones for the moment in which they shut down.
func (g *gateway) mustReload(t testing.TB, p plan) {
	t.Helper()
	if complaint, err := g.reload(p); err != nil || complaint != "" {
		t.Fatalf("reload: %v %s", err, complaint)
	}
	g.settled(t)
}

// settled closes the connections of before a reload, and waits until every address has one listener: what connects while the one of the
// former configuration is about to close may be queued there, and is reset with it.
func (g *gateway) settled(t testing.TB) {
	t.Helper()
	port := fmt.Sprintf(":%04X", g.Port)
	eventually(t, "the listeners of before the reload close", func() bool {
		listeners := map[string]int{}
		for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
			text, err := os.ReadFile(table)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				const listening = "0A"
				if f := strings.Fields(line); strings.HasSuffix(f[1], port) && f[3] == listening {
					if listeners[f[1]]++; listeners[f[1]] > 1 {
						return false
					}
				}
			}
		}
		return true
	})
	g.client.CloseIdleConnections()
}

// advance moves the clock of a gateway with plan.clock, and returns when the gateway has taken it over.
func (g *gateway) advance(t testing.TB, by time.Duration) {
	t.Helper()
	g.offset += by
	moveClock(t, g.clockFile, g.offset)
}

// misset makes the clock of the gateway's machine wrong by so much, as if somebody had set it, and returns when the gateway has
// taken it over: it is the database's clock and those of other nodes that this one differs from then. advance is time that passes for
// all of them.
func (g *gateway) misset(t testing.TB, by time.Duration) {
	t.Helper()
	moveClock(t, g.clockFile+"-misset", by)
}

func moveClock(t testing.TB, file string, to time.Duration) {
	t.Helper()
	want := to.String()
	if err := os.WriteFile(file+".new", []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gateway's clock moves", func() bool {
		got, err := os.ReadFile(file + ".read")
		return err == nil && string(got) == want
	})
}

func (g *gateway) close() {
	g.Close()
	g.client.CloseIdleConnections()
	g.up.close()
}

// url is the address of a path on the first port.
func (g *gateway) url(path string) string { return "http://" + g.Host() + path }

// logs is what the process has written so far.
func (g *gateway) logs() string { return g.Log.String() }
