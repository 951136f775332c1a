package gatehousetest

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestFreePort_OneRangeAProcess: two processes that run at the same time never pick the same port.
func TestFreePort_OneRangeAProcess(t *testing.T) {
	t.Parallel()
	own := rangeOf(FreePort())
	if os.Getenv("GATEHOUSETEST_ANOTHER") != "" {
		t.Logf("range %d.", own)
		return
	}
	another := exec.Command(os.Args[0], "-test.run", "^TestFreePort_OneRangeAProcess$", "-test.v")
	another.Env = append(os.Environ(), "GATEHOUSETEST_ANOTHER=1")
	out, err := another.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "range ") || strings.Contains(string(out), "range "+strconv.Itoa(own)+".") {
		t.Errorf("this process has range %d, another one: %v\n%s", own, err, out)
	}
	if next := rangeOf(FreePort()); next != own {
		t.Errorf("the range changes from %d to %d", own, next)
	}
}

func rangeOf(port int) int { return (port - firstPort) / ports }
