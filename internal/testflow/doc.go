// Package testflow is the whole domain on a real SQLite file, for tests of its flows: every capability, the real hasher,
// limiter, lockouts, keys and revocations, a clock that the test moves, and the mails that were committed to the outbox.
package testflow
