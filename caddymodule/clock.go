//go:build !gatehouse_testclock

package caddymodule

import "time"

// now is the clock of the whole process.
func now() time.Time { return time.Now() }
