//go:build !gatehouse_testbuild

package passhash

// DefaultParams is OWASP's first choice, 46 MiB in one pass.
var DefaultParams = Params{MemoryKiB: 47104, Time: 1, Threads: 1}
