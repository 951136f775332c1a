// Package e2e drives the real gateway from outside: the real binary as a real process with a real Caddyfile, a real
// upstream behind it and real clients before it.
//
// It holds tests only. harness_*_test.go own the process, the upstream, the clients and the mails; every other file
// tests one group of promises and attacks.
package e2e

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

func TestMain(m *testing.M) {
	testsmtp.Main()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	manyWait()
	defer gatehousetest.RemoveWork()
	defer testpg.Close()
	defer stopShared()
	return m.Run()
}

// manyWait lets more tests run at once than there are processors, unless whoever runs them says how many: nearly all of
// them wait most of the time.
func manyWait() {
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", strconv.Itoa(max(4, 2*runtime.GOMAXPROCS(0)))) // the flag is there, and takes numbers
	}
}

// workDir is the folder of what a test writes and no test's own folder is for.
func workDir(t testing.TB) string {
	t.Helper()
	dir, err := gatehousetest.Work()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
