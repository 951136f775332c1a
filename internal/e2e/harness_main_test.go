// Package e2e drives the real gateway from outside: the real binary as a real process with a real Caddyfile, a real
// upstream behind it and real clients before it.
//
// It holds tests only. harness_*_test.go own the process, the upstream, the clients and the mails; every other file
// tests one group of promises and attacks.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

// work is the folder of everything this run writes.
var work string

func TestMain(m *testing.M) {
	testsmtp.Main()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gh-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	work = dir
	defer os.RemoveAll(dir)
	defer testpg.Close()
	defer stopShared()
	return m.Run()
}

// release is the gateway as it is shipped; testClock the one whose clock a test can move.
var (
	release   = sync.OnceValues(func() (string, error) { return build("gatehouse") })
	testClock = sync.OnceValues(func() (string, error) { return build("gatehouse-testclock", "-tags", "gatehouse_testclock") })
)

// build compiles with plain flags, so that it shares the build cache with everything else. Where GATEHOUSE_E2E_BINARIES
// names a folder the binaries stay there, and one that is up to date is not linked again.
func build(name string, flags ...string) (string, error) {
	folder := os.Getenv("GATEHOUSE_E2E_BINARIES")
	if folder == "" {
		folder = work
	}
	path := filepath.Join(folder, name)
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "github.com/gatehouse-auth/gatehouse/cmd/gatehouse")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return path, nil
}

// spawn starts processes from one thread that never ends: Linux kills a child whose parent *thread* has died
// (Pdeathsig), and that is how no gateway outlives the tests, however they end.
func spawn(cmd *exec.Cmd) error {
	spawnerOnce.Do(func() {
		go func() {
			runtime.LockOSThread()
			for job := range spawnJobs {
				job.done <- job.cmd.Start()
			}
		}()
	})
	done := make(chan error, 1)
	spawnJobs <- spawnJob{cmd, done}
	return <-done
}

type spawnJob struct {
	cmd  *exec.Cmd
	done chan error
}

var (
	spawnerOnce sync.Once
	spawnJobs   = make(chan spawnJob)
)
