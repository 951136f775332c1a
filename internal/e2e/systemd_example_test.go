package e2e

import (
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

const systemdFolder = "../../examples/systemd"

// unit is the service of examples/systemd, with folders of the test's own in place of the system's.
type unit struct {
	*gateway
	lines  map[string]string // the last value of each name
	notify *net.UnixConn     // what systemd would read
	uid    int               // who it runs as
}

func readUnit(t *testing.T) *unit {
	t.Helper()
	dir, err := os.MkdirTemp("", "gh-systemd-") // another user has to reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	u := &unit{gateway: &gateway{Gateway: gatehousetest.Over(dir, dir+"/bin/gatehouse", "run/admin.sock")}, lines: map[string]string{}, uid: os.Getuid()}
	u.client = &http.Client{Timeout: 30 * time.Second, Transport: visitorOf("localhost:" + strconv.Itoa(u.Port))}
	if u.uid == 0 {
		u.uid = 65534
	}
	for _, name := range []string{"", "/bin", "/etc"} {
		u.folder(t, name, 0o755, os.Getuid())
	}
	u.file(t, "/etc/smtp-password", "not the one\n")
	u.file(t, "/bin/gatehouse.service", u.here(t, "gatehouse.service"))
	u.file(t, "/etc/Caddyfile", strings.NewReplacer("https://app.example.com", fmt.Sprint("http://localhost:", u.Port),
		"app.example.com {", fmt.Sprintf("http://localhost:%d {\n\tbind 127.0.0.1", u.Port)).Replace(u.here(t, "Caddyfile")))
	for line := range strings.Lines(u.here(t, "gatehouse.service")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			u.lines[name] = value
		}
	}
	return u
}

// here is a file of the example, with the test's folders.
func (u *unit) here(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(systemdFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("/usr/local/bin/", u.Dir+"/bin/", "/etc/gatehouse", u.Dir+"/etc", "/var/lib/gatehouse", u.Dir+"/var",
		"/run/gatehouse", u.Dir+"/run").Replace(string(text))
}

func (u *unit) file(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(u.Dir+name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (u *unit) folder(t *testing.T, name string, mode os.FileMode, owner int) {
	t.Helper()
	if err := os.MkdirAll(u.Dir+name, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(u.Dir+name, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(u.Dir+name, owner, -1); err != nil {
		t.Fatal(err)
	}
}

// prepare makes what systemd makes before it starts the service.
func (u *unit) prepare(t *testing.T) {
	t.Helper()
	program, err := gatehousetest.Release()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", program, u.Binary).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for of, name := range map[string]string{"StateDirectory": "/var", "RuntimeDirectory": "/run"} {
		mode, err := strconv.ParseUint(u.lines[of+"Mode"], 8, 32)
		if err != nil || u.lines[of] != "gatehouse" {
			t.Fatalf("%s is %q, its mode %q", of, u.lines[of], u.lines[of+"Mode"])
		}
		u.folder(t, name, os.FileMode(mode), u.uid)
	}
	name, from, _ := strings.Cut(u.lines["LoadCredential"], ":")
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	u.folder(t, "/credentials", 0o755, os.Getuid())
	u.file(t, "/credentials/"+name, string(text))
	if u.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: u.Dir + "/notify", Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.notify.Close() })
	if err := os.Chmod(u.Dir+"/notify", 0o777); err != nil {
		t.Fatal(err)
	}
}

// command is a line of the unit, as its user and with its environment.
func (u *unit) command(line string) *exec.Cmd {
	cmd := exec.Command("sh", append([]string{"-c", "umask " + u.lines["UMask"] + `; exec "$@"`, "sh"}, strings.Fields(line)...)...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "NOTIFY_SOCKET=" + u.Dir + "/notify", "CREDENTIALS_DIRECTORY=" + u.Dir + "/credentials"},
		strings.Fields(u.lines["Environment"])...)
	cmd.Stdout, cmd.Stderr = u.Log, u.Log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.uid)}
	}
	return cmd
}

