// Package breach says what becomes of a sign-in with a password that stands in a list of known breaches: nothing, a mail to the owner, or a
// reset (63B §3.1.1.2; row L16). Whether a password is in the list is asked through a function; the list itself is in package breachlist.
package breach
