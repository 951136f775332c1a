//go:build !linux

package caddymodule

import "time"

// cpuTime is the time that has passed: elsewhere a thread's own is not to be had.
func cpuTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
