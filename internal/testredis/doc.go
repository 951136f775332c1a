// Package testredis gives tests a private Redis server.
//
// It owns finding the program, a temporary folder, starting, stopping, killing and freezing the
// server, its certificate and users where a test asks for TLS or ACLs, and the larger shapes: a
// [Cluster] of masters and a master with replica and [Sentinel]. It keeps nothing on disk unless
// asked to, so that a killed server comes back empty, as an operator's cache would.
//
// [New] takes some ten milliseconds, so each test has a server of its own. A server never outlives
// the test binary: a watchdog process ends it and removes its folder as soon as the binary is gone,
// however it went. A Redis that cannot be started fails the test with one line; nothing here skips.
//
// Only tests import this package.
package testredis
