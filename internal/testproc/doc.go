// Package testproc is what the servers of tests have in common as processes: a watchdog that ends them when the test
// binary is killed, and looking at them without a goroutine that a leak check would find. Only test packages and bench
// import it. It knows no particular server.
package testproc
