// Package gatehousetest owns the gateways that tests and benchmarks start: the binary, of which a run has one, the
// process, its folder, ports and log. What is asked of a gateway, and by whom, is of those who start it.
//
// Only tests and bench import it. Everything here is safe for concurrent use, except where it says otherwise.
package gatehousetest
