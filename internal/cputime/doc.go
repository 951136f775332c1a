// Package cputime measures work by the processor's time of a thread, which a busy machine does not lengthen. It owns nothing
// else, and only tests import it.
package cputime

import (
	"runtime"
	"time"
)

// Of is how long a processor is busy with do, on the goroutine that calls.
func Of(do func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := Thread()
	do()
	return Thread() - before
}
