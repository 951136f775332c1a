package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// example is examples/cluster as its script runs it. Its gateway is what a visitor sees: the balancer.
type example struct {
	*gateway
	cmd    *exec.Cmd
	exited chan struct{}
}

func startExample(t testing.TB) *example {
	t.Helper()
	binary, err := gatehousetest.Release()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "gh-cluster-") // the account that runs Postgres has to reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	e := &example{gateway: &gateway{Gateway: gatehousetest.Over(dir, binary, "")}, exited: make(chan struct{})}
	e.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	e.cmd = exec.Command("bash", "../../examples/cluster/run.sh", e.path())
	e.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GATEHOUSE=" + binary, "PORT=" + strconv.Itoa(e.Port), "SHUTDOWN_DELAY=3s"}
	e.cmd.Stdout, e.cmd.Stderr = e.Log, e.Log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := gatehousetest.Spawn(e.cmd); err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.cmd.Wait(); close(e.exited) }()
	t.Cleanup(func() {
		_ = e.cmd.Process.Signal(syscall.SIGTERM)
		<-e.exited
		if t.Failed() {
			t.Logf("the script said:\n%s", e.Log.String())
		}
	})
	eventually(t, "the script says where to go", func() bool {
		select {
		case <-e.exited:
			t.Fatalf("the script ended: %s", e.Log.String())
		default:
		}
		return strings.Contains(e.Log.String(), "Stop with Ctrl-C")
	})
	return e
}

// path is the script's folder. It is named so that the outbox lies where that of a gateway does.
func (e *example) path() string { return filepath.Join(e.Dir, "data") }

