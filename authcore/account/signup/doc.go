// Package signup owns how an account comes to be: registration, the proof of its address, and asking for a new code.
//
// With signup verified nothing exists until the address is verified. Several registrations may wait for one address, for
// anybody can sign up a stranger's; the account is made of the one whose own secret (the registration secret, or the
// password) the prover of the address knows, or of a new password alone. So nobody can plant a password, a name or a
// session on somebody else's address (pre-hijacking, Sudhodanan and Paverd 2022), and an address that has an account
// already looks like any other from outside.
//
// It does not sign in with passwords (signin), nor change accounts that are there (profile, password).
package signup
