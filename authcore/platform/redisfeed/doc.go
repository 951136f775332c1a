// Package redisfeed carries revocations between nodes through a Redis stream, in milliseconds.
//
// It owns the stream: its messages and their MAC, publishing, reading, and noticing whatever is
// missing. Messages only ever deny (a revocation that is applied) or make the node look into the
// database (a gap); none can admit anybody, and one that carries no good MAC is counted and ignored.
// So losing the stream, or all of Redis, loses nothing but speed.
//
// Each node numbers its messages, heartbeats included. A number that is missing, a place in the stream that is gone,
// and a heartbeat that does not come back all mean the same: something may have been missed, and the database knows.
// While a node is silent that has not said that it stops, the snapshot is confirmed no further than to when it was
// heard, for it may be revoking without reaching Redis. It does not own the snapshot of what is revoked, nor the reading
// of the database: see package revocation. Only caddymodule and tests import it.
package redisfeed
