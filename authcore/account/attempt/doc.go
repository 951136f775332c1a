// Package attempt owns the protocol around a try at a password, wherever one is typed: ask whether trying is allowed, and
// when the password was wrong count that and write it down, with the lock it may have brought. It hashes nothing and does
// not know what right means. Only capabilities import it.
package attempt
