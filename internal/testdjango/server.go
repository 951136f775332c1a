package testdjango

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

//go:embed testdata/*.py
var project embed.FS

// gunicorn is Debian's: the one in PATH may belong to another Python, without the packages.
const gunicorn = "/usr/bin/gunicorn"

const (
	startLimit = 60 * time.Second // importing and migrating takes three on an idle machine
	stopLimit  = 20 * time.Second
)

// An Account is one of Django's users. They are made in their order and so have the ids 1, 2, …
type Account struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Password string `json:"password"`
	Staff    bool   `json:"is_staff"`
	Inactive bool   `json:"-"`
}

// MarshalJSON returns the arguments of Django's create_user.
func (a Account) MarshalJSON() ([]byte, error) {
	type account Account
	return json.Marshal(struct {
		account
		Active bool `json:"is_active"`
	}{account(a), !a.Inactive})
}

// Options say what to start.
type Options struct {
	Key     string // Django's SECRET_KEY; required
	Workers int    // processes of gunicorn; 0 is one
	// Bare leaves out what simplejwt does not bring by itself: the application that keeps a blacklist, and the header X-Options.
	Bare     bool
	Accounts []Account
}

// A Server is a running Django. simplejwt is at /api/token/, a viewset of the users at /student/authentication/ (who is signed in
// reads, staff change) and another at /admins/users/ (staff alone). The header X-Options of a request to one worker switches
// options of simplejwt on for it: "rotate", "blacklist".
type Server struct {
	URL string // http://127.0.0.1:… without a final slash

	folder   string
	pid      int
	watchdog *testproc.Watchdog
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatalf("testdjango: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Django's last lines:\n%s", s.lastLines())
		}
		if err := s.Close(); err != nil {
			t.Errorf("testdjango: %v", err)
		}
	})
	return s
}

// Open is New for programs that are no tests; its caller closes the server.
func Open(o Options) (*Server, error) {
	folder, err := os.MkdirTemp("", "testdjango")
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder}
	if s.watchdog, err = testproc.StartWatchdog(folder, true); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := s.start(o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start(o Options) error {
	names, err := fs.Glob(project, "testdata/*")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := project.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(s.folder, filepath.Base(name)), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	accounts, err := json.Marshal(o.Accounts)
	if err != nil {
		return err
	}
	blacklist := "on"
	if o.Bare {
		blacklist = "off"
	}
	if err := s.spawn([]string{
		"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1", "SECRET_KEY=" + o.Key, "ACCOUNTS=" + string(accounts),
		"BLACKLIST=" + blacklist,
	}, max(o.Workers, 1)); err != nil {
		return fmt.Errorf("starting gunicorn (Debian packages gunicorn and python3-djangorestframework-simplejwt): %w", err)
	}
	return s.waitReady()
}

func (s *Server) spawn(env []string, workers int) error {
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
	process, err := os.StartProcess(gunicorn, []string{
		gunicorn, "--preload", "--bind", "127.0.0.1:0", "--workers", strconv.Itoa(workers), "--timeout", "60", "site_wsgi",
	}, &os.ProcAttr{
		Dir: s.folder, Env: env, Files: []*os.File{null, log, log},
		// A group of its own, so that ctrl-C reaches the test first and the server through it.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return err
	}
	s.pid = process.Pid
	return errors.Join(process.Release(), s.watchdog.Watch(s.pid))
}

var listening = regexp.MustCompile(`Listening at: (http://127\.0\.0\.1:\d+) `)

// waitReady reads the port from what gunicorn says when it listens: then the application is loaded.
func (s *Server) waitReady() error {
	died := false
	ready := testproc.Until(startLimit, func() bool {
		if died = testproc.Exited(s.pid); died {
			return true
		}
		text, err := os.ReadFile(s.log())
		if found := listening.FindSubmatch(text); err == nil && found != nil {
			s.URL = string(found[1])
		}
		return s.URL != ""
	})
	switch {
	case died:
		s.pid = 0
		return errors.Join(fmt.Errorf("starting Django: it ended at once: %s", s.lastLines()), s.watchdog.Watch(0))
	case !ready:
		return fmt.Errorf("starting Django: not ready after %s: %s", startLimit, s.lastLines())
	}
	answer, err := http.Get(s.URL + "/api/token/")
	if err != nil {
		return fmt.Errorf("asking Django: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed {
		return fmt.Errorf("asking Django: answered %d: %s", answer.StatusCode, s.lastLines())
	}
	return nil
}

// Addr is the server's host:port.
func (s *Server) Addr() string { return strings.TrimPrefix(s.URL, "http://") }

func (s *Server) log() string { return filepath.Join(s.folder, "log") }

func (s *Server) lastLines() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// Close stops the server and removes its folder.
func (s *Server) Close() error {
	var err error
	if s.pid != 0 {
		if err = syscall.Kill(s.pid, syscall.SIGQUIT); err != nil {
			err = fmt.Errorf("stopping Django: %w", err)
		} else if !testproc.Until(stopLimit, func() bool { return testproc.Exited(s.pid) }) {
			return fmt.Errorf("stopping Django: still there after %s", stopLimit) // the watchdog ends it with this process
		}
		s.pid = 0
		err = errors.Join(err, s.watchdog.Watch(0))
	}
	return errors.Join(err, s.watchdog.Dismiss())
}
