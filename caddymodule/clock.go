//go:build !gatehouse_testclock

package caddymodule

import "time"

// now is the clock of the whole process.
func now() time.Time { return time.Now() }

// counterTime is the time that counters in Redis go by; the zero time is Redis's own clock, one for all nodes.
func counterTime() time.Time { return time.Time{} }
