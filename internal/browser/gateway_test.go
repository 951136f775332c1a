package browser

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
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
)

// gateway is one process.
type gateway struct {
	dir         string
	port, port2 int
	log         *logBuffer
	cmd         *exec.Cmd
	exited      chan struct{}
}

// shared is the gateway with the shipped Caddyfile, its demo service behind it.
func shared(t testing.TB) *gateway {
	t.Helper()
	g, err := sharedGateway()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var (
	sharedStarted *gateway
	sharedGateway = sync.OnceValues(func() (g *gateway, err error) {
		text, err := shipped()
		if err != nil {
			return nil, err
		}
		sharedStarted, err = launch(text)
		return sharedStarted, err
	})
)

func stopShared() {
	if sharedStarted != nil {
		sharedStarted.close()
	}
}

// shipped is the Caddyfile of the repository on ports of our own, without the limits that hold for one address: every
// browser here comes from the same.
func shipped() (string, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "Caddyfile"))
	if err != nil {
		return "", err
	}
	const at = "\t\tdata_dir .gatehouse\n"
	if !bytes.Contains(text, []byte(at)) || !bytes.Contains(text, []byte("8080")) || !bytes.Contains(text, []byte("8081")) {
		return "", fmt.Errorf("the Caddyfile of the repository has another shape")
	}
	return strings.NewReplacer("8080", "<port>", "8081", "<port2>", at, at+noLimits).Replace(string(text)), nil
}

const noLimits = "\t\trate_limit login off\n\t\trate_limit register off\n\t\trate_limit verify off\n\t\trate_limit forgot off\n\t\trate_limit mail off\n"

// start runs a gateway that ends with the test. <port> and <port2> in its Caddyfile are free ports.
func start(t testing.TB, caddyfile string) *gateway {
	t.Helper()
	g, err := launch(caddyfile)
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

func launch(caddyfile string) (*gateway, error) {
	binary, err := release()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(work, "")
	if err != nil {
		return nil, err
	}
	g := &gateway{dir: dir, port: freePort(), port2: freePort(), log: &logBuffer{}, exited: make(chan struct{})}
	text := strings.NewReplacer("<port>", strconv.Itoa(g.port), "<port2>", strconv.Itoa(g.port2)).Replace(caddyfile)
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	g.cmd = exec.Command(binary, "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	g.cmd.Dir = dir
	g.cmd.Env = []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir + "/xdg", "XDG_CONFIG_HOME=" + dir + "/xdg", "PATH=" + os.Getenv("PATH")}
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	// Nothing outlives the tests, however they end.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the gateway: %w", err)
	}
	go func() {
		_ = g.cmd.Wait()
		close(g.exited)
	}()
	return g, g.ready()
}

const startLimit = 90 * time.Second // on a machine that builds and tests at the same time

// ready waits until the gateway can serve. It asks on the admin socket, which every Caddyfile here has.
func (g *gateway) ready() error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(g.dir, ".gatehouse.sock"))
		},
	}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); <-tick.C {
		select {
		case <-g.exited:
			return fmt.Errorf("the gateway ended at once:\n%s", g.log.tail(15))
		default:
		}
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(g.port))
		if err != nil {
			continue
		}
		_ = conn.Close()
		resp, err := client.Get("http://admin/gatehouse/keys")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the gateway was not ready after %s:\n%s", startLimit, g.log.tail(15))
}

func (g *gateway) close() {
	_ = g.cmd.Process.Kill()
	<-g.exited
	_ = os.RemoveAll(g.dir)
}

// origin is where a person finds the gateway, over plain http.
func (g *gateway) origin() string { return "http://localhost:" + strconv.Itoa(g.port) }

// secure is the same over https.
func (g *gateway) secure() string { return "https://localhost:" + strconv.Itoa(g.port) }

// logBuffer keeps a process's output.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) tail(n int) string {
	lines := strings.Split(strings.TrimRight(l.String(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

var (
	portMu   sync.Mutex
	portUsed = map[int]bool{}
)

// freePort picks below the range from which outgoing connections get theirs: a port from that range may be taken
// between the choice and its use.
func freePort() int {
	portMu.Lock()
	defer portMu.Unlock()
	for {
		port := 15000 + rand.IntN(17000)
		if portUsed[port] {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		portUsed[port] = true
		return port
	}
}

// eventually waits until done holds.
func eventually(t testing.TB, what func() string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what())
		}
	}
}
