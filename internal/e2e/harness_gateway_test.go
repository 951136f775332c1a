package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// testSecret is the node's secret where the database is Postgres.
const testSecret = "e2e-secret-e2e-secret-e2e-secret-0123456789"

// gateway is one process, or none between kill9 and restart.
type gateway struct {
	dir                string
	port, port2, port3 int
	up                 *upstream
	database           string // postgres:// URL, or "" for SQLite
	binary             string
	env                []string
	log                *logBuffer
	client             *http.Client // does not follow redirects, keeps no cookies
	admin              *http.Client
	mu                 sync.Mutex
	cmd                *exec.Cmd
	exited             chan struct{}
	exitErr            error
	clockFile          string
	offset             time.Duration
	undocumented       bool // its answers are not held against this tree's document
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
		t.Cleanup(func() {
			g.close()
			if t.Failed() {
				t.Logf("the gateway's last lines:\n%s", g.log.tail(40))
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
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
	dir, err := os.MkdirTemp(work, "")
	if err != nil {
		return nil, err
	}
	g := &gateway{dir: dir, database: database, binary: binary, log: &logBuffer{}, env: p.env, undocumented: p.binary != "",
		port: freePort(), port2: freePort(), port3: freePort(), clockFile: filepath.Join(dir, "clock")}
	if g.up, err = newUpstream(); err != nil {
		return nil, err
	}
	g.client = &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}
	g.admin = unixClient(filepath.Join(dir, "admin.sock"))
	if p.clock {
		if err := os.WriteFile(g.clockFile, []byte("0s"), 0o600); err != nil {
			return g, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(g.fill(p.caddyfile())), 0o600); err != nil {
		return g, err
	}
	if p.failing {
		return g, g.launch()
	}
	return g, g.run()
}

// unixClient speaks to what listens on a Unix socket.
func unixClient(socket string) *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

// fill puts ports and folders into a Caddyfile.
func (g *gateway) fill(text string) string {
	return strings.NewReplacer("<port>", strconv.Itoa(g.port), "<port2>", strconv.Itoa(g.port2), "<port3>", strconv.Itoa(g.port3),
		"<upstream>", g.up.addr, "<dir>", g.dir).Replace(text)
}

// launch starts the process and returns at once.
func (g *gateway) launch() error {
	cmd := exec.Command(g.binary, "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	cmd.Dir = g.dir
	cmd.Env = append([]string{"HOME=" + g.dir, "XDG_DATA_HOME=" + g.dir + "/xdg", "XDG_CONFIG_HOME=" + g.dir + "/xdg",
		"PATH=" + os.Getenv("PATH"), "TEST_DATABASE=" + g.database, "TEST_SECRET=" + testSecret,
		"GATEHOUSE_TEST_CLOCK=" + g.clockFile, "GATEHOUSE_TEST_MISSET=" + g.clockFile + "-misset"}, g.env...)
	cmd.Stdout, cmd.Stderr = g.log, g.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := spawn(cmd); err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	exited := make(chan struct{})
	g.mu.Lock()
	g.cmd, g.exited = cmd, exited
	g.mu.Unlock()
	go func() {
		err := cmd.Wait()
		g.mu.Lock()
		g.exitErr = err
		g.mu.Unlock()
		close(exited)
	}()
	return nil
}

const startLimit = 90 * time.Second // on a machine that builds and tests at the same time

// run starts the process and waits until it serves.
func (g *gateway) run() error {
	if err := g.launch(); err != nil {
		return err
	}
	deadline := time.Now().Add(startLimit)
	for time.Now().Before(deadline) {
		select {
		case <-g.exited:
			return fmt.Errorf("the gateway ended at once:\n%s", g.log.tail(15))
		case <-time.After(10 * time.Millisecond):
		}
		if g.serves() {
			return nil
		}
	}
	return fmt.Errorf("the gateway was not ready after %s:\n%s", startLimit, g.log.tail(15))
}

// serves reports whether the first port listens and the node is open.
func (g *gateway) serves() bool {
	conn, err := net.Dial("tcp", g.host())
	if err != nil {
		return false
	}
	_ = conn.Close()
	resp, err := g.admin.Get("http://admin/gatehouse/keys")
	if err != nil {
		return false
	}
	drain(resp)
	return resp.StatusCode == http.StatusOK
}

// pid is the process that runs now.
func (g *gateway) pid() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cmd.Process.Pid
}

// waitExit waits until the process ends by itself and returns how.
func (g *gateway) waitExit(t testing.TB) error {
	t.Helper()
	select {
	case <-g.exited:
	case <-time.After(startLimit):
		t.Fatalf("the gateway still runs")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.exitErr
}

// kill9 ends the process as a crash would.
func (g *gateway) kill9() {
	g.mu.Lock()
	cmd, exited := g.cmd, g.exited
	g.mu.Unlock()
	_ = cmd.Process.Kill()
	<-exited
}

// terminate asks the process to end and waits.
func (g *gateway) terminate(t testing.TB) {
	t.Helper()
	g.mu.Lock()
	cmd := g.cmd
	g.mu.Unlock()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	g.waitExit(t)
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
	if err := g.run(); err != nil {
		t.Fatal(err)
	}
}

// reload gives the running process another Caddyfile and returns Caddy's complaint, "" for none.
func (g *gateway) reload(p plan) (complaint string, err error) {
	resp, err := g.admin.Post("http://admin/load", "text/caddyfile", strings.NewReader(g.fill(p.caddyfile())))
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

// mustReload is reload that has to succeed.
func (g *gateway) mustReload(t testing.TB, p plan) {
	t.Helper()
	if complaint, err := g.reload(p); err != nil || complaint != "" {
		t.Fatalf("reload: %v %s", err, complaint)
	}
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

// command runs the gateway's binary with other arguments in the gateway's folder.
func (g *gateway) command(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(g.binary, args...)
	cmd.Dir = g.dir
	cmd.Env = append([]string{"HOME=" + g.dir, "XDG_DATA_HOME=" + g.dir + "/xdg", "XDG_CONFIG_HOME=" + g.dir + "/xdg",
		"PATH=" + os.Getenv("PATH"), "TEST_DATABASE=" + g.database, "TEST_SECRET=" + testSecret}, g.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (g *gateway) close() {
	g.mu.Lock()
	running := g.cmd != nil
	g.mu.Unlock()
	if running {
		g.kill9()
	}
	g.client.CloseIdleConnections()
	g.admin.CloseIdleConnections()
	g.up.close()
	_ = os.RemoveAll(g.dir)
}

// url is the address of a path on the first port.
func (g *gateway) url(path string) string { return "http://" + g.host() + path }

func (g *gateway) host() string { return "127.0.0.1:" + strconv.Itoa(g.port) }

// logs is what the process has written so far.
func (g *gateway) logs() string { return g.log.String() }
