//go:build gatehouse_testclock

package caddymodule

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// In a test build the clock runs ahead of the real one by the duration in the file named by GATEHOUSE_TEST_CLOCK, which is
// read again every few milliseconds. What it has taken over it writes beside that file, under the name with .read
// appended. A release has no such switch.
var offset atomic.Int64

func init() {
	file := os.Getenv("GATEHOUSE_TEST_CLOCK")
	if file == "" {
		return
	}
	taken := ""
	read := func() {
		text, err := os.ReadFile(file)
		if err != nil || string(text) == taken {
			return
		}
		if d, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
			offset.Store(int64(d))
		} else if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			offset.Store(n)
		}
		if os.WriteFile(file+".read", text, 0o600) == nil {
			taken = string(text)
		}
	}
	read()
	go func() {
		for range time.Tick(5 * time.Millisecond) {
			read()
		}
	}()
}

// now is the clock of the whole process.
func now() time.Time { return time.Now().Add(time.Duration(offset.Load())) }

// counterTime is the time that counters in Redis go by; the zero time is Redis's own clock, one for all nodes.
func counterTime() time.Time {
	if offset.Load() == 0 {
		return time.Time{}
	}
	return now()
}
