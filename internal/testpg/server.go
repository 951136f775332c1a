package testpg

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

const (
	startLimit = 60 * time.Second
	stopLimit  = 30 * time.Second
)

// Options choose how a server runs. The zero value is the fast one.
type Options struct {
	// Fsync makes every commit wait for the disk. Without it a commit still survives the death of
	// every server process, not that of the machine.
	Fsync bool
	// Settings are further server parameters, `name` to value, and win over the preset ones.
	Settings map[string]string
}

// Server is a Postgres of its own on a loopback port that stays the same over restarts. Its methods
// end the test when they fail, so they are called from the test's goroutine, one at a time.
type Server struct {
	tb       testing.TB // nil in the shared server
	folder   string
	programs programs
	account  account
	watchdog *testproc.Watchdog
	password string
	port     int
	options  Options
	pid      int // 0 while the server is down
	frozen   []int
}

// New makes and starts a server for the test alone. It is stopped and removed when the test ends.
func New(t testing.TB, options Options) *Server {
	t.Helper()
	s, err := Open(options)
	if err != nil {
		t.Fatalf("testpg: %v", err)
	}
	s.tb = t
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Errorf("testpg: %v", err)
		}
	})
	return s
}

// Addr is host and port as a proxy in front of the server needs them.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Start starts the server after Stop or Kill, on the same port with the same data, and returns once
// it takes connections.
func (s *Server) Start() {
	s.tb.Helper()
	s.check(s.start())
}

// Stop ends the server in good order: sessions are cut, data is flushed.
func (s *Server) Stop() {
	s.tb.Helper()
	s.check(s.stop(syscall.SIGINT))
}

// Kill ends every process of the server by SIGKILL and returns when all are gone. The next Start
// recovers from the write-ahead log.
func (s *Server) Kill() {
	s.tb.Helper()
	s.check(s.kill())
}

// Freeze stops every process of the server without ending it: connections stay open, new ones are
// still accepted by the kernel, and nothing is answered.
func (s *Server) Freeze() {
	s.tb.Helper()
	s.check(s.freeze())
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw() {
	s.tb.Helper()
	s.check(s.thaw())
}

// Close ends the server and removes all that was its own.
func (s *Server) Close() error { return s.close() }

func (s *Server) check(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("testpg: %v", err)
	}
}

// Open is New for programs that are no tests, such as bench: who opens a server closes it. Of its methods only Addr,
// CreateDatabase and Close may be called.
func Open(options Options) (*Server, error) {
	s := &Server{options: options, password: rand.Text()}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// open leaves nothing behind when it fails.
func (s *Server) open() (err error) {
	if s.programs, err = findPrograms(); err != nil {
		return err
	}
	if s.account, err = serverAccount(); err != nil {
		return err
	}
	if s.folder, err = s.account.makeFolder(); err != nil {
		return fmt.Errorf("making a folder for Postgres: %w", err)
	}
	if s.watchdog, err = testproc.StartWatchdog(s.folder, true); err != nil {
		return errors.Join(err, os.RemoveAll(s.folder))
	}
	if err = s.create(); err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

func (s *Server) create() error {
	if err := s.initdb(); err != nil {
		return err
	}
	// Another process may take the port between the question and the start: ask again.
	var err error
	for range 5 {
		if s.port, err = testproc.FreePort(); err != nil {
			return fmt.Errorf("finding a free port: %w", err)
		}
		if err = s.start(); err == nil || !strings.Contains(err.Error(), "could not create any TCP/IP sockets") {
			break
		}
	}
	if err != nil {
		return err
	}
	return s.createOwner()
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }
func (s *Server) log() string  { return filepath.Join(s.folder, "log") }

// initdb makes the cluster. Text sorts by a language, as in most installations, so that a query
// that relies on byte order without saying so is found here. A password guards the port because
// whoever is superuser of Postgres runs programs as its account.
func (s *Server) initdb() error {
	secret := filepath.Join(s.folder, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o600); err != nil {
		return err
	}
	if err := os.Chown(secret, s.account.uid, s.account.gid); err != nil {
		return err
	}
	cmd := exec.Command(s.programs.initdb, "--pgdata", s.data(), "--username", superuser, "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
		"--locale-provider", "icu", "--icu-locale", "en-US", "--no-sync", "--no-instructions")
	cmd.Dir = s.folder
	cmd.Env = environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account.credential}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making a Postgres cluster: %w: %s", err, lastLine(string(out)))
	}
	return os.Remove(secret)
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
