package caddymodule

import (
	"syscall"
	"time"
)

// cpuTime is what this thread has had of a processor: on a busy machine much less than has passed.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
