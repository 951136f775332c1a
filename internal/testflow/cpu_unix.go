//go:build unix

package testflow

import (
	"syscall"
	"testing"
	"time"
)

// CPU returns the processor time that this process has used up to now. What else the machine does makes it hardly longer,
// so it is what tests compare that must hold on a busy one; whoever measures by it must be alone in the process.
func CPU(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatalf("read processor time: %v", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
