package gatehousetest

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
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Limit is how long anything of a gateway may take on a machine that builds and tests at the same time.
const Limit = 90 * time.Second

// Gateway is one process, or none between Kill and Run, over one folder and one set of ports. Its fields do not change
// while it runs.
type Gateway struct {
	Dir                string
	Port, Port2, Port3 int
	Binary             string
	Env                []string // beyond HOME, XDG_… and PATH
	RunEnv             []string // what only the gateway itself gets, not its commands
	Log                *Log
	Admin              *http.Client // speaks to the admin socket

	mu      sync.Mutex
	process *Process // nil before the first start
}

// New makes a folder, and starts nothing. socket is the admin socket's name in that folder.
func New(binary, socket string) (*Gateway, error) {
	work, err := Work()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(work, "")
	if err != nil {
		return nil, err
	}
	return Over(dir, binary, socket), nil
}

// Over is New over a folder that is there.
func Over(dir, binary, socket string) *Gateway {
	return &Gateway{Dir: dir, Binary: binary, Log: &Log{}, Port: FreePort(), Port2: FreePort(), Port3: FreePort(),
		Admin: UnixClient(filepath.Join(dir, socket))}
}

// UnixClient speaks to what listens on a Unix socket.
func UnixClient(socket string) *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableCompression: true, // metrics are read often
		DisableKeepAlives:  true, // a reload closes the connections of the admin endpoint that was there before
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

// Fill puts ports and the folder into a Caddyfile: <port>, <port2>, <port3>, <dir>.
func (g *Gateway) Fill(text string) string {
	return strings.NewReplacer("<port>", strconv.Itoa(g.Port), "<port2>", strconv.Itoa(g.Port2), "<port3>", strconv.Itoa(g.Port3),
		"<dir>", g.Dir).Replace(text)
}

// Configure writes the Caddyfile.
func (g *Gateway) Configure(text string) error {
	return os.WriteFile(filepath.Join(g.Dir, "Caddyfile"), []byte(g.Fill(text)), 0o600)
}

// Launch starts the process and returns at once.
func (g *Gateway) Launch() error {
	cmd := Command(g.Binary, g.Dir, slices.Concat(g.RunEnv, g.Env), RunArgs()...)
	cmd.Stdout, cmd.Stderr = g.Log, g.Log
	p, err := StartProcess(cmd)
	if err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.process = p
	return nil
}

// Run starts the process and waits until it serves.
func (g *Gateway) Run() error {
	if err := g.Launch(); err != nil {
		return err
	}
	if err := g.Process().Await(Limit, g.Serves); err != nil {
		return fmt.Errorf("starting the gateway: %w:\n%s", err, g.Log.Tail(15))
	}
	return nil
}

// Serves reports whether the first port listens and the node is open.
func (g *Gateway) Serves() bool {
	conn, err := net.Dial("tcp", g.Host())
	if err != nil {
		return false
	}
	_ = conn.Close()
	resp, err := g.Admin.Get("http://admin/gatehouse/keys")
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Process is what runs now, or ran last; nil before the first start.
func (g *Gateway) Process() *Process {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.process
}

// PID is the number of the process that runs now.
func (g *Gateway) PID() int { return g.Process().PID() }

// Exited is closed when the process that runs now has ended.
func (g *Gateway) Exited() <-chan struct{} { return g.Process().Exited() }

// Kill ends the process as a crash would.
func (g *Gateway) Kill() { g.Process().Kill() }

// WaitExit waits until the process ends by itself and returns how.
func (g *Gateway) WaitExit(t testing.TB) error {
	t.Helper()
	how, ended := g.Process().Wait(Limit)
	if !ended {
		t.Fatalf("the gateway still runs")
	}
	return how
}

// Command runs the gateway's binary with other arguments in the gateway's folder.
func (g *Gateway) Command(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := Command(g.Binary, g.Dir, g.Env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// Close kills the process and removes the folder.
func (g *Gateway) Close() {
	if g.Process() != nil {
		g.Kill()
	}
	g.Admin.CloseIdleConnections()
	_ = os.RemoveAll(g.Dir)
}

// Host is the address of the first port.
func (g *Gateway) Host() string { return "127.0.0.1:" + strconv.Itoa(g.Port) }

// CloseWithTest closes a gateway with the test, which shows its last lines if it fails.
func (g *Gateway) CloseWithTest(t testing.TB) {
	t.Cleanup(func() {
		g.Close()
		if t.Failed() {
			t.Logf("the gateway's last lines:\n%s", g.Log.Tail(40))
		}
	})
}
