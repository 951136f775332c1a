// Package revocation answers from memory which sessions and accounts are no longer
// accepted, and takes in what has newly been revoked.
//
// It owns the [Set] that every guarded request is checked against, and the [Announcer]
// through which committed revocations enter it. It does not own the truth: revocations
// are committed in the database first and read back from there ([Set.Load]). It knows
// no SQL and imports no other adapter. Only caddymodule and tests import it.
package revocation
