// Package history shows the owner of an account what has happened to it: who signed in, or tried to, and everything else that its security
// log holds. It reads what package audit has written, and changes nothing.
package history
