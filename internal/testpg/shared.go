package testpg

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the server of this test binary. A start that failed is kept: each later test fails with
// the same line at once.
var shared struct {
	mu     sync.Mutex
	server *Server
	err    error
}

// Database makes an empty database on the test binary's server, which the first call starts, and
// returns its postgres:// URL. The role in it owns the database and is no superuser. The database is
// dropped when the test ends. Safe to call from parallel tests.
func Database(t testing.TB) string {
	t.Helper()
	s, err := sharedServer()
	if err != nil {
		t.Fatalf("testpg: %v", err)
	}
	name, err := s.createDatabase()
	if err != nil {
		t.Fatalf("testpg: %v", err)
	}
	t.Cleanup(func() {
		if err := s.dropDatabase(name); err != nil {
			t.Errorf("testpg: %v", err)
		}
	})
	return s.url(owner, name)
}

func sharedServer() (*Server, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = Open(Options{})
	}
	return shared.server, shared.err
}

// Main runs the tests and then stops the server. It is the whole of a TestMain.
func Main(m *testing.M) {
	m.Run()
	Close()
}

// Close stops the test binary's server, if one was started. A TestMain with duties of its own calls
// it after the last test.
func Close() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		return
	}
	if err := shared.server.close(); err != nil {
		fmt.Fprintln(os.Stderr, "testpg:", err)
	}
	shared.server = nil
}