// told waits until systemd is told so.
func (u *unit) told(t *testing.T, what string) {
	t.Helper()
	buffer := make([]byte, 4096)
	for {
		if err := u.notify.SetReadDeadline(time.Now().Add(gatehousetest.Limit)); err != nil {
			t.Fatal(err)
		}
		n, err := u.notify.Read(buffer)
		if err != nil {
			t.Fatalf("systemd is not told %s: %v\n%s", what, err, u.Log.Tail(20))
		}
		if strings.Contains(string(buffer[:n]), what) {
			return
		}
	}
}

// TestSystemd_Example: systemd understands the unit, and the gateway does what the unit says as an ordinary user.
func TestSystemd_Example(t *testing.T) {
	t.Parallel()
	u := readUnit(t)
	u.prepare(t)
	for _, args := range [][]string{{"verify", "--man=no"}, {"security", "--offline=yes", "--threshold=20"}} {
		if out, err := exec.Command("systemd-analyze", append(args, u.Dir+"/bin/gatehouse.service")...).CombinedOutput(); err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %v (of the Debian package systemd): %v\n%s", args, err, out)
		}
	}
	var grace, stop time.Duration
	for line := range strings.Lines(u.here(t, "Caddyfile")) {
		if words := strings.Fields(line); len(words) == 2 && (words[0] == "grace_period" || words[0] == "shutdown_delay") {
			d, _ := time.ParseDuration(words[1])
			grace += d
		}
	}
	if stop, _ = time.ParseDuration(u.lines["TimeoutStopSec"]); grace == 0 || stop <= grace {
		t.Errorf("systemd kills the gateway after %s, which wants %s", stop, grace)
	}
	if u.lines["User"] != "gatehouse" || u.lines["AmbientCapabilities"] != "CAP_NET_BIND_SERVICE" || !strings.Contains(u.here(t, "gatehouse.conf"), "\nu gatehouse ") {
		t.Errorf("it runs as %s with %s", u.lines["User"], u.lines["AmbientCapabilities"])
	}

	cmd := u.command(u.lines["ExecStart"])
	if err := gatehousetest.Spawn(cmd); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	u.told(t, "READY=1")
	u.do(t, call{path: "/auth/readyz"}).must(t, 200, "")
	u.private(t)
	for path, status := range map[string]int{"/": 401, "/auth/login": 200} {
		if a := u.do(t, call{path: path}); a.status != status || len(a.header.Values("Strict-Transport-Security")) != 1 {
			t.Errorf("%s answers %d %v", path, a.status, a.header)
		}
	}
	if err := u.command(u.lines["ExecReload"]).Run(); err != nil {
		t.Errorf("reload: %v\n%s", err, u.Log.Tail(10))
	}
	u.told(t, "READY=1")
	keys := exec.Command(u.Binary, "keys", "list", "--config", u.Dir+"/etc/Caddyfile") // as root, whom systemd gave nothing
	keys.Env = []string{"HOME=" + u.Dir}
	if out, err := keys.CombinedOutput(); err != nil || !strings.Contains(string(out), "EdDSA") {
		t.Errorf("keys list: %v\n%s", err, out)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-exited:
		if err != nil {
			t.Errorf("stopped: %v", err)
		}
	case <-time.After(gatehousetest.Limit):
		t.Error("it does not stop")
	}
}

// private demands that nobody else on the machine can read the data or command the gateway.
func (u *unit) private(t *testing.T) {
	t.Helper()
	seen := 0
	for _, folder := range []string{"/var", "/run"} {
		err := filepath.WalkDir(u.Dir+folder, func(path string, _ fs.DirEntry, err error) error {
			info, statErr := os.Lstat(path)
			if err != nil || statErr != nil {
				return nil // SQLite's files come and go
			}
			if seen++; info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has the mode %o", path, info.Mode().Perm())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"/run/admin.sock", "/var/gatehouse.db", "/var/secret"} {
		if _, err := os.Lstat(u.Dir + want); err != nil || seen < 5 {
			t.Errorf("%d files, and %v", seen, err)
		}
	}
}
