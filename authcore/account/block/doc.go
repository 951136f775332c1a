// Package block keeps out whom the operator does not want: rules on addresses, numbers, usernames and client addresses, by pattern, by list
// and by kind of number. A rule holds for signing up, for signing in, or for what is sent. What is allowed, where anything is, holds beside.
//
// The rules lie in memory as one snapshot that a change replaces whole: to ask costs no I/O. An answer never says which rule refuses
// somebody; the event of the hit does.
package block
