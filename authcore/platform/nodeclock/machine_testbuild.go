//go:build gatehouse_testbuild

package nodeclock

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// In a test build there are two ways to move clocks, each by the duration in a file that is read again every few milliseconds.
// What has been taken over is written beside that file, under the name with .read appended. A release has no such switch.
//
// GATEHOUSE_TEST_CLOCK names the file by which time passes: for the node, and as far as it can tell for everything around it,
// so it stands beyond what is compared with the database's clock. GATEHOUSE_TEST_MISSET names the file by which the machine's
// clock is wrong, as if somebody had set it.
var offset, wrongness atomic.Int64

func init() {
	follow(os.Getenv("GATEHOUSE_TEST_CLOCK"), &offset)
	follow(os.Getenv("GATEHOUSE_TEST_MISSET"), &wrongness)
}

func follow(file string, into *atomic.Int64) {
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
			into.Store(int64(d))
		} else if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			into.Store(n)
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

// Now is the clock of the whole process, for what concerns this process alone. What other nodes see goes by [Clock.Now].
func Now() time.Time { return time.Now().Add(advanced()) }

// advanced is by how much all clocks have been moved for a test.
func advanced() time.Duration { return time.Duration(offset.Load()) }

// misset is by how much the machine's clock has been put wrong for a test.
func misset() time.Duration { return time.Duration(wrongness.Load()) }

// CounterTime is the time that counters in Redis go by; the zero time is Redis's own clock, one for all nodes.
func CounterTime() time.Time {
	if offset.Load() == 0 {
		return time.Time{}
	}
	return Now()
}
