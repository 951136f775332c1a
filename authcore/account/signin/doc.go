// Package signin owns signing in with a login and a password: who is meant, whether trying is allowed, whether the password
// is right, and that nobody learns more from the answer, its time or the lock than that.
//
// Every try costs the same: the same look-ups, exactly one Argon2id verification and one written event, whether the
// account exists or not, has a password or not, is disabled or not (OWASP ASVS 6.3.8). Rate limits by client address are
// the caller's. What a sign-in yields is package session's.
package signin
