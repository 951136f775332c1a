package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCluster_ComposeRedisPassword: every user of a machine reads the command lines of its processes. compose.yaml's Redis
// asks for the password all the same, and runs in place of the shell, so that signals reach it.
func TestCluster_ComposeRedisPassword(t *testing.T) {
	t.Parallel()
	real, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = listener.Close()

	const secret = "lantern-0123456789"
	dir := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\nprintf '%%s ' $$ \"$@\" >%s/told\nexec %s \"$@\" --port %s --bind 127.0.0.1 --dir %s\n", dir, real, port, dir)
	if err := os.WriteFile(filepath.Join(dir, "redis-server"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	command := readComposition(t).Services["redis"].Command
	for i := range command {
		command[i] = strings.ReplaceAll(command[i], "$$", "$") // as compose reads it
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "REDIS_PASSWORD=" + secret}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	eventually(t, "Redis wants the password", func() bool {
		return strings.HasPrefix(redisSays(addr, "PING"), "-NOAUTH") && redisSays(addr, "AUTH "+secret) == "+OK"
	})
	told, err := os.ReadFile(filepath.Join(dir, "told"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(told), secret) || strings.Contains(strings.Join(command, " "), secret) {
		t.Errorf("the password is on the command line: %q", told)
	}
	if !strings.HasPrefix(string(told), fmt.Sprint(cmd.Process.Pid, " ")) {
		t.Errorf("the shell, %d, stays beside what it starts: %q", cmd.Process.Pid, told)
	}
}

// redisSays is the first line of the answer to a command; "" for none.
func redisSays(addr, command string) string {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(conn, command+"\r\n")
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}
