package gatehousetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Binaries is the environment variable with the folder in which the gateway stands already built, as `make test` does it
// once for all packages. Without it each test binary that needs a gateway builds its own.
const Binaries = "GATEHOUSE_BINARIES"

const command = "github.com/gatehouse-auth/gatehouse/cmd/gatehouse"

var (
	// Release returns the path of the gateway as it is shipped.
	Release = sync.OnceValues(func() (string, error) { return binary("gatehouse") })
	// TestBuild returns that of the gateway whose clock a test can move, and whose password hashes cost a hundredth.
	TestBuild = sync.OnceValues(func() (string, error) { return binary("gatehouse-testbuild", "-tags", "gatehouse_testbuild") })
)

// binary builds with plain flags, so that it shares the build cache with everything else.
func binary(name string, flags ...string) (string, error) {
	if folder := os.Getenv(Binaries); folder != "" {
		path := filepath.Join(folder, name)
		// Stat also tells `go test` that a result stands only as long as this file does.
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("finding the gateway, which %s promises: %w", Binaries, err)
		}
		return path, nil
	}
	return Build(name, flags...)
}

// Build builds the gateway of this tree into the process's own folder.
func Build(name string, flags ...string) (string, error) {
	folder, err := Work()
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, name)
	build := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), command)...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return path, nil
}

// Work is the folder of everything that this process writes; RemoveWork ends it.
var Work = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "gatehousetest-") })

// RemoveWork removes the folder, after the last gateway has ended.
func RemoveWork() {
	if folder, err := Work(); err == nil {
		_ = os.RemoveAll(folder)
	}
}
