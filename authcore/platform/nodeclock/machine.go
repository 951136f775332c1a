//go:build !gatehouse_testbuild

package nodeclock

import "time"

// Now is the clock of the whole process, for what concerns this process alone. What other nodes see goes by [Clock.Now].
func Now() time.Time { return time.Now() }

// advanced is by how much all clocks have been moved for a test.
func advanced() time.Duration { return 0 }

// misset is by how much the machine's clock has been put wrong for a test.
func misset() time.Duration { return 0 }

// CounterTime is the time that counters in Redis go by; the zero time is Redis's own clock, one for all nodes.
func CounterTime() time.Time { return time.Time{} }
