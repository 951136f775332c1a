//go:build gatehouse_testbuild

package passhash

import "os"

// DefaultParams of a test build cost a hundredth, for most tests are about something else than the hash and would wait for it, unless
// GATEHOUSE_TEST_HASHES says "release". A release has no such switch.
var DefaultParams = Params{MemoryKiB: 471, Time: 1, Threads: 1}

func init() {
	if os.Getenv("GATEHOUSE_TEST_HASHES") == "release" {
		DefaultParams.MemoryKiB = 47104
	}
}
