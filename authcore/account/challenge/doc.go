// Package challenge owns what every code and link has in common: how they are made, worded as a mail, limited, and
// verified. signup, password and handover are its users; a new purpose is a row in the table of purposes.go.
//
// A code is short, so only a keyed digest of it is stored (a database dump holds no usable code, ASVS 6.5.2) and every
// wrong one is counted. A link's token is 256 random bits, so its plain SHA-256 is stored. Both are bound to one purpose
// and one subject (ASVS 6.6.2). It does not decide who gets a code or what a verified one allows.
package challenge