// pidOf is the process of one of the script's programs.
func (e *example) pidOf(t testing.TB, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.path(), name+".pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// variable is one of the environment of one of the script's programs.
func (e *example) variable(t testing.TB, program, name string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(e.pidOf(t, program)) + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range strings.Split(string(text), "\x00") {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	t.Fatalf("%s has no %s", program, name)
	return ""
}

// bothServe waits until the balancer sends requests to both nodes.
func (e *example) bothServe(t testing.TB) {
	t.Helper()
	eventually(t, "both nodes are served", func() bool {
		seen := map[string]bool{}
		for range 8 {
			if a, err := e.try(call{path: "/auth/readyz"}); err == nil && a.status == 200 {
				seen[a.header.Get("X-Served-By")] = true
			}
		}
		return seen["node1"] && seen["node2"]
	})
}

// load asks the balancer for many things at once until it is stopped, and tells of every answer but the right one.
func (e *example) load(t testing.TB, u *user, b *user, writes bool) (stop func() int64) {
	var served atomic.Int64
	var clients sync.WaitGroup
	done := make(chan struct{})
	work := []func() (answer, error){
		func() (answer, error) { return e.try(call{path: "/x", bearer: u.access}) },
		func() (answer, error) { return e.try(call{path: "/x", cookies: b.cookies}) },
	}
	if writes {
		refresh := u.refresh
		work = append(work,
			func() (answer, error) {
				return e.try(call{method: "POST", path: "/x", bearer: u.access, body: strings.Repeat("b", 20_000)})
			},
			func() (answer, error) {
				a, err := e.try(call{method: "POST", path: "/auth/refresh", body: object{"refresh_token": refresh}})
				if a.status == 200 {
					refresh = a.text("refresh_token")
				}
				return a, err
			},
			func() (answer, error) {
				return e.try(call{method: "POST", path: "/auth/login", body: object{"login": u.email, "password": password}})
			})
	}
	for i, do := range work {
		clients.Go(func() {
			// Refreshes and sign-ins stay below what one address may do in a minute.
			tick := time.NewTicker([]time.Duration{10, 10, 10, 1000, 2500}[i] * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
				}
				if a, err := do(); err != nil || a.status != 200 {
					t.Errorf("request %d: %d %v %.200s", i, a.status, err, a.body)
					return
				}
				served.Add(1)
			}
		})
	}
	return func() int64 {
		close(done)
		clients.Wait()
		return served.Load()
	}
}

// TestCluster_Example: the script of examples/cluster, and what its manual says may be tried.
func TestCluster_Example(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	e.bothServe(t)
	u, b := e.newUser(t), e.newBrowser(t)
	a := e.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	for _, line := range []string{"Remote-User: " + u.email, "Remote-Sub: " + u.id} {
		if !strings.Contains(string(a.body), line) {
			t.Errorf("the service was not told %q: %s", line, a.body)
		}
	}
	e.do(t, call{path: "/x"}).must(t, 401, "authentication_required")
	// The nodes take the visitor's address from the balancer, and not from the visitor.
	listed := e.api(t, "GET", "/sessions", nil, call{bearer: u.access, header: map[string]string{"X-Forwarded-For": "203.0.113.9"}})
	for _, s := range listed.must(t, 200, "").json(t)["sessions"].([]any) {
		if ip := s.(object)["ip"]; ip != "127.0.0.1" {
			t.Errorf("a session from %v", ip)
		}
	}

	// One node dies: reads go on without a failure, and what writes works at once again.
	stop := e.load(t, u, b, false)
	if err := syscall.Kill(e.pidOf(t, "node1"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		e.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	}
	u.take(t, e.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	e.bothServe(t)
	if n := stop(); n < 50 {
		t.Errorf("only %d requests were answered while a node was dead", n)
	}
	b.takeCookies(t, e.do(t, call{path: "/x", cookies: map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}}).must(t, 200, ""))

	// One after the other is restarted in good order: nothing fails at all.
	stop = e.load(t, u, b, true)
	for _, name := range []string{"node1", "node2"} {
		old, node := e.pidOf(t, name), "http://127.0.0.1:"+e.variable(t, name, "NODE_PORT")
		if err := syscall.Kill(old, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		// It says first that it goes, and serves on until the balancer has let it go.
		direct := call{path: "/auth/readyz", base: node}
		eventually(t, name+" says that it goes", func() bool { a, err := e.try(direct); return err == nil && a.status == 503 })
		eventually(t, name+" gets nothing more", func() bool {
			for range 8 {
				if a, err := e.try(call{path: "/auth/readyz"}); err != nil || a.header.Get("X-Served-By") == name {
					return false
				}
			}
			return true
		})
		if a, err := e.try(call{path: "/x", bearer: u.access, base: node}); err != nil || a.status != 200 {
			t.Errorf("%s was gone when the balancer let it go: %d %v", name, a.status, err)
		}
		eventually(t, name+" is another process", func() bool { return e.pidOf(t, name) != old })
		e.bothServe(t)
	}
	if n := stop(); n < 100 {
		t.Errorf("only %d requests were answered during the rolling restart", n)
	}
	e.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	e.withoutPostgres(t, u)
	e.leavesNothing(t)
}

// withoutPostgres stops the database: no node is ready, and through the balancer they go on for who is signed in.
func (e *example) withoutPostgres(t testing.TB, u *user) {
	t.Helper()
	file := filepath.Join(e.path(), "postgres", "PG_VERSION") // without it the script cannot start it again
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(e.pidOf(t, "postgres"), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node1", "node2"} {
		direct := call{path: "/auth/readyz", base: "http://127.0.0.1:" + e.variable(t, name, "NODE_PORT")}
		eventually(t, name+" is not ready", func() bool { a, err := e.try(direct); return err == nil && a.status == 503 })
	}
	for since := time.Now(); time.Since(since) < 4*time.Second; { // the balancer asks once a second
		e.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	}
	a := e.do(t, call{method: "POST", path: "/auth/login", body: object{"login": u.email, "password": password}}).must(t, 503, "unavailable")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	e.bothServe(t)
	e.api(t, "POST", "/login", object{"login": u.email, "password": password}).must(t, 200, "")
}

// leavesNothing ends the script as Ctrl-C does, and demands that nothing of it runs on and no secret was written.
func (e *example) leavesNothing(t testing.TB) {
	t.Helper()
	pids := map[string]int{}
	for _, name := range []string{"postgres", "redis", "app", "node1", "node2", "balancer"} {
		pids[name] = e.pidOf(t, name)
	}
	var secrets []string
	for _, name := range []string{"postgres", "redis", "gatehouse"} {
		text, err := os.ReadFile(filepath.Join(e.path(), name+".secret"))
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, strings.TrimSpace(string(text)))
	}
	logs, err := filepath.Glob(filepath.Join(e.path(), "log", "*"))
	if err != nil || len(logs) < 6 {
		t.Errorf("logs %v, %v", logs, err)
	}
	for _, file := range logs {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if strings.Contains(string(text)+e.Log.String(), s) {
				t.Errorf("%s holds a secret", filepath.Base(file))
			}
		}
		if strings.Contains(string(text), "panic:") {
			t.Errorf("%s tells of a panic", filepath.Base(file))
		}
	}
	if err := e.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.exited:
	case <-time.After(time.Minute):
		t.Fatal("the script still runs")
	}
	for name, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("%s (%d) outlived the script", name, pid)
		}
	}
}
