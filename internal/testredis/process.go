package testredis

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

var errNoRedis = errors.New("no redis-server in PATH: install the package redis-server (apt-get install redis-server), or run make test as root")

func findProgram() (string, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errNoRedis
	}
	return program, nil
}

// configuration is the server's file. Names of settings that are given replace the preset ones.
func (s *Server) configuration() string {
	set := map[string]string{
		"bind": "127.0.0.1", "port": strconv.Itoa(s.port), "dir": s.folder, "daemonize": "no", "logfile": s.log(),
		"protected-mode": "no",
	}
	if !s.sentinel {
		set["save"], set["appendonly"] = `""`, "no"
	}
	if s.options.Persist {
		set["appendonly"], set["appendfsync"] = "yes", "always"
	}
	if s.options.TLS {
		set["port"], set["tls-port"] = "0", strconv.Itoa(s.port)
		set["tls-cert-file"], set["tls-key-file"] = filepath.Join(s.folder, "cert.pem"), filepath.Join(s.folder, "key.pem")
		set["tls-ca-cert-file"], set["tls-auth-clients"] = s.CA(), "no"
	}
	for name, value := range s.options.Settings {
		set[name] = value
	}
	var b strings.Builder
	// Backwards, so that `sentinel monitor` comes before what is said of the master it names.
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(set))) {
		b.WriteString(name + " " + set[name] + "\n")
	}
	if s.user != "" {
		b.WriteString("user default off\n")
		b.WriteString("user " + adminUser + " on >" + s.password + " ~* &* +@all\n")
		b.WriteString("user " + gatewayUser + " on >" + s.password + " " + s.options.Rules + "\n")
	}
	return b.String()
}

func (s *Server) log() string { return filepath.Join(s.folder, "log") }

func (s *Server) start() error {
	if s.pid != 0 {
		return errors.New("starting Redis: it runs already")
	}
	file := filepath.Join(s.folder, "redis.conf")
	// A sentinel keeps what it has learned in its file.
	if _, err := os.Stat(file); !s.sentinel || err != nil {
		if err := os.WriteFile(file, []byte(s.configuration()), 0o600); err != nil {
			return err
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	args := []string{s.program, file}
	if s.sentinel {
		args = append(args, "--sentinel")
	}
	process, err := os.StartProcess(s.program, args, &os.ProcAttr{
		Dir: s.folder, Env: []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}, Files: []*os.File{null, null, null},
		// A group of its own, so that ctrl-C reaches the test first and the server through it.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return fmt.Errorf("starting Redis: %w", err)
	}
	s.pid = process.Pid
	if err := errors.Join(process.Release(), s.watchdog.Watch(s.pid)); err != nil {
		return fmt.Errorf("watching Redis: %w", err)
	}
	return s.waitReady()
}

func (s *Server) waitReady() error {
	died := false
	ready := testproc.Until(startLimit, func() bool {
		if died = testproc.Exited(s.pid); died {
			return true
		}
		_, err := s.command("PING")
		return err == nil
	})
	if died {
		s.pid = 0
		return errors.Join(fmt.Errorf("starting Redis: it ended at once: %s", s.lastLine()), s.watchdog.Watch(0))
	}
	if !ready {
		return fmt.Errorf("starting Redis: not ready after %s: %s", startLimit, s.lastLine())
	}
	return nil
}

// lastLine is what the server said last.
func (s *Server) lastLine() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	last := strings.TrimSpace(string(text))
	return last[strings.LastIndexByte(last, '\n')+1:]
}

func (s *Server) signal(sig syscall.Signal) error {
	if s.pid == 0 {
		return errors.New("signalling Redis: it does not run")
	}
	if err := syscall.Kill(s.pid, sig); err != nil {
		return fmt.Errorf("signalling Redis: %w", err)
	}
	return nil
}

func (s *Server) end(sig syscall.Signal) error {
	if err := s.signal(sig); err != nil {
		return err
	}
	if s.frozen { // only SIGKILL reaches a stopped process
		if err := s.signal(syscall.SIGCONT); err != nil {
			return err
		}
	}
	if !testproc.Until(stopLimit, func() bool { return testproc.Exited(s.pid) }) {
		return fmt.Errorf("ending Redis: still there after %s", stopLimit)
	}
	s.pid, s.frozen = 0, false
	return s.watchdog.Watch(0)
}
