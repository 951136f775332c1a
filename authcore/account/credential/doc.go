// Package credential owns the change of a password by who is signed in and knows the present one. The way back in for who
// does not know it is package recovery's.
//
// A try to change is a try to guess: it is counted and locked with the sign-ins of the account. A change ends every
// session, the one that asked for it included, and every code or link of the account that was under way, and its owner is
// told by mail. Callers decide who is signed in.
package credential
