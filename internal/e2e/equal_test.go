package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// aloneOrParallel lets a test that measures by the clock run before all that run in parallel.
func aloneOrParallel(t *testing.T) {
	t.Helper()
	if !soak.Long() {
		t.Parallel()
	}
}

// equal fails the test if what the gateway does for a known name can be told from what it does for an unknown one. try is
// called in interleaved pairs. The short form compares the processor time of the gateway, which holds on a busy machine as
// well: 5 ms is a tenth of a hash, and on a busy machine an eighth
// of it all is allowed. The long form compares by the clock besides, as an attacker beside the gateway could:
// medians less than 5 ms apart and an AUC of 0.45 to 0.55. Chance can spoil a run, a leak spoils each.
func (g *gateway) equal(t testing.TB, pairs int, try func(known bool)) {
	t.Helper()
	try(true) // what only the first one does
	try(false)
	for run := 1; ; run++ {
		var clock, work [2][]time.Duration
		for i := range pairs {
			for half := range 2 {
				which := (i + half) % 2
				begin, used := time.Now(), g.work(t)
				try(which == 1)
				clock[which] = append(clock[which], time.Since(begin))
				work[which] = append(work[which], g.work(t)-used)
			}
		}
		more, _ := testflow.Apart(work[1], work[0])
		later, auc := testflow.Apart(clock[1], clock[0])
		t.Logf("run %d: known names take %s more work than %s, %s longer than %s, AUC %.3f", run, more, testflow.Median(work[0]),
			later, testflow.Median(clock[0]), auc)
		byClock := soak.Long() && testflow.Told(clock[1], clock[0])
		if more.Abs() <= max(5*time.Millisecond, testflow.Median(work[0])/8) && !byClock {
			return
		}
		if run == 3 {
			t.Fatal("three runs tell a known name from an unknown one")
		}
	}
}

// work is the processor time that the gateway's threads have used up to now.
func (g *gateway) work(t testing.TB) time.Duration {
	t.Helper()
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(g.PID()) + "/task/*/schedstat")
	if err != nil || len(threads) == 0 {
		t.Fatalf("reading the gateway's threads: %v", err)
	}
	var sum time.Duration
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		ns, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n)
	}
	return sum
}
