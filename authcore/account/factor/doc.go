// Package factor owns the second factors of accounts: which there are, how one is added and shown to work, and what proves it. A
// factor is a mailbox, a number, an authenticator app (RFC 6238) or a set of recovery codes.
//
// Whatever proves a factor does so once: the time step of an app, the code of a mail or SMS, a recovery code. That is decided by one
// conditional statement of the store, so that of a hundred who send one code at once exactly one is let in. When a factor is asked for
// is not decided here but in package secondstep.
package factor
