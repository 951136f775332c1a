package testredis

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

const (
	startLimit   = 30 * time.Second
	stopLimit    = 20 * time.Second
	commandLimit = 10 * time.Second
)

// Options choose how a server runs. The zero value is a server without password that keeps nothing.
type Options struct {
	// Persist keeps every write in an append-only file, so that a killed server comes back with it.
	Persist bool
	// TLS makes the server speak TLS only, with a certificate for 127.0.0.1 and localhost.
	TLS bool
	// Rules makes the server know one user besides the default one, which is turned off: the ACL
	// rules of that user, without name and password.
	Rules string
	// Settings are further lines of the configuration, `name` to value, and win over the preset ones.
	Settings map[string]string
}

// Server is a Redis of its own on a loopback port that stays the same over restarts. Its methods
// end the test when they fail, so they are called from the test's goroutine, one at a time.
type Server struct {
	tb       testing.TB
	options  Options
	program  string
	folder   string
	watchdog *testproc.Watchdog
	port     int
	user     string // "" without Rules
	password string
	sentinel bool
	pid      int // 0 while the server is down
	frozen   bool
}

// New makes and starts a server for the test alone. It is ended and removed when the test ends.
func New(t testing.TB, options Options) *Server {
	t.Helper()
	return open(t, &Server{options: options})
}

// Open is New for programs that are no tests, such as bench: who opens a server closes it. Of its methods only Addr, URL and
// Close may be called.
func Open(options Options) (*Server, error) {
	s := &Server{options: options}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// Close ends the server and removes all that was its own.
func (s *Server) Close() error { return s.close() }

func open(t testing.TB, s *Server) *Server {
	t.Helper()
	s.tb = t
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Errorf("testredis: %v", err)
		}
	})
	s.check(s.open())
	return s
}

// Addr is host and port, as a proxy in front of the server needs them.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is the server's redis:// or rediss:// URL, with user and password where it has them.
func (s *Server) URL() string { return s.URLAt(s.Addr()) }

// URLAt is URL with another address, such as that of a proxy.
func (s *Server) URLAt(addr string) string {
	u := url.URL{Scheme: "redis", Host: addr}
	if s.options.TLS {
		u.Scheme = "rediss"
	}
	if s.user != "" {
		u.User = url.UserPassword(s.user, s.password)
	}
	return u.String()
}

// Password is that of the server's user, "" without Rules.
func (s *Server) Password() string { return s.password }

// CA is the file with the certificate, in PEM, of who vouches for the server; only with TLS.
func (s *Server) CA() string { return filepath.Join(s.folder, "ca.pem") }

// Start starts the server after Stop or Kill, on the same port, and returns once it answers.
func (s *Server) Start() { s.tb.Helper(); s.check(s.start()) }

// Stop ends the server in good order.
func (s *Server) Stop() { s.tb.Helper(); s.check(s.end(syscall.SIGTERM)) }

// Kill ends the server by SIGKILL.
func (s *Server) Kill() { s.tb.Helper(); s.check(s.end(syscall.SIGKILL)) }

// Freeze stops the server without ending it: connections stay open, new ones are still accepted by
// the kernel, and nothing is answered.
func (s *Server) Freeze() { s.tb.Helper(); s.check(s.signal(syscall.SIGSTOP)); s.frozen = true }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.tb.Helper(); s.check(s.signal(syscall.SIGCONT)); s.frozen = false }

// Flush removes every key.
func (s *Server) Flush() { s.tb.Helper(); s.Do("FLUSHALL") }

// Do runs one command and returns its answer as go-redis gives it.
func (s *Server) Do(args ...any) any {
	s.tb.Helper()
	got, err := s.command(args...)
	s.check(err)
	return got
}

// Commands is how many commands the server has run since its start, those of this package included.
func (s *Server) Commands() int {
	s.tb.Helper()
	text, _ := s.Do("INFO", "stats").(string)
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "total_commands_processed:"); ok {
			count, err := strconv.Atoi(n)
			s.check(err)
			return count
		}
	}
	s.tb.Fatalf("testredis: the server does not tell how many commands it ran")
	return 0
}

func (s *Server) check(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("testredis: %v", err)
	}
}

// command dials anew each time: a kept connection would show in leak checks and break with the server.
func (s *Server) command(args ...any) (any, error) {
	logging.Disable() // the client's own, which go to the standard error output
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	o := &redis.Options{Addr: s.Addr(), Username: s.user, Password: s.password, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, DisableIdentity: true, ContextTimeoutEnabled: true}
	if s.options.TLS {
		pem, err := os.ReadFile(s.CA())
		if err != nil {
			return nil, err
		}
		o.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		o.TLSConfig.RootCAs.AppendCertsFromPEM(pem)
	}
	if s.user != "" {
		o.Username, o.Password = adminUser, s.password
	}
	client := redis.NewClient(o)
	defer client.Close()
	got, err := client.Do(ctx, args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("%v: %w", args[0], err)
	}
	return got, nil
}

const (
	// gatewayUser is the user that Rules are given to.
	gatewayUser = "gatehouse"
	// adminUser is who the tests themselves are.
	adminUser = "tester"
)

func (s *Server) open() (err error) {
	if s.program, err = findProgram(); err != nil {
		return err
	}
	if s.folder, err = os.MkdirTemp("", "testredis-"); err != nil {
		return fmt.Errorf("making a folder for Redis: %w", err)
	}
	if s.watchdog, err = testproc.StartWatchdog(s.folder, false); err != nil {
		return err
	}
	if s.options.Rules != "" {
		s.user, s.password = gatewayUser, rand.Text()
	}
	if s.options.TLS {
		if err := makeCertificates(s.folder); err != nil {
			return err
		}
	}
	// Another process may take the port between the question and the start: ask again.
	for range 5 {
		if s.port, err = testproc.FreePort(); err != nil {
			return fmt.Errorf("finding a free port: %w", err)
		}
		if err = s.start(); err == nil || !strings.Contains(err.Error(), "ddress already in use") {
			return err
		}
	}
	return err
}

// close leaves nothing behind, whatever state the server is in.
func (s *Server) close() error {
	if s.folder == "" {
		return nil
	}
	var ended error
	if s.pid != 0 {
		ended = s.end(syscall.SIGKILL)
	}
	if s.watchdog != nil {
		return errors.Join(ended, s.watchdog.Dismiss())
	}
	return errors.Join(ended, os.RemoveAll(s.folder))
}
