// Package revocation answers from memory which sessions and accounts are no longer
// accepted, and takes in what has newly been revoked.
//
// It owns the [Set] that every guarded request is checked against, the [Announcer]
// through which committed revocations enter it, the [Poller] that reads them back from
// the database, and the [Staleness] that knows how old the snapshot is. It does not own the
// truth, which is the database's, nor the way between nodes: a feed applies what it
// brings to the set, and confirms the staleness or says that it has missed something. It
// knows neither SQL nor Redis and imports no other adapter. Only caddymodule and tests
// import it.
package revocation
