// Package testpg gives tests a private Postgres server.
//
// It owns finding the programs, making a cluster in a temporary folder, starting and stopping the
// server, and one fresh database per test. It does not own a schema: a database is handed out empty.
//
// [Database] is what most tests need: one server per test binary, started at the first call. A
// package that uses it should stop the server from its TestMain:
//
//	func TestMain(m *testing.M) { testpg.Main(m) }
//
// [New] gives a server of its own to a test that stops, kills or freezes it.
//
// A server never outlives the test binary: a watchdog process stops it and removes its folder as
// soon as the binary is gone, however it went. A Postgres that cannot be started fails the test with
// one line; nothing here skips.
//
// Only tests import this package.
package testpg
