// Package passhash hashes passwords with Argon2id (RFC 9106) and checks them, never more
// at once than its workers, so that a flood of sign-ins can exhaust neither memory nor the
// processors that guard requests.
//
// It takes the final text of a password: rules and Unicode normalisation are passpolicy's,
// and an account without a password is for the caller to meet with [Hasher.VerifyDummy].
// It imports nothing of Gatehouse, and may be imported by authcore and its capabilities.
package passhash
