package testpg

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

// Pooled starts a PgBouncer in front of the server that holds the database, and returns the URL of the database through it. It ends
// with the test.
func Pooled(t testing.TB, database, poolMode string, poolSize int) string {
	t.Helper()
	at, err := pooled(t, database, poolMode, poolSize)
	if err != nil {
		t.Fatalf("testpg: %v", err)
	}
	return at
}

func pooled(t testing.TB, database, poolMode string, poolSize int) (string, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !executable(program) { // not in everybody's PATH
			return "", errors.New("no pgbouncer: install the package pgbouncer (apt-get install pgbouncer), or run make test as root")
		}
	}
	server, err := pgx.ParseConfig(database)
	if err != nil {
		return "", err
	}
	runs, err := serverAccount() // it refuses to run as root, as Postgres does
	if err != nil {
		return "", err
	}
	folder, err := runs.makeFolder()
	if err != nil {
		return "", err
	}
	watchdog, err := testproc.StartWatchdog(folder, true)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	t.Cleanup(func() {
		if err := watchdog.Dismiss(); err != nil {
			t.Errorf("testpg: %v", err)
		}
	})
	port, err := testproc.FreePort()
	if err != nil {
		return "", err
	}
	files := map[string]string{
		"users": fmt.Sprintf("%q %q\n", server.User, server.Password),
		"ini": fmt.Sprintf("[databases]\n* = host=%s port=%d\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
			"auth_type = plain\nauth_file = %s\npool_mode = %s\ndefault_pool_size = %d\nmax_client_conn = 400\nserver_idle_timeout = 1\nlogfile = %s\n",
			server.Host, server.Port, port, filepath.Join(folder, "users"), poolMode, poolSize, filepath.Join(folder, "log")),
	}
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chown(path, runs.uid, runs.gid)); err != nil {
			return "", err
		}
	}
	if err := runPooler(t, program, folder, runs, watchdog, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
		return "", err
	}
	u, err := url.Parse(database)
	if err != nil {
		return "", err
	}
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return u.String(), nil
}

// runPooler returns once the pooler listens.
func runPooler(t testing.TB, program, folder string, runs account, watchdog *testproc.Watchdog, addr string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	process, err := os.StartProcess(program, []string{program, "-q", filepath.Join(folder, "ini")}, &os.ProcAttr{Dir: folder, Env: environment,
		Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Credential: runs.credential, Setpgid: true}})
	if err != nil {
		return fmt.Errorf("starting pgbouncer: %w", err)
	}
	pid := process.Pid
	if err := errors.Join(process.Release(), watchdog.Watch(pid)); err != nil {
		return fmt.Errorf("watching pgbouncer: %w", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		testproc.Until(stopLimit, func() bool { return testproc.Exited(pid) })
		_ = watchdog.Watch(0)
		if said, err := os.ReadFile(filepath.Join(folder, "log")); err == nil && t.Failed() {
			t.Logf("pgbouncer says: %s", said[max(0, len(said)-2000):])
		}
	})
	if !testproc.Until(startLimit, func() bool {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}) {
		said, _ := os.ReadFile(filepath.Join(folder, "log"))
		return fmt.Errorf("pgbouncer does not listen: %s", lastLine(string(said)))
	}
	return nil
}
