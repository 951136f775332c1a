// Package recovery owns the way back in for who has forgotten the password: a code and link to the account's address, and
// a new password for who proves one.
//
// Asking answers the same for every login. A reset ends every session and every other code of the account, and opens no
// session: who resets signs in afterwards, with a second factor where one is owed (OWASP Forgot Password Cheat Sheet).
package recovery
