package testpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

// environment keeps PGPORT, TZ and the like of whoever runs the test out of the server.
var environment = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}

// settings are the preset parameters. Without Fsync the data need not survive the machine, so
// nothing waits for a disk; synchronous_commit stays on, or else a killed server would lose commits
// that it had confirmed.
func (s *Server) settings() map[string]string {
	set := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(s.port),
		"unix_socket_directories": "",
		"max_connections":         "200",
		"shared_buffers":          "32MB",
		"max_wal_size":            "256MB",
		"wal_level":               "minimal",
		"max_wal_senders":         "0",
		"jit":                     "off",
		"log_min_messages":        "warning",
		"fsync":                   "on",
	}
	if !s.options.Fsync {
		set["fsync"] = "off"
		set["full_page_writes"] = "off"
	}
	for name, value := range s.options.Settings {
		set[name] = value
	}
	return set
}

func (s *Server) start() error {
	if s.pid != 0 {
		return errors.New("starting Postgres: it runs already")
	}
	log, err := os.Create(s.log())
	if err != nil {
		return err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()

	// The whole path, since Postgres looks for its libraries beside the program that it was called as.
	args := []string{s.programs.postgres, "-D", s.data()}
	for name, value := range s.settings() {
		args = append(args, "-c", name+"="+value)
	}
	process, err := os.StartProcess(s.programs.postgres, args, &os.ProcAttr{
		Dir:   s.folder,
		Env:   environment,
		Files: []*os.File{null, log, log},
		// A group of its own, so that ctrl-C reaches the test first and the server through it.
		Sys: &syscall.SysProcAttr{Credential: s.account.credential, Setpgid: true},
	})
	if err != nil {
		return fmt.Errorf("starting Postgres: %w", err)
	}
	s.pid = process.Pid
	if err := errors.Join(process.Release(), s.watchdog.Watch(s.pid)); err != nil {
		return fmt.Errorf("watching Postgres: %w", err)
	}
	return s.waitReady()
}

// waitReady reads the status that the postmaster itself writes (the eighth line of its pid file).
func (s *Server) waitReady() error {
	died := false
	ready := testproc.Until(startLimit, func() bool {
		if died = testproc.Exited(s.pid); died {
			return true
		}
		text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
		lines := strings.Split(string(text), "\n")
		// The file of a killed server lies there until the new one replaces it.
		return err == nil && len(lines) > 7 && lines[0] == strconv.Itoa(s.pid) && strings.TrimSpace(lines[7]) == "ready"
	})
	if died {
		s.pid = 0
		return errors.Join(fmt.Errorf("starting Postgres: it ended at once: %s", s.lastComplaint()), s.watchdog.Watch(0))
	}
	if !ready {
		return fmt.Errorf("starting Postgres: not ready after %s: %s", startLimit, s.lastComplaint())
	}
	return nil
}

// lastComplaint is what the server said why it could not start.
func (s *Server) lastComplaint() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "FATAL:") || strings.Contains(line, "PANIC:") {
			return strings.TrimSpace(line)
		}
	}
	return lastLine(string(text))
}

func (s *Server) stop(sig syscall.Signal) error {
	if s.pid == 0 {
		return errors.New("stopping Postgres: it does not run")
	}
	if s.frozen != nil {
		if err := s.thaw(); err != nil {
			return err
		}
	}
	if err := syscall.Kill(s.pid, sig); err != nil {
		return fmt.Errorf("stopping Postgres: %w", err)
	}
	if !testproc.Until(stopLimit, func() bool { return testproc.Exited(s.pid) }) {
		return fmt.Errorf("stopping Postgres: still there after %s", stopLimit)
	}
	s.pid = 0
	return s.watchdog.Watch(0)
}

func (s *Server) kill() error {
	if s.pid == 0 {
		return errors.New("killing Postgres: it does not run")
	}
	children, err := signalAll(s.pid, syscall.SIGKILL)
	if err != nil {
		return fmt.Errorf("killing Postgres: %w", err)
	}
	if !testproc.Until(stopLimit, func() bool { return testproc.Exited(s.pid) && gone(children) }) {
		return fmt.Errorf("killing Postgres: still there after %s", stopLimit)
	}
	s.pid, s.frozen = 0, nil
	return s.watchdog.Watch(0)
}

func (s *Server) freeze() error {
	if s.pid == 0 || s.frozen != nil {
		return errors.New("freezing Postgres: it does not run")
	}
	children, err := signalAll(s.pid, syscall.SIGSTOP)
	if err != nil {
		return fmt.Errorf("freezing Postgres: %w", err)
	}
	s.frozen = append(children, s.pid)
	return nil
}

func (s *Server) thaw() error {
	if s.frozen == nil {
		return errors.New("thawing Postgres: it is not frozen")
	}
	for _, pid := range s.frozen {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("thawing Postgres: %w", err)
		}
	}
	s.frozen = nil
	return nil
}

// close ends the server without a last flush, since nobody reads its data again, and removes it.
func (s *Server) close() error {
	var stopped error
	if s.pid != 0 {
		stopped = s.stop(syscall.SIGQUIT)
	}
	return errors.Join(stopped, s.watchdog.Dismiss())
}
