// Package browser drives the real gateway with a real browser: the real binary with a real Caddyfile, and Chromium as a
// person uses it, with mouse, keyboard and mail.
//
// It holds tests only. main, gateway, chrome, tab and mail own the processes and what a person can do; every other file is
// one group of promises.
package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// write makes TestScreenshots write the pictures of the documentation: go test -run TestScreenshots . -args -write
var write = flag.Bool("write", false, "write the screenshots of the documentation")

// look is where every page is left as a picture, "" for nowhere.
var look = flag.String("look", "", "folder to leave a picture of every page in")

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	defer gatehousetest.RemoveWork()
	defer stopShared()
	defer stopChromium()
	return m.Run()
}

// chromium is the one browser of this run. Each person gets a profile of their own in it.
var chromium = sync.OnceValues(func() (context.Context, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, errors.New("the tests need the program chromium, of Debian's package of that name")
	}
	ctx, stop, err := startChromium(path)
	if err != nil {
		return nil, fmt.Errorf("starting chromium: %w", err)
	}
	chromiumStop = stop
	return ctx, nil
})

var chromiumStop = func() {}

func stopChromium() { chromiumStop() }
